"""How a kernel and a judge talk: one JSON object a line."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from labkit.course import learner
from labkit.course.judge import Judge
from labkit.course.protocol import LONGEST, Connection, Verdict, as_message, verdict_of
from labkit.endpoint import Endpoint
from labkit.errors import CourseError

JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text() | some.floats(allow_nan=False),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=10,
)


def _pair() -> tuple[Connection, socket.socket]:
    """A connection, and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    theirs.settimeout(10)
    return Connection(ours), theirs


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, and the bare socket at its other end."""
    connection, other = _pair()
    with connection, other:
        yield connection, other


def _write(end: socket.socket, *pieces: bytes) -> None:
    """Write from a thread of its own, for a socket takes only so much at a time; then hang up."""

    def write() -> None:
        with suppress(OSError):  # the other side may have heard enough
            for piece in pieces:
                end.sendall(piece)
            end.shutdown(socket.SHUT_WR)

    threading.Thread(target=write, daemon=True).start()


@given(JSON, some.sampled_from(["call", "answer", "raised"]))
def test_what_is_sent_arrives(content: Any, kind: str) -> None:
    """Any JSON makes the journey in one line."""
    connection, other = _pair()
    with connection, Connection(other) as receiver:
        connection.send(kind, content)
        assert receiver.receive() == {kind: content}


@given(some.binary(max_size=200))
def test_garbage_is_no_message(garbage: bytes) -> None:
    """Whatever bytes come: a message, the end, or a CourseError, and never anything else."""
    connection, other = _pair()
    with connection, other:
        other.sendall(garbage)
        other.shutdown(socket.SHUT_WR)
        try:
            message = connection.receive()
        except CourseError:
            return
        assert isinstance(message, dict)
        assert message or not garbage or json.loads(garbage.split(b"\n")[0]) == {}


@pytest.mark.parametrize(
    "line",
    [
        b"[1, 2]\n",
        b'"call"\n',
        b"null\n",
        b"7\n",
        b"\n",
        b"{\n",
        b'{"answer": 1}',
        b'\xff\xfe{"answer": 1}\n',
        b"\x80\x04pickle.\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"answer": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        b'{"answer": ' + b"9" * 10_000 + b"}\n",
    ],
    ids=lambda line: repr(line[:20]),
)
def test_what_is_no_object_in_one_line_is_refused(
    pair: tuple[Connection, socket.socket], line: bytes
) -> None:
    """Other JSON, half a line, other encodings, nesting without end: one CourseError."""
    connection, other = pair
    _write(other, line)
    with pytest.raises(CourseError, match="what is no message"):
        connection.receive()


def test_a_line_that_is_too_long_is_refused(pair: tuple[Connection, socket.socket]) -> None:
    """A line of more than LONGEST bytes is not read to its end."""
    connection, other = pair
    with pytest.raises(CourseError, match="too long to judge"):
        connection.send("answer", "x" * LONGEST)
    other.settimeout(None)
    threading.Thread(target=_flood, args=(other,), daemon=True).start()
    with pytest.raises(CourseError, match="what is no message"):
        connection.receive()


def _flood(end: socket.socket) -> None:
    """Send a line that never ends, until the other side hangs up."""
    try:
        while True:
            end.sendall(b"x" * 2**16)
    except OSError:
        return


def test_what_json_does_not_have_is_refused(pair: tuple[Connection, socket.socket]) -> None:
    """To send an object, a list within itself or a giant number is a CourseError."""
    connection, _ = pair
    endless: list[Any] = []
    endless.append(endless)
    for content in (object(), endless, 10**5000):
        with pytest.raises(CourseError):
            connection.send("answer", content)


def test_a_closed_end_is_an_empty_message(pair: tuple[Connection, socket.socket]) -> None:
    """Who listens to a closed end hears nothing; who speaks to it is told that it is gone."""
    connection, other = pair
    other.close()
    assert connection.receive() == {}
    with pytest.raises(CourseError, match="is gone"):
        connection.send("call", [])


def test_patience_has_an_end(pair: tuple[Connection, socket.socket]) -> None:
    """An end with a time-out does not wait for ever, and does not fall over when asked again."""
    connection, other = pair
    connection._socket.settimeout(0.01)  # noqa: SLF001  # as judge.serve sets it on its own end
    other.sendall(b'{"half": ')
    for _ in range(2):
        with pytest.raises(CourseError, match="in time"):
            connection.receive()


def test_a_verdict_survives_the_journey() -> None:
    """What the judge says is what the kernel shows."""
    verdict = Verdict("list-running", passed=False, points=0, worth=3, saw="Naïve", question="Ja?")
    assert verdict_of({"verdict": json.loads(json.dumps(as_message(verdict)))}) == verdict
    assert str(verdict) == "✗ list-running: 0 of 3 points"
    assert str(Verdict("a", passed=True, points=1, worth=1)) == "✓ a: 1 of 1 point"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"verdict": None},
        {"verdict": []},
        {"verdict": {}},
        {"verdict": {"exercise": "a"}},
        {"verdict": asdict(Verdict("a", passed=True, points=1, worth=1)) | {"more": 1}},
        {"answer": 1},
    ],
    ids=str,
)
def test_what_is_no_verdict_is_refused(message: dict[str, Any]) -> None:
    """A judge that hangs up, or speaks of something else, gives one clear error."""
    with pytest.raises(CourseError, match="without a verdict"):
        verdict_of(message)


def _answered(speak: Callable[[Connection], None], function: Callable[..., Any] | None) -> Verdict:
    """The verdict that the learner's end comes to when the judge's end speaks so."""
    connection, other = _pair()
    with connection, Connection(other) as judge:
        speaker = threading.Thread(target=speak, args=(judge,), daemon=True)
        speaker.start()
        verdict = learner.answer(connection, "an-exercise", function)
        speaker.join(10)
    return verdict


def test_the_learners_end_answers_every_call() -> None:
    """What the function returns travels as an answer, what it raises as that, until the verdict."""
    heard = []

    def speak(judge: Connection) -> None:
        heard.append(judge.receive())
        for argument in (1, 0):
            judge.send("call", [argument])
            heard.append(judge.receive())
        judge.send("verdict", asdict(Verdict("an-exercise", passed=True, points=1, worth=1)))

    verdict = _answered(speak, lambda number: 1 // number)
    raised = "ZeroDivisionError: integer division or modulo by zero"
    assert heard == [
        {"check": "an-exercise", "callable": True},
        {"answer": 1},
        {"raised": raised},
    ]
    assert verdict.passed


@given(some.lists(some.binary(max_size=60), max_size=4))
def test_no_judge_can_upset_the_learners_end(lines: list[bytes]) -> None:
    """Whatever a judge says and then hangs up: a verdict or a CourseError."""
    connection, other = _pair()
    with connection, other:
        other.sendall(b"\n".join(lines))
        other.shutdown(socket.SHUT_WR)
        with pytest.raises(CourseError):
            learner.answer(connection, "an-exercise", lambda *_: None)


OPENINGS = some.sampled_from(["engine-version", "no-such", None, ["a"], {"b": 1}]).map(
    lambda name: json.dumps({"check": name, "callable": True}).encode()
)


@given(
    OPENINGS, some.lists(some.binary(max_size=60) | JSON.map(lambda one: json.dumps(one).encode()))
)
def test_no_learner_can_upset_the_judge(opening: bytes, lines: list[bytes]) -> None:
    """Whatever comes before the other side hangs up: the judge goes on to the next."""
    judge = Judge("00-start-here", Endpoint(unix=Path("/nowhere")))
    connection, other = _pair()
    with connection, other:
        other.sendall(b"\n".join([opening, *lines]))
        other.shutdown(socket.SHUT_WR)
        judge.converse(connection)
