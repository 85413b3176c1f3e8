"""How a kernel and a judge talk: one JSON object a line, over a connected socket.

::

    kernel                                     judge
    {"check": "list-running", …}          →
                                          ←    {"call": ["brave-otter-41"]}
    {"answer": […]}, or {"raised": "…"},  →
    or {"unreadable": "…"}
                                          ←    {"verdict": {…}}

A judge may call as often as it likes, or not at all. Nothing but JSON crosses: no pickles, no code.
"""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from typing import Any, Self

from labkit.errors import CourseError

LONGEST = 8 * 2**20  # bytes in a line; an honest answer has a few thousand


@dataclass(frozen=True)
class Verdict:
    """What a judge says of an exercise.

    :param points: what was earned, out of ``worth``.
    :param saw: what was seen, when it did not pass.
    :param question: what a tutor would ask then.
    """

    exercise: str
    passed: bool
    points: int
    worth: int
    saw: str = ""
    question: str = ""

    def __str__(self) -> str:
        points = f"{self.points} of {self.worth} point{'s' if self.worth != 1 else ''}"
        return f"{'✓' if self.passed else '✗'} {self.exercise}: {points}"


class Connection:
    """One end of a conversation."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lines = end.makefile("rb")

    def send(self, kind: str, content: Any, **more: Any) -> None:
        """Send one message.

        :raises CourseError: it is no JSON, or too long, or nobody is there to take it.
        """
        try:
            line = json.dumps({kind: content, **more}).encode() + b"\n"
        except (TypeError, ValueError, RecursionError) as bad:
            raise CourseError(f"That can't be sent as JSON: {bad}") from bad
        if len(line) > LONGEST:
            raise CourseError(f"An answer of {len(line):,} bytes is too long to judge.")
        try:
            self._socket.sendall(line)
        except OSError as lost:
            raise CourseError("The other side of the check is gone.") from lost

    def receive(self) -> dict[str, Any]:
        """Receive one message; empty when the other side has closed.

        :raises CourseError: it is not a JSON object in one line, or too long, or did not come.
        """
        try:
            line = self._lines.readline(LONGEST + 1)
        except OSError as lost:
            raise CourseError("The other side of the check did not answer in time.") from lost
        if not line:
            return {}
        try:
            message = json.loads(line) if line.endswith(b"\n") else None
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise CourseError("The other side of the check sent what is no message.")
        return message

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def verdict_of(message: dict[str, Any]) -> Verdict:
    """Read a verdict from its message.

    :raises CourseError: it is not one.
    """
    try:
        return Verdict(**message["verdict"])
    except (KeyError, TypeError) as bad:
        raise CourseError(
            "The judge hung up without a verdict.", hint="Run the cell again."
        ) from bad


def as_message(verdict: Verdict) -> dict[str, Any]:
    """A verdict as it travels."""
    return asdict(verdict)
