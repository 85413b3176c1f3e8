"""What a cluster has on this machine while it runs, and what of it is left afterwards."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from labkit.engine import firewall, fleet, host
from labkit.swarm.cluster import Cluster


@dataclass(frozen=True)
class Traces:
    """The marks of a cluster: nobody else's can be the same, and a neighbour's do not matter.

    A namespace lives as long as a process is in it or a mount pins it: so processes and mounts
    tell of namespaces, too. (Their numbers do not: the kernel gives them out again.)
    """

    name: str
    bridge: str
    pins: frozenset[str]
    processes: frozenset[psutil.Process]

    @classmethod
    def of(cls, cluster: Cluster) -> Traces:
        """Look at a cluster that runs."""
        with host.find().client() as client:
            network = client.api.inspect_network(fleet.container_name(cluster.name))["Id"]
            nodes = [
                client.api.inspect_container(one.container_id) for one in cluster.nodes.values()
            ]
        first = [psutil.Process(one["State"]["Pid"]) for one in nodes]
        return cls(
            cluster.name,
            f"br-{network[:12]}",
            frozenset(str(one["NetworkSettings"]["SandboxKey"]) for one in nodes),
            frozenset([*first, *(one for each in first for one in each.children(recursive=True))]),
        )

    def left(self) -> list[str]:
        """What is there of it: containers, networks, volumes, mounts, links, rules, namespaces."""
        marks = (self.bridge, f"/{self.name}", *self.pins)
        return [
            *known_to_docker(self.name),
            *(line for line in _machine() if any(mark in line for mark in marks)),
            *(str(one) for one in self.processes if _lives(one)),
        ]


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _machine() -> list[str]:
    """This machine's mounts, firewall rules and network interfaces, a line each."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    for program, *arguments in (("iptables-save",), ("ip", "-o", "link")):
        if found := firewall.program(program):
            done = subprocess.run([found, *arguments], capture_output=True, text=True, check=True)
            lines += done.stdout.splitlines()
    return lines


def known_to_docker(name: str) -> list[str]:
    """What the host engine has of the cluster of that name."""
    mine = f"{fleet.mine('engine')['labkit.scope']}-{name}"
    with host.find().client() as client:
        volumes = client.api.volumes(filters={"label": "labkit=engine"})["Volumes"] or []
        return [
            *(one.name for one in fleet.engines(client) if one.name.startswith(name)),
            *(one["Name"] for one in client.api.networks() if mine in one["Name"]),
            *(one["Name"] for one in volumes if one["Labels"]["labkit.name"].startswith(name)),
        ]


@pytest.fixture
def traces() -> Callable[[Cluster], Traces]:
    """Look at what a cluster has on this machine."""
    return Traces.of


@pytest.fixture
def left() -> Callable[[str], list[str]]:
    """Return what the host engine has of a cluster of some name."""
    return known_to_docker
