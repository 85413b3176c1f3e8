"""The containers of an engine: a snapshot goes in, then events; rows come out.

An event only says *that* something happened to a container, not always what it is like now, and
since API 1.52 it says less than before. So most events ask for the container's inspect, which
waits for whatever the engine is just doing to it. ``GET /containers/json`` does not wait: when
Engine 20.10 tells of an exit, its list can still call the container running.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from labkit import raw
from labkit.errors import NotFound
from labkit.live.container import ContainerRow
from labkit.live.topic import Change, ask

__all__ = ["SORTS", "ContainerList"]

JSON = Mapping[str, Any]

SORTS = ("created", "name", "image", "state", "status")
"""What rows can be sorted by; ``created`` is oldest first."""

_REFRESHING = {
    "create", "start", "die", "stop", "pause", "unpause", "rename", "health_status", "update",
    "connect", "disconnect",
}  # fmt: skip


class ContainerList:
    """All containers of an engine; in their natural order, oldest first, no row ever moves."""

    name = "containers"
    types = frozenset({"container", "network"})

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, ContainerRow] = {}

    def load(self, client: raw.Client) -> Change:
        """Forget everything and ask ``GET /containers/json?all=true``."""
        return self.replace(ask(client, "/containers/json?all=true"))

    def take(self, client: raw.Client, event: JSON) -> Change | None:
        """Take one event; where it says too little, ask ``GET /containers/{id}/json``."""
        actor = event.get("Actor") or {}
        action = str(event.get("Action", "")).split(":")[0]
        if event.get("Type") == "network":
            container = str((actor.get("Attributes") or {}).get("container", ""))
        else:
            container = str(actor.get("ID", ""))
        if action == "destroy" and event.get("Type") == "container":
            return self.drop(container)
        return self._refresh(client, container) if container and action in _REFRESHING else None

    def replace(self, snapshot: Iterable[JSON]) -> Change:
        """Forget everything and take what ``GET /containers/json`` answers, newest first."""
        rows = [ContainerRow.listed(one) for one in snapshot]
        with self._lock:
            self._rows = {row.id: row for row in reversed(rows)}
        return Change(self.name, "load")

    def put(self, inspected: JSON) -> Change | None:
        """Take the answer of ``GET /containers/{id}/json``."""
        row = ContainerRow.inspected(inspected)
        with self._lock:
            if self._rows.get(row.id) == row:
                return None
            self._rows[row.id] = row
        return Change(self.name, "put", row.id)

    def drop(self, container: str) -> Change | None:
        """Take out the row with that id: there is no such container any more."""
        with self._lock:
            gone = self._rows.pop(container, None)
        return Change(self.name, "drop", container) if gone else None

    def rows(
        self,
        *,
        all: bool = True,  # noqa: A002 - as the API
        search: str = "",
        sort: str = "created",
        descending: bool = False,
    ) -> list[ContainerRow]:
        """Return the rows; without ``all`` those of ``docker ps``.

        :param search: words that each row must have, in any letter case.
        :param sort: one of :data:`SORTS`.
        """
        with self._lock:
            rows = list(self._rows.values())
        found = [row for row in rows if (all or row.running) and row.matches(search)]
        if sort == "created":
            return found[::-1] if descending else found
        found.sort(key=lambda row: str(getattr(row, sort)).casefold(), reverse=descending)
        return found

    def find(self, id_or_name: str) -> ContainerRow | None:
        """Return the row of a name, an id, or the beginning of one, as the engine would."""
        wanted = id_or_name.removeprefix("/")
        with self._lock:
            rows = list(self._rows.values())
        named = (row for row in rows if wanted in (row.id, row.name))
        begun = [row for row in rows if wanted and row.id.startswith(wanted)]
        return next(named, begun[0] if len(begun) == 1 else None)

    def _refresh(self, client: raw.Client, container: str) -> Change | None:
        try:
            return self.put(ask(client, f"/containers/{container}/json"))
        except NotFound:
            return self.drop(container)
