"""What somebody else has started, and only lent.

An engine is known by its socket alone (``LABKIT_SOCKET``), a hub by its URL (``LABKIT_HUB``) and
the passwords of those who may sign in (``LABKIT_HUB_ACCOUNTS``, JSON by name).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from docker import DockerClient

from labkit import raw, sdk
from labkit.endpoint import Endpoint
from labkit.errors import EngineError


class GivenEngine:
    """Has what a notebook needs of an engine, and leaves its life to whoever gave it."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.endpoint = Endpoint(unix=socket)
        self.name = socket.stem

    @cached_property
    def _temporary(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="labkit-")

    @property
    def folder(self) -> Path:
        """A folder on this machine that goes when it is given back."""
        return Path(self._temporary.name)

    @cached_property
    def docker(self) -> DockerClient:
        """A Docker SDK client for the engine."""
        return sdk.client(self.endpoint)

    @cached_property
    def raw(self) -> raw.Client:
        """A raw client for the engine."""
        return raw.Client(self.endpoint)

    @property
    def version(self) -> str:
        """The Docker version, MAJOR.MINOR, as the engine itself says."""
        return ".".join(str(self.raw.get("/version").json()["Version"]).split(".")[:2])

    @property
    def alive(self) -> bool:
        """Whether its API answers."""
        return raw.answers(self.endpoint)

    def reset(self) -> None:
        """Not ours to reset.

        :raises EngineError: always.
        """
        raise EngineError(
            f"The engine at {self.socket} was given to this notebook, and stays as it is."
        )

    def stop(self) -> None:
        """Hang up; the engine lives on."""
        for name in ("docker", "raw"):
            if (opened := self.__dict__.pop(name, None)) is not None:
                opened.close()
        if temporary := self.__dict__.pop("_temporary", None):
            temporary.cleanup()


@dataclass(frozen=True)
class GivenAccount:
    """Who can sign in at a hub."""

    name: str
    password: str


class GivenHub:
    """Has what a notebook needs to ask a hub, and leaves its budgets to whoever gave it."""

    def __init__(self, url: str, passwords: Mapping[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self.accounts = {
            name: GivenAccount(name, password) for name, password in (passwords or {}).items()
        }

    def change(self, **_: object) -> None:
        """Not ours to change.

        :raises EngineError: always.
        """
        raise EngineError(f"The hub at {self.url} was given to this notebook, and stays as it is.")

    def stop(self) -> None:
        """Nothing to do; the hub lives on."""
