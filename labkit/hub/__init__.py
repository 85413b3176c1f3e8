"""The lab hub: a real registry that behaves as Docker Hub does at the wire, limits included."""
