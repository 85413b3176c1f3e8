"""What the running containers use, measured for as long as somebody looks, once for all of them."""

from __future__ import annotations

import threading

from labkit.app.hub import Hub
from labkit.app.sse import Latest, Message
from labkit.endpoint import Endpoint
from labkit.live.stats import StatsFeed, Usage

__all__ = ["Meter"]


class Meter:
    """One thread that measures while at least one page listens.

    :param endpoint: where the engine listens.
    :param hub: knows which containers run.
    """

    def __init__(self, endpoint: Endpoint, hub: Hub) -> None:
        self._endpoint = endpoint
        self._hub = hub
        self._lock = threading.Lock()
        self._listeners: set[Latest] = set()
        self._feed: StatsFeed | None = None

    def listen(self) -> Latest:
        """Return a mailbox that always has the newest numbers; close it."""
        mailbox = Latest(self._leave)
        with self._lock:
            self._listeners.add(mailbox)
            if not self._feed:
                self._feed = StatsFeed(self._endpoint, self._running, told=self._told)
        return mailbox

    def _running(self) -> list[str]:
        return [row.id for row in self._hub.containers.rows(all=False)]

    def _told(self, found: dict[str, Usage]) -> None:
        message = Message("stats", {one: used.as_json() for one, used in found.items()})
        with self._lock:
            listeners = list(self._listeners)
        for mailbox in listeners:
            mailbox.put(message)

    def _leave(self, mailbox: Latest) -> None:
        with self._lock:
            self._listeners.discard(mailbox)
            feed = None if self._listeners else self._feed
            if feed:
                self._feed = None
        if feed:
            feed.close()  # outside the lock, which its thread may be waiting for
