"""Server-sent events: how a page is told of something as it happens.

A mailbox is between the thread that knows and the thread that writes to the page. Each kind keeps
a bounded amount, in its own way.
"""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, request

from labkit.app.errors import problem

__all__ = ["HEARTBEAT", "Latest", "Mailbox", "Message", "Streams"]

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that a dead connection is noticed."""

_GLANCE = 0.5  # seconds between two looks whether the client is still there


@dataclass(frozen=True)
class Message:
    """One event: its name, and data that can be JSON."""

    event: str
    data: Any

    def encode(self) -> bytes:
        """Write it as it travels. JSON has no bare line end, so nothing in it can begin a field."""
        data = json.dumps(self.data, separators=(",", ":"))
        return f"event: {self.event}\ndata: {data}\n\n".encode()


class Mailbox(ABC):
    """What waits to be written to one page."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.closed = False

    @abstractmethod
    def pending(self) -> bool:
        """Whether something waits; called with ``changed`` held."""

    @abstractmethod
    def collect(self) -> list[Message]:
        """Take what waits."""

    def take(self, timeout: float) -> list[Message]:
        """Wait for something, and take it; nothing after ``timeout`` seconds, or at the end."""
        with self.changed:
            self.changed.wait_for(lambda: self.pending() or self.closed, timeout)
        return self.collect()

    def close(self) -> None:
        """Free whoever waits; what waits is still written."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Latest(Mailbox):
    """Keeps one message: what is newer replaces what has not been told yet.

    :param closing: is called once when the mailbox closes.
    """

    def __init__(self, closing: Callable[[Latest], None]) -> None:
        super().__init__()
        self._closing = closing
        self._message: Message | None = None

    def put(self, message: Message, *, last: bool = False) -> None:
        """Keep this message; after the last one the stream ends."""
        with self.changed:
            self._message = message
            self.closed = self.closed or last
            self.changed.notify_all()

    def pending(self) -> bool:
        """Whether there is a message that has not been told."""
        return self._message is not None

    def collect(self) -> list[Message]:
        """Take it."""
        with self.changed:
            message, self._message = self._message, None
        return [message] if message else []

    def close(self) -> None:
        """End the stream."""
        super().close()
        self._closing(self)


class Streams:
    """The open streams of the app, at most so many: each has a thread for itself.

    :param limit: how many may be open at once.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open: set[Mailbox] = set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    def answer(self, opens: Callable[[], Mailbox]) -> Response:
        """Answer the current request with what comes into a mailbox.

        :param opens: makes the mailbox, if there is room for one more.
        """
        room = _Room()
        if not self._enter(room):
            return problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self._limit} streams are open, and more than that cannot be.",
                "Close a page, or a log that is followed.",
            )
        try:
            mailbox = opens()
        except BaseException:
            self._leave(room)
            raise
        self._exchange(room, mailbox)
        gone = request.environ.get("waitress.client_disconnected", bool)
        answer = Response(_write(mailbox, gone), content_type="text/event-stream; charset=utf-8")
        answer.call_on_close(lambda: self._leave(mailbox))
        return answer

    def close(self) -> None:
        """End them all, and let no other one begin."""
        with self._lock:
            self._closing = True
            open_now = list(self._open)
        for mailbox in open_now:
            mailbox.close()

    def _enter(self, room: Mailbox) -> bool:
        with self._lock:
            if self._closing or len(self._open) >= self._limit:
                return False
            self._open.add(room)
            return True

    def _exchange(self, room: Mailbox, mailbox: Mailbox) -> None:
        with self._lock:
            self._open.discard(room)
            self._open.add(mailbox)
            closing = self._closing
        if closing:
            mailbox.close()

    def _leave(self, mailbox: Mailbox) -> None:
        mailbox.close()
        with self._lock:
            self._open.discard(mailbox)


class _Room(Mailbox):
    """A place that is taken before the mailbox is there."""

    def pending(self) -> bool:
        return False

    def collect(self) -> list[Message]:
        return []


def _write(mailbox: Mailbox, gone: Callable[[], bool]) -> Iterator[bytes]:
    yield b"retry: 1000\n\n"
    spoke = time.monotonic()
    while not gone():
        ends = mailbox.closed  # what came in before the end is still told
        told = mailbox.take(_GLANCE)
        for message in told:
            yield message.encode()
        if told:
            spoke = time.monotonic()
        elif ends:
            return
        elif time.monotonic() - spoke >= HEARTBEAT:
            spoke = time.monotonic()
            yield b": still here\n\n"
