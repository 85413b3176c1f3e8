"""One container, as a panel or a page shows it: read from a list or from an inspect, the same row.

Nothing here touches a socket.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labkit.tables import port_names

__all__ = ["ContainerRow"]

JSON = Mapping[str, Any]

_RUNNING = {"running", "paused", "restarting"}
_STARTABLE = {"created", "exited", "dead"}
_EXIT = re.compile(r"\((\d+)\)")
_HEALTH = re.compile(r"\((healthy|unhealthy|health: starting)\)")
_SHORT = 12
_SIGNALLED = 128


@dataclass(frozen=True)
class ContainerRow:
    """What is shown of one container.

    ``state`` is Docker's own word: created, running, paused, restarting, removing, exited or dead.
    ``status`` says more where there is more: the exit code, or the health. ``health`` is healthy,
    unhealthy or starting, and empty where no health check is. ``ports`` are as ``docker ps`` writes
    them, ``8080->80/tcp``. ``networks`` and ``volumes`` are the names of those that it uses.
    ``created`` are seconds since 1970.
    """

    id: str
    name: str
    image: str
    state: str
    status: str = ""
    health: str = ""
    ports: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    created: int = 0

    @classmethod
    def listed(cls, one: JSON) -> ContainerRow:
        """Read one element of ``GET /containers/json``."""
        names = [name[1:] for name in one.get("Names") or [] if name.count("/") == 1]
        state, told = str(one.get("State", "")), str(one.get("Status", ""))
        code, found = _EXIT.search(told), _HEALTH.search(told)
        health = found[1].removeprefix("health: ") if found else ""
        return cls(
            id=str(one["Id"]),
            name=names[0] if names else str(one["Id"])[:_SHORT],
            image=_image(one.get("Image")),
            state=state,
            status=_status(state, int(code[1]) if code else 0, health),
            health=health if state in _RUNNING else "",
            ports=tuple(port_names(one.get("Ports"))),
            networks=_networks(one),
            volumes=_volumes(one),
            created=int(one.get("Created") or 0),
        )

    @classmethod
    def inspected(cls, one: JSON) -> ContainerRow:
        """Read the answer of ``GET /containers/{id}/json``."""
        state = one.get("State") or {}
        health = str((state.get("Health") or {}).get("Status", "")).replace("none", "")
        word = str(state.get("Status", ""))
        return cls(
            id=str(one["Id"]),
            name=str(one.get("Name", "")).lstrip("/"),
            image=_image((one.get("Config") or {}).get("Image")),
            state=word,
            status=_status(word, int(state.get("ExitCode", 0)), health),
            health=health if word in _RUNNING else "",
            ports=tuple(port_names(_ports((one.get("NetworkSettings") or {}).get("Ports")))),
            networks=_networks(one),
            volumes=_volumes(one),
            created=_seconds(one.get("Created")),
        )

    @property
    def running(self) -> bool:
        """Whether it is in ``docker ps``: running, paused or about to restart."""
        return self.state in _RUNNING

    @property
    def actions(self) -> frozenset[str]:
        """What can sensibly be asked of it now; the engine has the last word.

        Of start, stop, restart, pause, unpause, kill and remove. A paused container is unpaused,
        not started. Remove is among them for a running one too: the engine's 409 is worth a look.
        """
        return frozenset(action for action, states in _ACTIONS.items() if self.state in states)

    def matches(self, words: str) -> bool:
        """Whether each of these words is in its name, id, image, state, status or ports."""
        fields = (self.name, self.id, self.image, self.state, self.status, *self.ports)
        text = "\n".join(fields).casefold()
        return all(word in text for word in words.casefold().split())


_ALIVE = _RUNNING | _STARTABLE
_ACTIONS = {
    "start": _STARTABLE,
    "stop": _RUNNING,
    "restart": _ALIVE - {"dead"},
    "pause": {"running"},
    "unpause": {"paused"},
    "kill": {"running", "paused"},
    "remove": _ALIVE,
}


def _status(state: str, code: int, health: str) -> str:
    if state == "created":
        return "never started"
    if state in ("exited", "restarting", "dead"):
        return f"exit code {code}{_signal(code)}"
    return health.replace("starting", "health: starting") if state in _RUNNING else ""


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


def _ports(inspected: Mapping[str, list[JSON] | None] | None) -> Iterable[dict[str, Any]]:
    """Give the ports of an inspect the shape that they have in a list."""
    for name, bindings in (inspected or {}).items():
        number, _, protocol = name.partition("/")
        inside = {"PrivatePort": int(number), "Type": protocol or "tcp"}
        for one in bindings or [{}]:
            outside = int(one.get("HostPort") or 0)
            yield {**inside, "IP": str(one.get("HostIp", "")), "PublicPort": outside}


def _networks(one: JSON) -> tuple[str, ...]:
    return tuple(sorted((one.get("NetworkSettings") or {}).get("Networks") or {}))


def _volumes(one: JSON) -> tuple[str, ...]:
    mounts = one.get("Mounts") or []
    return tuple(sorted(str(mount["Name"]) for mount in mounts if mount.get("Type") == "volume"))


def _seconds(written: str | None) -> int:
    return int(datetime.fromisoformat(written).timestamp()) if written else 0
