"""What an engine is started with, and for whom."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import psutil

__all__ = ["Spec", "began", "owner", "owner_lives"]

_STARTTIME = 22 - 3  # in /proc/PID/stat, after the name, with proc(5)'s numbers


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
    return f"{socket.gethostname()}:{process.pid}:{began(process):.2f}"


def began(process: psutil.Process) -> float:
    """When a process began, by a clock that nobody sets: in ticks since the machine started.

    Where there is no such clock to read, in seconds since 1970.

    :raises psutil.NoSuchProcess: it has ended.
    """
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text(errors="replace")
    except FileNotFoundError:
        return process.create_time()
    return float(stat.rpartition(")")[2].split()[_STARTTIME])


def owner_lives(label: str) -> bool:
    """Whether the process that ``owner`` described runs still; true where that can't be known."""
    try:
        machine, pid, mark = label.rsplit(":", 2)
        if machine != socket.gethostname():
            return True
        return began(psutil.Process(int(pid))) == float(mark)
    except (ValueError, psutil.NoSuchProcess):
        return False
