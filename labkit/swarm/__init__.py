"""A Swarm of several engines: the cluster, and what its managers know."""
