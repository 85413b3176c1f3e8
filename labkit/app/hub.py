"""One feed for the whole app, and an outbox for each page that listens.

An outbox keeps *what* changed, not what it changed to: the row is looked up when the page takes
it. So fifty changes of one container are one, and a page that reads slowly is never told old news.
When more than :data:`LIMIT` things of a topic wait, the topic as a whole does instead.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from labkit.app.rows import as_json
from labkit.app.sse import Mailbox, Message
from labkit.endpoint import Endpoint
from labkit.errors import EngineGone, LabError
from labkit.live import things
from labkit.live.containers import ContainerList
from labkit.live.feed import Feed
from labkit.live.journal import Journal
from labkit.live.topic import Change

__all__ = ["LIMIT", "Hub", "Outbox"]

LIMIT = 200
"""How many changed things of one topic an outbox keeps before it says "all of them"."""

_AWAY = ("", "")


class Hub:
    """What is in the engine now, kept up to date by one thread, told to all who listen.

    :param endpoint: where the engine listens; it may die and come back.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.containers = ContainerList()
        self.images = things.images()
        self.networks = things.networks()
        self.volumes = things.volumes()
        self.events = Journal()
        self._topics = (self.containers, self.images, self.networks, self.volumes, self.events)
        self._lock = threading.Lock()
        self._outboxes: set[Outbox] = set()
        self._why: LabError | None = None
        self._feed = Feed(endpoint, self._topics, changed=self._changed, away=self._away)

    @property
    def why(self) -> str:
        """Why the engine does not answer; empty while it does."""
        return self._why.message if self._why else ""

    def wait(self, timeout: float) -> bool:
        """Wait until the first lists are there, or it is known that there are none.

        :param timeout: seconds.
        """
        return self._feed.wait(timeout)

    def require(self) -> None:
        """Refuse to show old lists.

        :raises EngineGone: the engine does not answer now.
        """
        if self._why:
            raise EngineGone(self._why.message, hint=self._why.hint)

    def rows(self, topic: str) -> list[dict[str, Any]]:
        """Return all rows of a topic, for JSON."""
        return [as_json(row) for row in self._topic(topic).rows()]

    def row(self, topic: str, row_id: str) -> dict[str, Any] | None:
        """Return the row with that id, for JSON, unless it is gone."""
        found = self.containers if topic == self.containers.name else self.events
        row = found.find(row_id)
        return as_json(row) if row else None

    def listen(self) -> Outbox:
        """Return an outbox that has everything to tell, and then whatever changes; close it."""
        outbox = Outbox(self)
        with self._lock:
            for topic in self._topics:
                outbox.put(Change(topic.name, "load"))
            if self._why:
                outbox.lose()
            self._outboxes.add(outbox)
        return outbox

    def leave(self, outbox: Outbox) -> None:
        """Tell it nothing any more."""
        with self._lock:
            self._outboxes.discard(outbox)

    def close(self) -> None:
        """End the thread, its connection, and every listener's stream."""
        self._feed.close()
        for outbox in self._listeners():
            outbox.close()

    def _topic(self, name: str) -> Any:
        return next(topic for topic in self._topics if topic.name == name)

    def _listeners(self) -> list[Outbox]:
        with self._lock:
            return list(self._outboxes)

    def _changed(self, change: Change) -> None:
        with self._lock:
            if change.kind == "load":
                self._why = None
            for outbox in self._outboxes:
                outbox.put(change)

    def _away(self, error: LabError) -> None:
        with self._lock:
            if self.why != error.message:
                self._why = error
                for outbox in self._outboxes:
                    outbox.lose()


class Outbox(Mailbox):
    """What one page has still to be told."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub
        self._waiting: dict[tuple[str, str], str] = {}

    def put(self, change: Change) -> None:
        """Note a change; of one thing only the last counts."""
        with self.changed:
            self._waiting.pop(_AWAY, None) if change.kind == "load" else None
            if (change.topic, "") in self._waiting:
                return  # all of it is waiting to be told anyway
            self._waiting.pop((change.topic, change.id), None)
            self._waiting[change.topic, change.id] = change.kind
            same = [key for key in self._waiting if key[0] == change.topic]
            if change.kind == "load" or len(same) > LIMIT:
                for key in same:
                    del self._waiting[key]
                self._waiting[change.topic, ""] = "load"
            self.changed.notify_all()

    def lose(self) -> None:
        """Note that the engine does not answer."""
        with self.changed:
            self._waiting[_AWAY] = "away"
            self.changed.notify_all()

    def close(self) -> None:
        """End the stream."""
        self._hub.leave(self)
        super().close()

    def pending(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._waiting)

    def collect(self) -> list[Message]:
        """Take what waits, as it is now."""
        with self.changed:
            waiting, self._waiting = self._waiting, {}
        told = [self._message(topic, row_id, kind) for (topic, row_id), kind in waiting.items()]
        return [message for message in told if message]

    def _message(self, topic: str, row_id: str, kind: str) -> Message | None:
        data: Mapping[str, Any]
        if kind == "away":
            data = {"why": self._hub.why}
        elif kind == "load":
            data = {"topic": topic, "rows": self._hub.rows(topic)}
        elif kind == "drop":
            data = {"topic": topic, "id": row_id}
        else:
            row = self._hub.row(topic, row_id)
            if not row:
                return None  # gone again; that it dropped is told next
            data = {"topic": topic, "row": row}
        return Message(kind, data)
