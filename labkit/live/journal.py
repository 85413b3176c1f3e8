"""The latest events of an engine, as they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labkit import raw
from labkit.live.topic import Change

__all__ = ["EventRow", "Journal"]

JSON = Mapping[str, Any]
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class EventRow:
    """One event. ``time`` are seconds since 1970, ``attributes`` what the engine adds."""

    id: str
    time: float
    type: str
    action: str
    actor: str
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, event: JSON, number: int) -> EventRow:
        """Read one element of ``GET /events``; of either shape, before and since API 1.52."""
        actor = event.get("Actor") or {}
        attributes = dict(actor.get("Attributes") or {})
        moment = event.get("timeNano", 0) / _NANOSECONDS or float(event.get("time", 0))
        name = attributes.get("name") or str(actor.get("ID", ""))
        return cls(
            str(number), moment, str(event.get("Type", "")), str(event.get("Action", "")),
            str(actor.get("ID", "")), name, attributes,
        )  # fmt: skip

    def matches(self, words: str) -> bool:
        """Whether each of these words is in its type, action, name, actor or attributes."""
        fields = (self.type, self.action, self.name, self.actor, *self.attributes.values())
        text = "\n".join(fields).casefold()
        return all(word in text for word in words.casefold().split())


class Journal:
    """The latest events, oldest first; what is told twice after a reconnect is kept once.

    :param limit: how many events are kept.
    """

    name = "events"
    types = frozenset({"container", "image", "network", "volume", "plugin", "daemon"})

    def __init__(self, *, limit: int = 500) -> None:
        self._lock = threading.Lock()
        self._rows: deque[EventRow] = deque(maxlen=limit)
        self._known: deque[tuple[Any, ...]] = deque(maxlen=limit)
        self._number = 0

    def load(self, client: raw.Client) -> Change:
        """Keep what there is: the stream itself begins a second before it was opened."""
        del client
        return Change(self.name, "load")

    def take(self, client: raw.Client, event: JSON) -> Change | None:
        """Keep an event."""
        del client
        key = (event.get("timeNano"), event.get("Type"), event.get("Action"), str(event["Actor"]))
        with self._lock:
            if key in self._known:
                return None
            self._known.append(key)
            self._number += 1
            self._rows.append(EventRow.read(event, self._number))
            return Change(self.name, "put", str(self._number))

    def rows(self, *, search: str = "") -> list[EventRow]:
        """Return the events that have each of these words, oldest first."""
        with self._lock:
            rows = list(self._rows)
        return [row for row in rows if row.matches(search)]

    def find(self, number: str) -> EventRow | None:
        """Return the event of that number."""
        with self._lock:
            return next((row for row in reversed(self._rows) if row.id == number), None)
