"""What the tests of panels share: another hand on the engine, and a look at the page."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import psutil
import pytest

from labkit import wait
from labkit.engine.engine import Engine
from labkit.errors import Conflict, NotFound
from labkit.raw import Client

SLEEP = ["sleep", "1000"]
LISTS = {
    "containers": ("/containers/json?all=true", "Id", "?force=true&v=true"),
    "images": ("/images/json", "Id", "?force=true"),
    "networks": ("/networks", "Id", ""),
    "volumes": ("/volumes", "Name", "?force=true"),
}


class Hand:
    """Does things to an engine as somebody else would, on a connection of its own."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def create(self, name: str, *command: str, **body: Any) -> str:
        """Create a container, and return its id."""
        body = {"Image": "busybox", "Cmd": command or SLEEP, **body}
        made = self.client.post("/containers/create", params={"name": name}, json=body)
        return str(made.json()["Id"])

    def run(self, name: str, *command: str, **body: Any) -> str:
        """Create a container and start it."""
        container = self.create(name, *command, **body)
        self.client.post(f"/containers/{container}/start")
        return container

    def state(self, name: str) -> str:
        """Return the state that the engine itself gives for a container."""
        return str(self.client.get(f"/containers/{name}/json").json()["State"]["Status"])

    def ids(self, kind: str = "containers") -> set[str]:
        """Return the ids of all containers, images, networks or volumes."""
        path, key, _ = LISTS[kind]
        found = self.client.get(path).json()
        return {one[key] for one in (found["Volumes"] or [] if kind == "volumes" else found)}

    def tidy(self, before: dict[str, set[str]]) -> None:
        """Remove what was not there before, and wait for what is going by itself."""
        for kind, known in before.items():
            wait.until(partial(self._is_tidy, kind, known), what=f"the {kind} to be gone")

    def _is_tidy(self, kind: str, known: set[str]) -> bool:
        for one in self.ids(kind) - known:
            with suppress(Conflict, NotFound):
                self.client.delete(f"/{kind}/{one}{LISTS[kind][2]}")
        return self.ids(kind) <= known


@pytest.fixture
def hand(engine: Engine) -> Iterator[Hand]:
    """A hand on the shared engine; what it made, or a panel did, is removed afterwards."""
    hand = Hand(engine.raw)
    before = {kind: hand.ids(kind) for kind in LISTS}
    yield hand
    hand.tidy(before)


@pytest.fixture
def other_hand() -> Callable[[Client], Hand]:
    """Make a hand on another engine, one that is thrown away as a whole."""
    return Hand


@pytest.fixture
def name() -> str:
    """Make up a name that no other test uses."""
    return f"panel-{uuid4().hex[:8]}"


def _page(widget: Any) -> str:
    if widget.layout.display == "none":
        return ""
    return str(getattr(widget, "value", "")) + "".join(
        _page(child) for child in getattr(widget, "children", ())
    )


@pytest.fixture
def page() -> Callable[[Any], str]:
    """Return all HTML that a panel would show now, with what its fields hold."""
    return lambda panel: _page(panel.widget)


@pytest.fixture
def sockets() -> Callable[[], set[int]]:
    """Return the file descriptors of this process's sockets."""

    def found() -> set[int]:
        mine = psutil.Process().net_connections("all")
        return {one.fd for one in mine if one.family in (socket.AF_UNIX, socket.AF_INET)}

    return found
