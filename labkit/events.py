"""Answers that may never end, and the events among them.

A thread that waits in such an answer can be freed from another thread: ``close()`` shuts the
socket down under it, and leaves the rest to whoever is reading. The live panel depends on it.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Self

import requests
from urllib3.exceptions import HTTPError

from labkit import unreachable
from labkit.endpoint import Endpoint
from labkit.streams import JSONLines

__all__ = ["EventStream", "Stream", "timestamp"]

_LOST = (requests.RequestException, HTTPError, OSError)
_PIECE = 65536


def timestamp(moment: float | str | datetime | None) -> str | None:
    """Write a moment as ``GET /events`` and ``/logs`` read it: seconds since 1970, with a fraction.

    The docker CLI takes RFC 3339 and translates it; the API itself answers 500 to it.

    :param moment: seconds since 1970, a datetime, or RFC 3339 text, as the API itself writes.
    """
    if isinstance(moment, datetime):
        return f"{moment.timestamp():.6f}"
    if isinstance(moment, str) and "T" in moment:
        fraction = re.search(r"\.\d+", moment)  # Go writes nanoseconds, Python has no such type
        seconds = int(datetime.fromisoformat(moment).timestamp())
        return f"{seconds}{fraction[0] if fraction else ''}"
    return None if moment is None else str(moment)


class Stream(Iterator[bytes]):
    """The pieces of one answer, as bytes, each when the engine sends it.

    A context manager. :meth:`close` may be called from another thread: the thread that waits for
    the next piece then sees the end at once.

    :raises EngineGone: from the iteration, when the engine dies in the middle of the answer.
    """

    def __init__(self, endpoint: Endpoint, response: requests.Response) -> None:
        self.response = response
        self._endpoint = endpoint
        self._pieces = _pieces(response)
        self._closing = False
        # Held by whoever waits in the response: nobody closes it under a thread that reads it.
        self._reading = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> bytes:
        with self._reading:
            if self._closing:
                raise StopIteration
            try:
                return next(self._pieces)
            except (*_LOST, ValueError, AttributeError) as cause:
                # The last two: a TLS socket that was shut down between two reads.
                if self._closing:
                    raise StopIteration from None
                raise unreachable.error(self._endpoint, cause) from cause

    def close(self) -> None:
        """End the stream and its connection; safe to call twice, and from any thread."""
        self._closing = True
        # RuntimeError and ValueError: the answer has ended by itself, its connection is free.
        with suppress(OSError, RuntimeError, ValueError):
            self.response.raw.shutdown()
        with self._reading:
            self.response.close()


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Each piece when it comes, also of an answer without chunks, such as that of an exec.

    There, ``iter_content(chunk_size=None)`` would keep all of it until the end, gigabytes too.
    """
    if response.raw.chunked:
        return response.iter_content(chunk_size=None)
    return iter(partial(response.raw.read1, _PIECE, decode_content=True), b"")


class EventStream(Iterator[dict[str, Any]]):
    """What happens in the engine, one dict an event: ``GET /events``, API 1.18+.

    A context manager; :meth:`close` may be called from another thread and ends a waiting
    iteration at once.

    :raises EngineGone: from the iteration, when the engine dies.
    :raises StreamError: from the iteration, when what comes is not JSON.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._lines = JSONLines()
        self._events: deque[dict[str, Any]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> dict[str, Any]:
        while not self._events:
            self._events.extend(self._lines.feed(next(self._stream)))
        return self._events.popleft()

    def close(self) -> None:
        """End the stream and its connection; safe to call twice, and from any thread."""
        self._stream.close()
