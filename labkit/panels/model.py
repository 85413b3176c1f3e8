"""The containers of an engine as plain Python: a snapshot goes in, then events; rows come out.

Nothing here touches a socket or a widget. An event only says *that* something happened to a
container, not always what it is like now, and since API 1.52 it says less than before. So most
events ask for a refresh: the container's inspect, which waits for whatever the engine is just
doing to it. ``GET /containers/json`` does not wait: when Engine 20.10 tells of an exit, its list
can still call the container running.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["Change", "ContainerList", "ContainerRow", "Effect"]

JSON = Mapping[str, Any]

_RUNNING = {"running", "paused", "restarting"}
_STARTABLE = {"created", "exited", "dead"}
_REFRESHING = {
    "create", "start", "die", "stop", "pause", "unpause", "rename", "health_status", "update",
}  # fmt: skip
_DESTROYED = {"destroy"}
_EXIT = re.compile(r"\((\d+)\)")
_HEALTH = re.compile(r"\((healthy|unhealthy|health: starting)\)")
_SHORT = 12
_SIGNALLED = 128


@dataclass(frozen=True)
class ContainerRow:
    """What the panel shows of one container.

    ``state`` is Docker's own word: created, running, paused, restarting, removing, exited or dead.
    ``status`` says more where there is more: the exit code, or the health.
    """

    id: str
    name: str
    image: str
    state: str
    status: str = ""

    @classmethod
    def listed(cls, one: JSON) -> ContainerRow:
        """Read one element of ``GET /containers/json``."""
        names = [name[1:] for name in one.get("Names") or [] if name.count("/") == 1]
        state, told = str(one.get("State", "")), str(one.get("Status", ""))
        code, health = _EXIT.search(told), _HEALTH.search(told)
        status = _status(state, int(code[1]) if code else 0, health[1] if health else "")
        name = names[0] if names else str(one["Id"])[:_SHORT]
        return cls(str(one["Id"]), name, _image(one.get("Image")), state, status)

    @classmethod
    def inspected(cls, one: JSON) -> ContainerRow:
        """Read the answer of ``GET /containers/{id}/json``."""
        state = one.get("State") or {}
        health = str((state.get("Health") or {}).get("Status", ""))
        health = {"starting": "health: starting", "none": ""}.get(health, health)
        word = str(state.get("Status", ""))
        status = _status(word, int(state.get("ExitCode", 0)), health)
        image = _image((one.get("Config") or {}).get("Image"))
        return cls(str(one["Id"]), str(one.get("Name", "")).lstrip("/"), image, word, status)

    @property
    def running(self) -> bool:
        """Whether it is in ``docker ps``: running, paused or about to restart."""
        return self.state in _RUNNING

    @property
    def can_start(self) -> bool:
        """Whether a start makes sense; a paused container is unpaused, not started."""
        return self.state in _STARTABLE

    @property
    def can_stop(self) -> bool:
        """Whether a stop makes sense."""
        return self.running

    @property
    def can_remove(self) -> bool:
        """Whether a remove makes sense. A running one's does: the engine's 409 is worth a look."""
        return self.state != "removing"


class Effect(Enum):
    """What came of an event or an answer."""

    NONE = "nothing to show"
    CHANGED = "the row is new or another"
    REMOVED = "the row is gone"
    REFRESH = "inspect the container and put() the answer, or drop() it when there is none"


@dataclass(frozen=True)
class Change:
    """What came of an event or an answer, and for which container."""

    effect: Effect
    id: str = ""


_NOTHING = Change(Effect.NONE)


class ContainerList:
    """All containers of an engine, oldest first, so that no row moves when a container comes."""

    def __init__(self) -> None:
        self._rows: dict[str, ContainerRow] = {}

    def load(self, snapshot: Iterable[JSON]) -> None:
        """Forget everything and take what ``GET /containers/json?all=1`` answers, newest first."""
        rows = [ContainerRow.listed(one) for one in snapshot]
        self._rows = {row.id: row for row in reversed(rows)}

    def apply(self, event: JSON) -> Change:
        """Take one event of ``GET /events`` and say what it means for the rows."""
        if event.get("Type") != "container":
            return _NOTHING
        action = str(event.get("Action", "")).split(":")[0]
        container = str((event.get("Actor") or {}).get("ID", ""))
        if action in _DESTROYED:
            return self.drop(container)
        return Change(Effect.REFRESH, container) if action in _REFRESHING else _NOTHING

    def put(self, inspected: JSON) -> Change:
        """Take the answer of ``GET /containers/{id}/json``."""
        row = ContainerRow.inspected(inspected)
        if self._rows.get(row.id) == row:
            return _NOTHING
        self._rows[row.id] = row
        return Change(Effect.CHANGED, row.id)

    def drop(self, container: str) -> Change:
        """Take out the row with that id: there is no such container any more."""
        gone = self._rows.pop(container, None)
        return Change(Effect.REMOVED, container) if gone else _NOTHING

    def rows(self, *, all: bool = True) -> list[ContainerRow]:  # noqa: A002 - as the API
        """Return the rows; without ``all`` those of ``docker ps``."""
        return [row for row in self._rows.values() if all or row.running]

    def find(self, id_or_name: str) -> ContainerRow | None:
        """Return the row of a name, an id, or the beginning of one, as the engine would."""
        wanted = id_or_name.removeprefix("/")
        rows = self._rows.values()
        named = (row for row in rows if wanted in (row.id, row.name))
        begun = [row for row in rows if wanted and row.id.startswith(wanted)]
        return next(named, begun[0] if len(begun) == 1 else None)


def _status(state: str, code: int, health: str) -> str:
    if state == "created":
        return "never started"
    if state in ("exited", "restarting", "dead"):
        return f"exit code {code}{_signal(code)}"
    return health if state in _RUNNING else ""


def _signal(code: int) -> str:
    """Name the signal in an exit code: 137 is 128 + 9, SIGKILL."""
    try:
        return f" ({signal.Signals(code - _SIGNALLED).name})" if code > _SIGNALLED else ""
    except ValueError:
        return ""


def _image(name: str | None) -> str:
    """Shorten what stands for an image that has no name any more."""
    name = name or ""
    return name[len("sha256:") :][:_SHORT] if name.startswith("sha256:") else name
