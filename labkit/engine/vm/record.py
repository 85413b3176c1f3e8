"""What is known of a virtual machine, as its folder keeps it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from labkit.engine import places
from labkit.engine.spec import Spec, began, owner

__all__ = ["Record", "folder", "records"]


@dataclass(frozen=True)
class Record:
    """A machine, and whose it is.

    :param kind: ``engine``, ``hub``, ``mirror``, or ``state`` for one that is to be saved.
    :param spec: of the engine in it.
    :param image: the folder of the machine image that it boots from.
    :param accelerator: QEMU's name for what it runs on.
    :param forwarded: the ports inside that loopback ports of this machine lead to.
    :param ports: those loopback ports, in the same order; they stay the same when it boots again.
    :param given: whom it may reach: machines that serve others, by address inside.
    :param address: what other machines call it, if it serves them.
    :param command: what it runs beside or in place of dockerd.
    :param network: the network that it is on, and ``at`` which address.
    :param pid: QEMU's process, which was ``born`` then; 0 before there is one.
    """

    id: str
    kind: str
    name: str
    spec: Spec
    image: str = ""
    accelerator: str = ""
    owner: str = field(default_factory=owner)
    created: float = field(default_factory=time.time)
    forwarded: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    command: str = ""
    network: str = ""
    at: str = ""
    pid: int = 0
    born: float = 0.0

    @classmethod
    def read(cls, id: str) -> Record | None:  # noqa: A002 - that is what it is
        """The record of a machine; None where there is none."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            told = json.loads((folder(id) / "machine.json").read_text())
            spec = Spec.read(json.dumps(told["spec"]))
            pairs = {name: tuple(told[name]) for name in ("forwarded", "ports")}
            return cls(**{**told, **pairs, "spec": spec})
        return None

    def write(self) -> None:
        """Keep it in the machine's folder, whole or not at all."""
        written = places.make(folder(self.id)) / "machine.json.new"
        written.write_text(json.dumps(asdict(self)))
        written.rename(folder(self.id) / "machine.json")

    @property
    def process(self) -> psutil.Process | None:
        """QEMU's process, if it runs."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if self.pid and began(process) == self.born:
                return process if process.status() != psutil.STATUS_ZOMBIE else None
        return None


def folder(id: str) -> Path:  # noqa: A002 - that is what it is
    """The folder of a machine: its record, its sockets, its console."""
    return places.run() / "vm" / id


def records(*kinds: str) -> list[Record]:
    """The records of this user's machines of some kinds, or of all; oldest first."""
    root = places.run() / "vm"
    found = [Record.read(one.name) for one in root.iterdir()] if root.is_dir() else []
    wanted = [one for one in found if one and (not kinds or one.kind in kinds)]
    return sorted(wanted, key=lambda one: one.created)
