"""A container's log, taken apart into lines: bytes go in, in pieces of any size, cut anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labkit.streams import FrameDecoder, StreamName

__all__ = ["LINE_LIMIT", "LogDecoder", "LogLine", "text"]

LINE_LIMIT = 64 * 1024
"""Bytes of a line; what is longer goes on in the next one."""

_STAMP_LIMIT = 64
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)) ")


@dataclass(frozen=True)
class LogLine:
    """A line of the log. ``time`` is as the engine writes it: RFC 3339 with nanoseconds."""

    stream: StreamName
    time: str
    text: str

    def matches(self, words: str) -> bool:
        """Whether each of these words is in the text, in any letter case."""
        folded = self.text.casefold()
        return all(word in folded for word in words.casefold().split())


def text(lines: Iterable[LogLine], *, timestamps: bool = False) -> str:
    """Write lines as a file has them, with the time before each or without."""
    return "".join(f"{one.time} {one.text}\n" if timestamps else f"{one.text}\n" for one in lines)


class LogDecoder:
    """Takes apart what ``GET /containers/{id}/logs?timestamps=true`` answers, however it is cut.

    :param tty: whether the container has a TTY, ``Config.Tty`` of its inspect: its log comes raw,
        and without frames stdout and stderr are one.
    """

    def __init__(self, *, tty: bool) -> None:
        self._frames = None if tty else FrameDecoder()
        self._texts: dict[StreamName, _Text] = {}

    def feed(self, data: bytes) -> list[LogLine]:
        """Take the next bytes and return the lines that they end.

        :raises StreamError: these are no frames, or the engine tells an error in one.
        """
        if not self._frames:
            return list(self._text("stdout").feed(data))
        found: list[LogLine] = []
        for frame in self._frames.feed(data):
            if frame.begins:
                self._text(frame.stream).begin()
            found += self._text(frame.stream).feed(frame.data)
        return found

    def finish(self) -> list[LogLine]:
        """Say that no more bytes come, and return the lines that had no end."""
        return [line for one in self._texts.values() for line in one.end()]

    def _text(self, stream: StreamName) -> _Text:
        return self._texts.setdefault(stream, _Text(stream, tty=not self._frames))


class _Text:
    """One of a container's two streams, and the line of it that has not ended yet.

    The engine puts the time before each line, and before each part of 16 KiB of a long one, which
    all have the same time.
    """

    def __init__(self, stream: StreamName, *, tty: bool) -> None:
        self._stream = stream
        self._tty = tty
        self._stamp: bytes | None = None  # of the line that has not ended
        self._text = bytearray()
        self._head: bytearray | None = bytearray()  # a time that has come in part

    def begin(self) -> None:
        """Say that the next bytes begin with a time."""
        self._head = bytearray()

    def feed(self, data: bytes) -> Iterator[LogLine]:
        *ends, rest = data.split(b"\n")
        for end in ends:
            yield from self._take(end)
            yield from self.end()
        yield from self._take(rest)

    def end(self) -> Iterator[LogLine]:
        """End the line, if there is one."""
        if self._head:
            self._stamp, self._text = self._stamp or b"", self._text + self._head
        if self._stamp is not None:
            yield self._line(self._text.removesuffix(b"\r"))
        self._stamp, self._text, self._head = None, bytearray(), bytearray()

    def _take(self, data: bytes) -> Iterator[LogLine]:
        if self._head is not None:
            self._head += data
            found = _STAMP.match(self._head)
            if not found and len(self._head) < _STAMP_LIMIT and b" " not in self._head:
                return
            data = bytes(self._head[found.end() :] if found else self._head)
            yield from self._begin_line(bytes(found[1]) if found else b"")
        yield from self._add(data)

    def _begin_line(self, stamp: bytes) -> Iterator[LogLine]:
        """Go on with the line, if this is a part of it; otherwise end it and begin another."""
        self._head = None
        if stamp != self._stamp:
            yield from self.end()
        self._stamp, self._head = stamp, None

    def _add(self, data: bytes) -> Iterator[LogLine]:
        self._text += data
        if self._tty:
            yield from self._split()
        while len(self._text) >= LINE_LIMIT + _STAMP_LIMIT:
            yield self._line(self._text[:LINE_LIMIT])
            del self._text[:LINE_LIMIT]

    def _split(self) -> Iterator[LogLine]:
        """Find the times that the engine wrote within a line: no frame tells where.

        It writes one before a part of that line, and a later one after a line that had no end.
        An earlier one was written by the container.
        """
        place = 0
        while found := _STAMP.search(self._text, place):
            place = found.end()
            if (stamp := found[1]) >= (self._stamp or b""):
                rest = self._text[found.end() :]
                del self._text[found.start() :]
                yield from self._begin_line(bytes(stamp))
                place = len(self._text)
                self._text += rest

    def _line(self, data: bytes | bytearray) -> LogLine:
        time = (self._stamp or b"").decode(errors="replace")
        return LogLine(self._stream, time, data.decode(errors="replace"))
