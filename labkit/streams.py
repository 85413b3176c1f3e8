"""What the Engine streams: frames of container output, and lines of JSON.

The code here never touches a socket. Bytes go in, in pieces of any size, cut anywhere; frames or
dicts come out as soon as they are known. So it serves every client, and a test can cut a stream at
every byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from labkit.errors import StreamError

__all__ = ["Frame", "FrameDecoder", "JSONLines", "StreamName", "frames", "json_lines"]

StreamName = Literal["stdin", "stdout", "stderr"]

_HEADER = 8
_STREAMS: dict[int, StreamName] = {0: "stdin", 1: "stdout", 2: "stderr"}
_ENGINE_ERROR = 3  # "Systemerr" in moby's stdcopy: the engine's own words, not the container's
_ERROR_LIMIT = 8192
_LINE_LIMIT = 64 * 1024 * 1024
_SHOWN = 80


@dataclass(frozen=True)
class Frame:
    """A piece of a container's output, and the stream that it was written to.

    ``begins`` says whether the engine's own frame begins here: each is a line of the log, or a
    part of a long one. It has no say in whether two pieces are equal.
    """

    stream: StreamName
    data: bytes
    begins: bool = field(default=True, compare=False, repr=False)


class FrameDecoder:
    """Takes apart the multiplexed output of a container that has no TTY.

    Each frame has a header of 8 bytes, ``[stream, 0, 0, 0, size, size, size, size]``, the size in
    big-endian order, and then as many bytes. ``GET /containers/{id}/logs``, ``POST
    /containers/{id}/attach`` and ``POST /exec/{id}/start`` answer so, API 1.6+.

    Nothing but an unfinished header is kept: a frame that comes in pieces goes out in pieces,
    each a :class:`Frame` of the same stream, whatever size its header announces.
    """

    def __init__(self) -> None:
        self._header = bytearray()
        self._stream: StreamName = "stdout"
        self._missing = 0
        self._begins = False
        self._error: bytearray | None = None  # what the engine says, while that is coming
        self._broken: StreamError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes and return what they complete, in order; empty frames are left out.

        Frames that came before an error are returned first; the next call raises it.

        :raises StreamError: when a header names no stream, as the raw output of a TTY would, or
            when the engine puts an error of its own into the stream.
        """
        if self._broken:
            raise self._broken
        found: list[Frame] = []
        rest = memoryview(data)
        try:
            while rest:
                rest = self._take_data(rest, found) if self._missing else self._take_header(rest)
        except StreamError as error:
            self._broken = error
            if not found:
                raise
        return found

    def finish(self) -> None:
        """Say that no more bytes come.

        :raises StreamError: when they ended within a frame, or :meth:`feed` has still one to raise.
        """
        if self._broken:
            raise self._broken
        if self._header or self._missing:
            lacks = f"{self._missing} bytes" if self._missing else "a part of its header"
            raise StreamError(
                f"The stream ended within a frame that lacks {lacks}.",
                hint="The engine or the connection went away: ask again.",
            )

    def _take_data(self, rest: memoryview, found: list[Frame]) -> memoryview:
        piece, rest = rest[: self._missing], rest[self._missing :]
        self._missing -= len(piece)
        if self._error is None:
            found.append(Frame(self._stream, bytes(piece), self._begins))
            self._begins = False
        else:
            self._take_error(piece)
        return rest

    def _take_error(self, piece: memoryview) -> None:
        """Keep the engine's own words, the first of them, and raise them when they end."""
        said = self._error = (self._error or bytearray()) + piece[:_ERROR_LIMIT]
        if len(said) >= _ERROR_LIMIT or not self._missing:
            words = said[:_ERROR_LIMIT].decode(errors="replace").strip()
            raise StreamError(f"The engine reports an error within the stream: {words}")

    def _take_header(self, rest: memoryview) -> memoryview:
        needed = _HEADER - len(self._header)
        self._header += rest[:needed]
        self._check_header()
        if len(self._header) == _HEADER:
            self._begin_frame(self._header[0], int.from_bytes(self._header[4:], "big"))
        return rest[needed:]

    def _begin_frame(self, number: int, size: int) -> None:
        self._header.clear()
        self._missing = size
        self._begins = True
        if number != _ENGINE_ERROR:
            self._stream = _STREAMS[number]
        elif size:
            self._error = bytearray()

    def _check_header(self) -> None:
        """Refuse a header as soon as its first bytes cannot be one."""
        number, zeros = self._header[0], self._header[1:4]
        if (number not in _STREAMS and number != _ENGINE_ERROR) or any(zeros):
            raise StreamError(
                f"These bytes are not the header of a frame: {bytes(self._header[:4])!r}",
                hint="A container with a TTY sends its output raw, without frames: read the bytes "
                "as they are. Config.Tty in GET /containers/{id}/json tells which it is.",
            )


class JSONLines:
    """Takes apart a stream of JSON objects, one a line: events, pulls, builds, stats.

    :raises StreamError: from :meth:`feed`, for a line that is no JSON object, or none at all
        within 64 MiB.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._broken: StreamError | None = None

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take the next bytes and return the objects whose lines they complete.

        Objects that came before an error are returned first; the next call raises it.
        """
        if self._broken:
            raise self._broken
        found: list[dict[str, Any]] = []
        try:
            self._take(data, found)
        except StreamError as error:
            self._broken = error
            if not found:
                raise
        return found

    def _take(self, data: bytes, found: list[dict[str, Any]]) -> None:
        *ends, rest = data.split(b"\n")
        for end in ends:
            found += self._end_line(end)
        self._line += rest
        if len(self._line) > _LINE_LIMIT:
            raise StreamError(f"No line ends within {_LINE_LIMIT} bytes.")

    def finish(self) -> list[dict[str, Any]]:
        """Say that no more bytes come, and return the last object if its line had no end.

        :raises StreamError: when the bytes ended within an object.
        """
        if self._broken:
            raise self._broken
        return self._end_line(b"")

    def _end_line(self, end: bytes) -> list[dict[str, Any]]:
        line = bytes(self._line + end).strip()
        self._line.clear()
        return [_object(line)] if line else []


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as cause:
        raise _no_object(line) from cause
    if not isinstance(found, dict):
        raise _no_object(line)
    return cast("dict[str, Any]", found)


def _no_object(line: bytes) -> StreamError:
    shown = repr(line[:_SHOWN]) + (" …" if len(line) > _SHOWN else "")
    return StreamError(
        f"The stream has a line that is no JSON object: {shown}",
        hint="If it is the last one, the stream was cut: ask again. Otherwise look at the bytes: "
        "does this endpoint stream JSON at all?",
    )


def frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """Yield the frames in a stream of bytes, however it is cut.

    :raises StreamError: when the bytes are no frames, or end within one.
    """
    decoder = FrameDecoder()
    for chunk in chunks:
        yield from decoder.feed(chunk)
    decoder.finish()


def json_lines(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects in a stream of bytes, however it is cut.

    :raises StreamError: when a line is no JSON object, or the bytes end within one.
    """
    lines = JSONLines()
    for chunk in chunks:
        yield from lines.feed(chunk)
    yield from lines.finish()
