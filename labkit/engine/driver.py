"""The one interface to what engines live in: containers of a host engine, or virtual machines.

A *driver* makes *bodies*: what an engine lives in, or a hub. All that is above the engine knows
these two and no third.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from labkit.engine.certificates import Server
from labkit.engine.found import Companion, Found
from labkit.engine.spec import Spec

__all__ = ["Body", "Driver", "Network", "Say"]

Say = Callable[[str], None]


class Network(Protocol):
    """A network that bodies can be connected to."""

    @property
    def id(self) -> str:
        """What the driver knows it by."""

    @property
    def subnet(self) -> str:
        """The first three numbers of its addresses, such as ``10.215.0``."""

    def remove(self) -> None:
        """Take it away, if nobody is on it any more."""


class Body(Protocol):
    """What an engine or a hub lives in: a small Linux system of its own."""

    @property
    def id(self) -> str:
        """What the driver knows it by."""

    @property
    def running(self) -> bool:
        """Whether it runs; false also where it is gone."""

    @property
    def address(self) -> str:
        """Where other bodies that know it reach it."""

    def port(self, inside: int) -> int:
        """The loopback port of this machine that leads to a TCP port inside."""

    def put(self, archive: bytes, path: str = "/") -> None:
        """Unpack a tar inside."""

    def get(self, path: str) -> bytes:
        """A file or folder inside, as a tar; no bytes where there is none."""

    def run(self, *command: str, detach: bool = False, env: Mapping[str, str] | None = None) -> int:
        """Run a program inside.

        :returns: its exit code; 0 for one that goes on.
        """

    def log(self, *, lines: int) -> str:
        """The last lines of what it was made for: dockerd's, the hub's."""

    def start(self) -> None:
        """Start it, or start it again; what it has on its disk is there still."""

    def kill(self) -> None:
        """Kill it, as a power cut does."""

    def remove(self) -> None:
        """Remove it with its disk, whatever state it is in; if it is gone already, nothing."""

    def connect(self, network: str, address: str = "") -> str:
        """Put it on the network of that id, at that address; if it is there already, nothing.

        :returns: the address that it has there.
        """

    def disconnect(self, network: str) -> None:
        """Take it off the network of that id; its API still answers."""


class Driver(Protocol):
    """Makes bodies, finds them again, and takes them away."""

    @property
    def name(self) -> str:
        """As ``LABKIT_ENGINE`` has it: ``container`` or ``vm``."""

    @property
    def words(self) -> str:
        """Where engines are started, to be told: ``on the Docker started by the kit``."""

    @property
    def pace(self) -> float:
        """How many times longer than in a container things may take; waits are so much longer."""

    def body(self, id: str) -> Body:  # noqa: A002 - that is what it is
        """The body of that id, whether it is there or not."""

    def prepare(self, version: str, *, say: Say) -> None:
        """Make what a Docker version needs, once."""

    def fitted(self, spec: Spec, *, server: Server | None) -> Spec:
        """The spec as it will be here.

        :raises EngineError: an engine can't be like that here.
        """

    def start(self, name: str, spec: Spec, *, owner: str, server: Server | None, say: Say) -> Body:
        """Start an engine and wait until it answers; one that fails leaves nothing behind."""

    def reset(self, found: Found) -> Body:
        """Put a pristine engine in the place of one that is there, or was."""

    def wait(self, found: Found) -> Body:
        """Wait until an engine that runs already answers, and return its body."""

    def end(self, found: Found) -> None:
        """Remove an engine with all that it has on this machine."""

    def engines(self) -> list[Found]:
        """This user's engines, oldest first."""

    def companions(self) -> list[Companion]:
        """This user's hubs and mirrors, oldest first."""

    def serve(
        self, kind: str, command: str, names: Mapping[str, str], *, keep: bool, say: Say
    ) -> AbstractContextManager[Body]:
        """Make a companion that runs a shell command and serves HTTP at port 80; not yet started.

        If what is done in the ``with`` block fails, nothing is left behind.

        :param names: addresses by name that it shall know.
        """

    def network(self, name: str, *, keep: bool, internal: bool = False) -> Network:
        """Make a network with a subnet of its own; an internal one leads nowhere else."""

    def sweep(self) -> list[str]:
        """Remove what nobody needs any more; the names."""

    def down(self, *, images: bool) -> list[str]:
        """Remove all of this user's; the names.

        :param images: also what engines are made from.
        """
