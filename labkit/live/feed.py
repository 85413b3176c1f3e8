"""What happens in an engine, followed by one thread, for as long as somebody looks.

The order is what makes it right. First the engine's own clock, then the event stream from a second
before that time, then the snapshots: whatever happens meanwhile is in a snapshot, in the stream,
or in both. When the stream breaks, all of it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.errors import LabError
from labkit.events import EventStream
from labkit.live.topic import JSON, Change, Topic, ask

__all__ = ["Feed"]

# Engine 20.10 writes its list up to some 0.1 s after it tells of an exit. What came before this
# overlap is in the list; replaying what is in it already does no harm.
_OVERLAP = 1.0
_TIMEOUT, _GRACE = 5.0, 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class Feed:
    """One thread and one event stream that keep topics up to date.

    It speaks to ``GET /info``, ``GET /events`` and to what its topics ask, API 1.24+, each without
    a version prefix. An engine that goes away is waited for, and looked at afresh when it is back.

    :param endpoint: where the engine listens; after a restart it is looked for at the same place.
    :param topics: what to keep up to date.
    :param changed: is told what changed, on the feed's own thread.
    :param away: is told that the engine does not answer, and that the feed goes on trying.

    Neither is told anything any more once :meth:`close` has returned.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        topics: Sequence[Topic],
        *,
        changed: Callable[[Change], None],
        away: Callable[[LabError], None],
    ) -> None:
        self._endpoint = endpoint
        self._topics = topics
        self._changed = changed
        self._told_away = away
        self._closing = threading.Event()
        self._told = threading.Event()
        self._guard = threading.Lock()
        self._stream: EventStream | None = None
        self._pause = _FIRST_PAUSE
        self._thread = threading.Thread(target=self._run, name="labkit-feed", daemon=True)
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """Wait until the first snapshots are there, or it is known that there are none.

        :param timeout: seconds.
        """
        return self._told.wait(timeout)

    def close(self) -> None:
        """End the thread and its connection; safe to call twice, and from the feed's own thread.

        Only an engine that hangs keeps the thread for longer than a moment: until its request
        times out, after five seconds at most, of which this waits one.
        """
        self._closing.set()
        with self._guard:
            stream = self._stream
        if stream:
            stream.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(_GRACE)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with raw.Client(self._endpoint, timeout=_TIMEOUT) as client:
                    self._follow(client)
            except LabError as error:
                self._away(error)
            self._closing.wait(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _follow(self, client: raw.Client) -> None:
        with self._open(client) as stream:
            for topic in self._topics:
                self._tell(topic.load(client))
            self._told.set()
            self._pause = _FIRST_PAUSE
            for event in stream:
                self._take(client, event)
        raise LabError("The engine ended its event stream.")

    def _open(self, client: raw.Client) -> EventStream:
        """Open the stream, and leave it where close() finds it."""
        since = _clock(client) - _OVERLAP
        types = sorted(frozenset[str]().union(*(topic.types for topic in self._topics)))
        stream = client.events(since=f"{since:.6f}", filters={"type": types})
        with self._guard:
            self._stream = stream
            if self._closing.is_set():
                stream.close()
        return stream

    def _take(self, client: raw.Client, event: JSON) -> None:
        for topic in self._topics:
            if event.get("Type") in topic.types and not self._closing.is_set():
                self._tell(topic.take(client, event))

    def _tell(self, change: Change | None) -> None:
        if change and not self._closing.is_set():
            self._changed(change)

    def _away(self, error: LabError) -> None:
        if not self._closing.is_set():
            self._told_away(error)
            self._told.set()


def _clock(client: raw.Client) -> float:
    """Return the engine's own time, in seconds since 1970: ``GET /info``, API 1.18+."""
    try:
        return datetime.fromisoformat(ask(client, "/info")["SystemTime"]).timestamp()
    except (LookupError, TypeError, ValueError) as cause:
        raise LabError(f"What listens at {client.endpoint.url} is no Docker Engine.") from cause
