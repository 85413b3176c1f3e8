"""A container's log, taken apart into lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import StreamError
from labkit.live.lines import LINE_LIMIT, LogDecoder, LogLine, text

PART = 16384
STREAMS = {"stdout": 1, "stderr": 2}


def stamp(number: int) -> str:
    return f"2026-11-23T18:48:03.{number:09d}Z"


def frame(stream: str, data: bytes) -> bytes:
    return bytes([STREAMS[stream], 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def records(number: int, line: bytes) -> Iterator[bytes]:
    """Yield what the engine writes for a line: a time and at most 16 KiB, again and again."""
    for start in range(0, max(len(line), 1), PART):
        yield stamp(number).encode() + b" " + line[start : start + PART]


def framed(lines: list[tuple[str, bytes]]) -> bytes:
    return b"".join(
        frame(stream, record)
        for number, (stream, line) in enumerate(lines)
        for record in records(number, line)
    )


def raw(lines: list[bytes]) -> bytes:
    return b"".join(b"".join(records(number, line)) for number, line in enumerate(lines))


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return (data[one:other] for one, other in pairwise(places))


def decoded(data: bytes, cuts: list[int], *, tty: bool = False) -> list[LogLine]:
    decoder = LogDecoder(tty=tty)
    found = [line for piece in pieces(data, cuts) for line in decoder.feed(piece)]
    return found + decoder.finish()


def shown(line: bytes) -> str:
    return line.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")


cuts = st.lists(st.integers(0, 100_000))
words = st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"") + b"\n")


@given(lines=st.lists(st.tuples(st.sampled_from(sorted(STREAMS)), words)), cuts=cuts)
def test_frames_cut_anywhere(lines: list[tuple[str, bytes]], cuts: list[int]) -> None:
    """However the bytes are cut, the same lines come out, each with its stream and its time."""
    found = decoded(framed(lines), cuts)
    expected = [(stream, stamp(n), shown(line)) for n, (stream, line) in enumerate(lines)]
    assert [(one.stream, one.time, one.text) for one in found] == expected


@given(lines=st.lists(words), cuts=cuts)
def test_tty_cut_anywhere(lines: list[bytes], cuts: list[int]) -> None:
    """The raw log of a TTY, cut anywhere, gives the same lines; all are stdout."""
    found = decoded(raw(lines), cuts, tty=True)
    assert [(one.time, one.text) for one in found] == [
        (stamp(n), shown(line)) for n, line in enumerate(lines)
    ]
    assert all(one.stream == "stdout" for one in found)


@given(cuts=cuts, tty=st.booleans())
def test_parts_of_a_long_line(cuts: list[int], *, tty: bool) -> None:
    """The parts that the engine makes of a long line are one line, without the times between."""
    long = b"a" * PART + b"b" * PART + b"c\n"
    data = raw([long, b"end\n"]) if tty else framed([("stdout", long), ("stdout", b"end\n")])
    found = decoded(data, cuts, tty=tty)
    assert [one.text for one in found] == ["a" * PART + "b" * PART + "c", "end"]


@given(cuts=cuts, tty=st.booleans())
def test_overlong_line_is_cut(cuts: list[int], *, tty: bool) -> None:
    """A line of more than 64 KiB goes on in the next one, of the same time; nothing is lost."""
    long = b"0123456789" * (LINE_LIMIT // 4) + b"\n"
    data = raw([long]) if tty else framed([("stderr", long)])
    found = decoded(data, cuts, tty=tty)
    assert [len(one.text) for one in found] == [LINE_LIMIT, LINE_LIMIT, LINE_LIMIT // 2]
    assert "".join(one.text for one in found) == shown(long)
    assert {one.time for one in found} == {stamp(0)}


def test_parts_of_two_streams_mix() -> None:
    """The parts of a long line on stdout and on stderr come in any order; each line is whole."""
    out = [frame("stdout", one) for one in records(1, b"o" * PART + b"out\n")]
    err = [frame("stderr", one) for one in records(2, b"e" * PART + b"err\n")]
    found = decoded(out[0] + err[0] + out[1] + err[1], [])
    assert [(one.stream, one.text) for one in found] == [
        ("stdout", "o" * PART + "out"),
        ("stderr", "e" * PART + "err"),
    ]


@given(cuts=cuts, tty=st.booleans())
def test_end_without_newline(cuts: list[int], *, tty: bool) -> None:
    """What a container wrote last, without a newline, is a line of its own after a restart."""
    lines = [b"$ ", b"hello\n", b"$ "]
    data = raw(lines) if tty else framed([("stdout", line) for line in lines])
    found = decoded(data, cuts, tty=tty)
    assert [(one.time, one.text) for one in found] == [
        (stamp(0), "$ "),
        (stamp(1), "hello"),
        (stamp(2), "$ "),
    ]


@given(cuts=cuts, tty=st.booleans())
def test_times_that_a_container_writes(cuts: list[int], *, tty: bool) -> None:
    """A time that the container itself wrote, before the engine's, is text like any other."""
    line = f"{stamp(0)} and {stamp(1)} passed\n".encode()
    data = (
        raw([b"\n"] * 2 + [line]) if tty else framed([("stdout", b"\n")] * 2 + [("stdout", line)])
    )
    assert decoded(data, cuts, tty=tty)[2].text == shown(line)


def test_not_before_its_end() -> None:
    """A line that may go on is kept until it ends, or the log does."""
    decoder = LogDecoder(tty=False)
    assert decoder.feed(framed([("stdout", b"half")])) == []
    assert decoder.finish() == [LogLine("stdout", stamp(0), "half")]
    assert decoder.finish() == []


def test_what_is_no_text() -> None:
    """Bytes that are no UTF-8 are replaced, empty lines are lines, and a TTY's return is gone."""
    found = decoded(raw([b"a\xffb\r\n", b"\r\n", b"x\ry\r\n"]), [], tty=True)
    assert [one.text for one in found] == ["a\ufffdb", "", "x\ry"]


@given(data=st.binary(max_size=300), cuts=cuts)
def test_no_time(data: bytes, cuts: list[int]) -> None:
    """What has no time before it is taken as it comes, and never fails."""
    assert decoded(data, cuts, tty=True) == decoded(data, [], tty=True)


def test_error_of_the_engine() -> None:
    """When the engine puts an error into the stream, it is raised, after the lines before it."""
    decoder = LogDecoder(tty=False)
    broken = b"\x03\0\0\0\0\0\0\x04oops"
    assert [one.text for one in decoder.feed(framed([("stdout", b"one\n")]) + broken)] == ["one"]
    with pytest.raises(StreamError, match="oops"):
        decoder.feed(b"")


def test_search_and_text() -> None:
    """A line matches when it has each of the words; as a text, lines have their times or not."""
    lines = [LogLine("stdout", stamp(1), "GET /index"), LogLine("stderr", stamp(2), "Error")]
    assert [line.matches("INDEX get") for line in lines] == [True, False]
    assert text(lines) == "GET /index\nError\n"
    assert text(lines[1:], timestamps=True) == f"{stamp(2)} Error\n"
