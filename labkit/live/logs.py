"""The log of a container: what there is, and what comes, over its ends and starts.

The engine ends its stream when the container stops. Who wants to go on asks again for all since
the time of the last line. The log tells that line again, and what it has beside it; that is known
then, and left out.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import dropwhile
from typing import TypeVar
from urllib.parse import quote

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.errors import APIError, LabError, NotFound
from labkit.events import EventStream, Stream, timestamp
from labkit.live.lines import LogDecoder, LogLine, text
from labkit.live.pace import Pace
from labkit.live.topic import ask

__all__ = ["LogDecoder", "LogFeed", "LogLine", "read", "text"]

AnyStream = TypeVar("AnyStream", Stream, EventStream)

_TIMEOUT, _GRACE = 5.0, 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_BATCH = 1000
_REMEMBERED, _OVERLAP = 10_000, timedelta(seconds=0.25)
_NEVER = "0001"  # the year of a time that has not been yet


def read(
    endpoint: Endpoint,
    container: str,
    *,
    tail: int | None = 200,
    search: str = "",
    since: float | str | datetime | None = None,
) -> list[LogLine]:
    """Read the log of a container, running or not: ``GET /containers/{id}/logs``, API 1.24+.

    :param tail: how many lines at the end are looked at; None looks at all.
    :param search: words that each line must have, in any letter case.
    :param since: only what was written from then on, as :func:`labkit.events.timestamp` takes it.
    :raises LabError: there is no such container, it has no log, or nobody answers.
    """
    with raw.Client(endpoint, timeout=_TIMEOUT) as client:
        tty = _State.ask(client, container).tty
        decoder = LogDecoder(tty=tty)
        path = _path(container, tail, timestamp(since))
        with client.stream("GET", path, timeout=_TIMEOUT) as stream:
            lines = [line for piece in stream for line in decoder.feed(piece)]
    return [line for line in [*lines, *decoder.finish()] if line.matches(search)]


def _path(container: str, tail: int | None, since: str | None, *, follow: bool = False) -> str:
    options = "stdout=true&stderr=true&timestamps=true" + ("&follow=true" if follow else "")
    count = "all" if tail is None else tail
    span = f"&since={since}" if since else ""
    return f"/containers/{quote(container, safe='')}/logs?{options}&tail={count}{span}"


@dataclass(frozen=True)
class _State:
    """What the log depends on, from the inspect of a container.

    ``words`` say why it does not run; what has changed that happened after ``since``.
    """

    id: str
    name: str
    tty: bool
    running: bool
    words: str
    since: str

    @classmethod
    def ask(cls, client: raw.Client, container: str) -> _State:
        """Ask ``GET /containers/{id}/json``."""
        found = ask(client, f"/containers/{quote(container, safe='')}/json")
        try:
            state, tty, name = found["State"], found["Config"]["Tty"], found["Name"].lstrip("/")
            running = state["Running"] and not state["Restarting"]
            words = f"{name} has exited with code {state['ExitCode']}."
            since = state["FinishedAt"]
            if since.startswith(_NEVER):
                words, since = f"{name} has not been started yet.", found["Created"]
            return cls(found["Id"], name, tty, running, words, since)
        except (LookupError, TypeError, AttributeError) as cause:
            raise LabError(f"What listens at {client.endpoint.url} is no Docker Engine.") from cause


class _Place:
    """How far a log has been read, so that one can go on there with no line lost or told twice.

    Lines are in the log nearly in the order of their times, but one of stderr can stand after a
    later one of stdout. So one goes on a moment before the latest time, and what came since then
    is known, and left out when it comes again.
    """

    def __init__(self) -> None:
        self._latest = ""
        self._lines: deque[LogLine] = deque(maxlen=_REMEMBERED)
        self._known: Counter[LogLine] = Counter()

    def resume(self) -> str | None:
        """Return since when to read the log again; None when it has not been read yet."""
        if not self._latest:
            return None
        moment = datetime.fromisoformat(self._latest) - _OVERLAP
        since = max(moment.isoformat(timespec="microseconds"), self._lines[0].time)
        self._known = Counter(dropwhile(lambda line: line.time < since, self._lines))
        return since

    def fresh(self, lines: Iterable[LogLine]) -> list[LogLine]:
        """Return those lines that had not come before."""
        return [line for line in lines if not self._is_known(line)]

    def _is_known(self, line: LogLine) -> bool:
        if self._known[line] > 0:
            self._known[line] -= 1
            return True
        self._latest = max(self._latest, line.time)
        self._lines.append(line)
        return False


class LogFeed:
    """The log of a container, followed over its ends and starts, and the engine's.

    It speaks to ``GET /containers/{id}/json``, ``/containers/{id}/logs`` and, while the container
    does not run, to ``/events`` (API 1.24+), with no version prefix. Nothing is polled but an
    engine that has gone away. One thread reads, and a second one tells what comes together.

    :param endpoint: where the engine listens.
    :param container: its id or name.
    :param tail: how many of the lines that there are to begin with; None for all.
    :param told: is given the lines that have come, ten times a second at most.
    :param ended: is told in a sentence why no more lines come: the container has ended, has been
        removed or the engine does not answer. All but a removed one are waited for.

    Both are called on the feed's own threads, one at a time and in order, and not any more once
    :meth:`close` has returned.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        container: str,
        *,
        tail: int | None = 200,
        told: Callable[[list[LogLine]], None],
        ended: Callable[[str], None],
    ) -> None:
        self._endpoint = endpoint
        self._container = container
        self._tail = tail
        self._told = told
        self._ended = ended
        self._said = ""
        self._state: _State | None = None
        self._place = _Place()
        self._batch: list[LogLine] = []
        self._telling = threading.RLock()
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._stream: Stream | EventStream | None = None
        self._pause = _FIRST_PAUSE
        self._pace = Pace(self._flush, name="labkit-logs")
        self._thread = threading.Thread(target=self._run, name="labkit-logs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the threads and their connection; safe to call twice, and from a feed's own thread.

        Only an engine that hangs keeps a thread for longer than a moment: until its request
        times out, after five seconds at most, of which this waits one.
        """
        self._closing.set()
        with self._guard:
            stream = self._stream
        if stream:
            stream.close()
        self._pace.stop()
        threads = (self._thread, self._pace.thread)
        if threading.current_thread() not in threads:
            for thread in threads:
                thread.join(_GRACE)

    def _run(self) -> None:
        while not self._closing.is_set() and self._goes_on():
            self._closing.wait(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._pace.stop()

    def _goes_on(self) -> bool:
        """Follow the container through one of its lives; whether another may come."""
        try:
            with raw.Client(self._endpoint, timeout=_TIMEOUT) as client:
                self._follow(client)
        except NotFound:
            known, name = self._state, self._container
            self._say(f"{known.name} was removed." if known else f"There is no container {name}.")
            return False
        except APIError as error:
            self._say(error.explanation)
            return error.status != HTTPStatus.NOT_IMPLEMENTED  # its log can't be read
        except LabError as error:
            self._say(error.message)
        return True

    def _follow(self, client: raw.Client) -> None:
        """Read to the end of the stream; if the container did not run, wait until it does.

        When one that ran has stopped, the log is read once more: Engine 20.10 may end its stream
        before the last lines. A line without an end is told afresh then.
        """
        before = self._look(client)
        decoder = LogDecoder(tty=before.tty)
        self._read(client, decoder)
        if not before.running and self._look(client) == before:
            self._take(decoder.finish())
            self._say(before.words)
            self._wait(client, before)

    def _look(self, client: raw.Client) -> _State:
        """Ask for the state; a name stands for one container, even when it is given to another."""
        self._state = _State.ask(client, self._state.id if self._state else self._container)
        return self._state

    def _read(self, client: raw.Client, decoder: LogDecoder) -> None:
        since = timestamp(self._place.resume())
        path = _path(self._container, None if since else self._tail, since, follow=True)
        with self._open(client.stream("GET", path)) as stream:
            for piece in stream:
                self._take(decoder.feed(piece))
        self._tail = None  # from here on, all that comes is new

    def _wait(self, client: raw.Client, state: _State) -> None:
        """Wait for the next start or the end of all; what happened meanwhile is told too.

        The event of a start comes a moment after it: of a container that has ended at once, after
        its end. So a start counts only when the container is another since.
        """
        filters = {"type": ["container"], "container": [state.id], "event": ["start", "destroy"]}
        with self._open(client.events(since=state.since, filters=filters)) as events:
            if any(self._look(client) != state for _ in events):
                self._said, self._pause = "", _FIRST_PAUSE

    def _open(self, stream: AnyStream) -> AnyStream:
        """Leave the stream where close() finds it."""
        with self._guard:
            self._stream = stream
            if self._closing.is_set():
                stream.close()
        return stream

    def _take(self, lines: list[LogLine]) -> None:
        """Have them told soon; more than a batch, at once, however long that takes."""
        if fresh := self._place.fresh(lines):
            self._said, self._pause = "", _FIRST_PAUSE
            with self._guard:
                self._batch += fresh
                many = len(self._batch) >= _BATCH
            if many:
                self._flush()
            else:
                self._pace.nudge()

    def _flush(self) -> None:
        with self._telling:
            with self._guard:
                lines, self._batch = self._batch, []
            if lines and not self._closing.is_set():
                self._told(lines)

    def _say(self, words: str) -> None:
        """Tell why there are no more lines, once."""
        self._flush()
        with self._telling:
            if words != self._said and not self._closing.is_set():
                self._said = words
                self._ended(words)
