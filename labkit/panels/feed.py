"""What happens in an engine, followed by one thread, for as long as a panel is open.

The order is what makes it right. First the engine's own clock, then the event stream from a second
before that time, then the snapshot: whatever happens meanwhile is in the snapshot, in the stream,
or in both. When the stream breaks, all of it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.errors import LabError, NotFound
from labkit.events import EventStream

__all__ = ["Feed", "Listener"]

JSON = dict[str, Any]

# Engine 20.10 writes its list up to some 0.1 s after it tells of an exit. What came before this
# overlap is in the list; replaying what is in it already does no harm.
_OVERLAP = 1.0
_TIMEOUT, _GRACE = 5.0, 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


@dataclass(frozen=True)
class Listener:
    """Whom a feed tells, on the feed's own thread.

    :param snapshot: takes all containers, as ``GET /containers/json?all=1`` lists them.
    :param event: takes an event and returns the id of the container to inspect for it, or "".
    :param inspected: takes an id and what that container is now; None when it exists no more.
    :param away: hears that the engine does not answer, and that the feed goes on trying.
    """

    snapshot: Callable[[list[JSON]], None]
    event: Callable[[JSON], str]
    inspected: Callable[[str, JSON | None], None]
    away: Callable[[LabError], None]


class Feed:
    """One thread and one connection that tell a listener about an engine's containers.

    It speaks to ``GET /info``, ``GET /events`` (containers only), ``GET /containers/json`` and
    ``GET /containers/{id}/json``, API 1.24+, each without a version prefix.

    :param endpoint: where the engine listens; after a restart it is looked for at the same place.
    :param listener: who is told; no more once :meth:`close` has returned.
    """

    def __init__(self, endpoint: Endpoint, listener: Listener) -> None:
        self._endpoint = endpoint
        self._listener = listener
        self._closing = threading.Event()
        self._told = threading.Event()
        self._guard = threading.Lock()
        self._stream: EventStream | None = None
        self._pause = _FIRST_PAUSE
        self._thread = threading.Thread(target=self._run, name="labkit-panel-feed", daemon=True)
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """Wait until the listener has the first snapshot, or knows that there is none.

        :param timeout: seconds.
        """
        return self._told.wait(timeout)

    def close(self) -> None:
        """End the thread and its connection; safe to call twice, and from a listener.

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
            containers = _json(client, "/containers/json?all=true")
            if self._closing.is_set():
                return
            self._listener.snapshot(containers)
            self._told.set()
            self._pause = _FIRST_PAUSE
            for event in stream:
                self._tell(client, event)
        raise LabError("The engine ended its event stream.")

    def _open(self, client: raw.Client) -> EventStream:
        """Open the stream, and leave it where close() finds it."""
        since = _clock(client) - _OVERLAP
        stream = client.events(since=f"{since:.6f}", filters={"type": ["container"]})
        with self._guard:
            self._stream = stream
            if self._closing.is_set():
                stream.close()
        return stream

    def _tell(self, client: raw.Client, event: JSON) -> None:
        if self._closing.is_set() or not (container := self._listener.event(event)):
            return
        try:
            attrs = _json(client, f"/containers/{container}/json")
        except NotFound:
            attrs = None
        if not self._closing.is_set():
            self._listener.inspected(container, attrs)

    def _away(self, error: LabError) -> None:
        if not self._closing.is_set():
            self._listener.away(error)
            self._told.set()


def _clock(client: raw.Client) -> float:
    """Return the engine's own time, in seconds since 1970: ``GET /info``, API 1.18+."""
    try:
        return datetime.fromisoformat(_json(client, "/info")["SystemTime"]).timestamp()
    except (LookupError, TypeError, ValueError) as cause:
        raise _stranger(client) from cause


def _json(client: raw.Client, path: str) -> Any:
    try:
        return client.get(path).json()
    except ValueError as cause:
        raise _stranger(client) from cause


def _stranger(client: raw.Client) -> LabError:
    return LabError(f"What listens at {client.endpoint.url} is no Docker Engine.")
