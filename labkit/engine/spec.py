"""What an engine is started with, and for whom."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import psutil

__all__ = ["Spec", "is_born", "owner", "owner_lives"]

_SET = 3.0  # seconds; no number is given to two processes that soon one after another


@dataclass(frozen=True)
class Spec:
    """What an engine is started with, enough to start the same again.

    :param version: the Docker version, as ``labkit.engine.image`` offers it.
    :param env: dockerd's environment, ``DOCKER_MIN_API_VERSION`` for one.
    :param args: further arguments of dockerd.
    :param tcp: whether it also listens on a loopback port, with mutual TLS.
    :param bridged: whether the unix socket on this machine is a bridge to that port.
    :param keep: whether it outlives the process that started it.
    :param hosts: addresses by name, for its /etc/hosts.
    :param cluster: the cluster that it is a node of: then it stays when it is stopped, and its
        host name is what its own name has after the cluster's.
    :param fenced: whether memory, processes and disk are bounded, as for a user nobody knows.
    :param network: the driver's network that it is on; its usual one where none is named.
    """

    version: str
    env: Mapping[str, str] = field(default_factory=dict)
    args: Sequence[str] = ()
    tcp: bool = False
    bridged: bool = False
    keep: bool = False
    hosts: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""
    fenced: bool = False
    network: str = ""

    @classmethod
    def read(cls, text: str) -> Spec:
        """A spec as a label has it; what another version of the kit has put there is left out."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})

    def hostname(self, container_name: str) -> str:
        """What the engine calls itself."""
        return container_name.rpartition(f"{self.cluster}-")[2] if self.cluster else "engine"


def owner() -> str:
    """This process, so that whoever comes later can tell whether it still lives."""
    process = psutil.Process()
    return f"{socket.gethostname()}:{process.pid}:{process.create_time():.2f}"


def is_born(process: psutil.Process, born: float) -> bool:
    """Whether that is when a process began, though the clock may have been set since."""
    return abs(process.create_time() - born) < _SET


def owner_lives(label: str) -> bool:
    """Whether the process that ``owner`` described runs still; true where that can't be known."""
    try:
        machine, pid, born = label.rsplit(":", 2)
        if machine != socket.gethostname():
            return True
        return is_born(psutil.Process(int(pid)), float(born))
    except (ValueError, psutil.NoSuchProcess):
        return False
