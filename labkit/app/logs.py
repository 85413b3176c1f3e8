"""The log of a container: as a text, as a file to keep, and line by line as it is written."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import asdict
from typing import Annotated

from flask import Response
from pydantic import Field

from labkit.app.context import STREAM, Strict, Thing, called, engine, here, routes
from labkit.app.sse import Mailbox, Message
from labkit.endpoint import Endpoint
from labkit.live import logs as reader
from labkit.live.logs import LogFeed, LogLine

__all__ = ["api"]

api = routes("logs", prefix="/api/containers")

_WAITING, _TOGETHER = 2000, 500
_TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}}
Tail = Annotated[int, Field(ge=0, le=50_000, description="how many of the last lines")]


class Selection(Strict):
    """Which lines, and how."""

    tail: Tail = 200
    timestamps: bool = Field(default=False, description="the time before each line")
    search: str = Field(default="", max_length=200, description="words that each line must have")
    download: bool = Field(default=False, description="as a file to keep")


class Beginning(Strict):
    """How many of the lines that there are to begin with."""

    tail: Tail = 200


@api.get("/<id>/logs", responses={200: _TEXT})
def text(path: Thing, query: Selection) -> Response:
    """What a container has written so far."""
    lines = reader.read(here().endpoint, path.id, tail=query.tail, search=query.search)
    written = reader.text(lines, timestamps=query.timestamps)
    answer = Response(written, content_type="text/plain; charset=utf-8")
    if query.download:
        name = re.sub(r"[^A-Za-z0-9_.-]", "-", called(path.id))
        answer.headers["Content-Disposition"] = f"attachment; filename={name}.log"
    return answer


@api.get("/<id>/logs/stream", responses={200: STREAM})
def follow(path: Thing, query: Beginning) -> Response:
    """What a container writes, as it does: events lines, and end, which says why none come."""
    with engine() as client:
        client.api.inspect_container(path.id)  # what is not there is a 404, and no stream
    context = here()
    return context.streams.answer(lambda: _Lines(context.endpoint, path.id, query.tail))


class _Lines(Mailbox):
    """The lines that one page has still to be told.

    When too many wait, whoever reads them from the engine waits too: no line is lost, and the
    engine keeps them meanwhile.
    """

    def __init__(self, endpoint: Endpoint, container: str, tail: int) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque()
        self._reason = ""
        self._feed = LogFeed(endpoint, container, tail=tail, told=self._put, ended=self._end)

    def pending(self) -> bool:
        return bool(self._lines or self._reason)

    def collect(self) -> list[Message]:
        with self.changed:
            lines, self._lines = list(self._lines), deque()
            reason, self._reason = self._reason, ""
            self.changed.notify_all()
        groups = range(0, len(lines), _TOGETHER)
        told = [[asdict(line) for line in lines[at : at + _TOGETHER]] for at in groups]
        end = [Message("end", {"reason": reason})] if reason else []
        return [*(Message("lines", group) for group in told), *end]

    def close(self) -> None:
        super().close()
        self._feed.close()

    def _put(self, lines: list[LogLine]) -> None:
        with self.changed:
            self.changed.wait_for(lambda: len(self._lines) < _WAITING or self.closed)
            if not self.closed:
                self._lines.extend(lines)
                self.changed.notify_all()

    def _end(self, reason: str) -> None:
        with self.changed:
            self._reason = reason
            self.changed.notify_all()
