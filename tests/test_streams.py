"""What the Engine streams, cut at every byte."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import StreamError
from labkit.streams import Frame, FrameDecoder, JSONLines, frames, json_lines

NUMBERS = {"stdin": 0, "stdout": 1, "stderr": 2}
FRAMES = st.builds(Frame, st.sampled_from(sorted(NUMBERS)), st.binary(min_size=1, max_size=40))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=4)


def _header(number: int, size: int) -> bytes:
    return bytes([number, 0, 0, 0]) + size.to_bytes(4, "big")


def _encoded(frame: Frame) -> bytes:
    return _header(NUMBERS[frame.stream], len(frame.data)) + frame.data


def _joined(pieces: list[Frame]) -> dict[str, bytes]:
    """Return what each stream said, however it came in pieces."""
    return {name: b"".join(p.data for p in pieces if p.stream == name) for name in NUMBERS}


def _cuts(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def test_whole_frames_come_out_as_they_went_in() -> None:
    """Frames that arrive whole come out whole, in order."""
    sent = [Frame("stdout", b"one\n"), Frame("stderr", b"two\n"), Frame("stdin", b"three")]
    assert FrameDecoder().feed(b"".join(map(_encoded, sent))) == sent


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 10_000), max_size=12))
def test_frames_do_not_depend_on_the_cuts(sent: list[Frame], cuts: list[int]) -> None:
    """Wherever the bytes are cut, each stream says the same."""
    pieces = list(frames(_cuts(b"".join(map(_encoded, sent)), cuts)))
    assert _joined(pieces) == _joined(sent)


@given(st.lists(FRAMES, min_size=1, max_size=4))
def test_frames_survive_byte_by_byte(sent: list[Frame]) -> None:
    """Fed one byte at a time, nothing is lost and the order stays."""
    data = b"".join(map(_encoded, sent))
    pieces = list(frames(data[i : i + 1] for i in range(len(data))))
    assert b"".join(p.data for p in pieces) == b"".join(s.data for s in sent)
    assert _joined(pieces) == _joined(sent)


@given(FRAMES, st.integers(1, 1000))
def test_truncated_frame_is_an_error(sent: Frame, cut: int) -> None:
    """A stream that ends anywhere within a frame says so at the end."""
    data = _encoded(sent)
    decoder = FrameDecoder()
    decoder.feed(data[: 1 + cut % (len(data) - 1)])
    with pytest.raises(StreamError, match="within a frame"):
        decoder.finish()


def test_empty_frames_say_nothing() -> None:
    """A frame of no bytes is left out and does not disturb the next."""
    assert list(frames([_header(1, 0), _header(2, 1), b"x"])) == [Frame("stderr", b"x")]
    assert list(frames([])) == []


def test_announced_gigabytes_are_not_kept() -> None:
    """A frame of 4 GiB goes out piece by piece as it comes in."""
    decoder = FrameDecoder()
    assert decoder.feed(_header(1, 2**32 - 1)) == []
    for _ in range(100):
        assert decoder.feed(b"x" * 1000) == [Frame("stdout", b"x" * 1000)]
    with pytest.raises(StreamError, match=f"lacks {2**32 - 1 - 100_000} bytes"):
        decoder.finish()


def _peak_while(work: Callable[[], object]) -> int:
    """Bytes that Python held at most at one time for that, beyond what it held before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def _totals(pieces: Iterable[Frame]) -> dict[str, int]:
    """Count what each stream says, and keep none of it."""
    totals = dict.fromkeys(NUMBERS, 0)
    for piece in pieces:
        totals[piece.stream] += len(piece.data)
    return totals


def test_more_than_a_gibibyte_takes_no_memory() -> None:
    """Frames of both streams, from a byte to many megabytes, cut where they happen to be."""
    sizes = [(1, 1), (2, 5_000_001), (1, 70_000_007), (2, 13), (1, 40_000_000)]
    rounds, totals = 10, {}

    def sent() -> Iterator[bytes]:
        filler = bytes(1 << 20)
        for number, size in sizes * rounds:
            yield from (_header(number, size)[:3], _header(number, size)[3:])
            for begin in range(0, size, len(filler)):
                yield filler[: size - begin]

    peak = _peak_while(lambda: totals.update(_totals(frames(sent()))))
    assert totals == {"stdin": 0, "stdout": 1_100_000_080, "stderr": 50_000_140}
    assert sum(totals.values()) > 2**30
    assert peak < 8 * 2**20


@pytest.mark.slow
@pytest.mark.engine
def test_more_than_a_gibibyte_of_an_exec_takes_no_memory(engine: Any) -> None:
    """What a real command prints, through the raw client, is never held as a whole."""
    body = {"Image": "busybox", "Cmd": ["sleep", "600"]}
    made = engine.raw.post("/containers/create", json=body).json()["Id"]
    engine.raw.post(f"/containers/{made}/start")
    script = "echo begun >&2; dd if=/dev/zero bs=1M count=1100 2>/dev/null; echo done >&2"
    wanted = {"Cmd": ["sh", "-c", script], "AttachStdout": True, "AttachStderr": True}
    run = engine.raw.post(f"/containers/{made}/exec", json=wanted).json()["Id"]
    totals: dict[str, int] = {}

    def read() -> None:
        body = {"Detach": False, "Tty": False}
        with engine.raw.stream("POST", f"/exec/{run}/start", json=body) as output:
            totals.update(_totals(frames(output)))

    peak = _peak_while(read)
    engine.raw.delete(f"/containers/{made}", params={"force": True})
    assert totals == {"stdin": 0, "stdout": 1100 * 2**20, "stderr": len("begun\ndone\n")}
    assert peak < 8 * 2**20


@pytest.mark.parametrize("data", [b"hello\r\n", b"\x01\x02", b"\x04\0\0\0\0\0\0\x01x", b"\xff"])
def test_output_of_a_tty_is_not_taken_for_frames(data: bytes) -> None:
    """Bytes that are no header are refused at once, with the likely reason."""
    decoder = FrameDecoder()
    with pytest.raises(StreamError, match="TTY"):
        decoder.feed(data)
    with pytest.raises(StreamError):
        decoder.feed(b"more")
    with pytest.raises(StreamError):
        decoder.finish()


@given(st.lists(FRAMES, max_size=3), st.lists(st.integers(0, 10_000), max_size=6))
def test_frames_before_an_error_are_not_lost(sent: list[Frame], cuts: list[int]) -> None:
    """What was good before the error comes out first, wherever the bytes are cut."""
    seen: list[Frame] = []
    with pytest.raises(StreamError):
        seen.extend(frames(_cuts(b"".join(map(_encoded, sent)) + b"raw", cuts)))
    assert _joined(seen) == _joined(sent)


@given(st.lists(st.integers(0, 10_000), max_size=6))
def test_engines_own_error_is_raised(cuts: list[int]) -> None:
    """What the engine itself reports within the stream is raised in its words."""
    with pytest.raises(StreamError, match="the log went away"):
        list(frames(_cuts(_header(3, 17) + b"the log went away", cuts)))


def test_engines_own_error_is_bounded() -> None:
    """An error that announces gigabytes is raised after the first of its words."""
    with pytest.raises(StreamError, match="eee"):
        list(frames([_header(3, 2**32 - 1), *[b"e" * 1000] * 10]))


@given(
    st.lists(OBJECTS, max_size=6),
    st.lists(st.integers(0, 10_000), max_size=12),
    st.sampled_from([b"", b"\n"]),
)
def test_objects_do_not_depend_on_the_cuts(
    sent: list[dict[str, Any]], cuts: list[int], end: bytes
) -> None:
    """Wherever the bytes are cut, within a letter too, and with or without a last line's end."""
    lines = "\r\n".join(json.dumps(one, ensure_ascii=False) for one in sent)
    data = lines.encode() + end
    assert list(json_lines(_cuts(data, cuts))) == sent


def test_objects_come_as_soon_as_their_line_ends() -> None:
    """A line's end completes an object; the last one may do without."""
    lines = JSONLines()
    assert lines.feed(b'{"a": 1}\n\n{"b"') == [{"a": 1}]
    assert lines.feed(b": 2}") == []
    assert lines.finish() == [{"b": 2}]
    assert lines.finish() == []


@pytest.mark.parametrize("line", [b"<html>", b"[1]", b"null", b'{"a": ', b"\xff\xfe", b"[" * 10**5])
def test_line_that_is_no_object_is_an_error(line: bytes) -> None:
    """A line that is no JSON object is shown, after the good ones before it."""
    lines = JSONLines()
    assert lines.feed(b'{"a": 1}\n' + line + b"\n") == [{"a": 1}]
    with pytest.raises(StreamError, match="no JSON object"):
        lines.feed(b"")
    with pytest.raises(StreamError, match="no JSON object"):
        list(json_lines([line]))


def test_line_without_an_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that never end a line are not collected for ever."""
    monkeypatch.setattr("labkit.streams._LINE_LIMIT", 100)
    with pytest.raises(StreamError, match="No line ends within 100 bytes"):
        JSONLines().feed(b"x" * 101)


@pytest.mark.engine
def test_output_of_a_container_is_taken_apart(engine: Any) -> None:
    """What a container writes to its two outputs is told apart in its logs."""
    body = {"Image": "busybox", "Cmd": ["sh", "-c", "echo tea; echo spilt >&2"]}
    made = engine.raw.post("/containers/create", json=body).json()["Id"]
    engine.raw.post(f"/containers/{made}/start")
    engine.raw.post(f"/containers/{made}/wait")
    params = {"stdout": True, "stderr": True}
    with engine.raw.stream("GET", f"/containers/{made}/logs", params=params) as output:
        assert {one.stream: one.data for one in frames(output)} == {
            "stdout": b"tea\n",
            "stderr": b"spilt\n",
        }
    engine.raw.delete(f"/containers/{made}")
