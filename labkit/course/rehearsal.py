"""A learner's client, rehearsed: the judge writes what is answered, and no real second passes.

The judge sends a script of answers. Here in the kernel a fake ``send`` plays it to the learner's
function, on a clock of its own, and the judge gets back when what was sent, and how it ended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from requests.structures import CaseInsensitiveDict

from labkit.course.answers import plain
from labkit.endpoint import Endpoint
from labkit.errors import LabError

__all__ = ["Clock", "Said", "read", "rehearsed"]

MOST = 300  # requests, after which nobody waits for an end any more


class Clock:
    """Tells a time of its own, as the module ``time`` does; a sleep takes none of yours."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.slept.append(float(seconds))
        self.now += seconds


@dataclass(frozen=True)
class Said:
    """An answer to a request, as the client library requests has it."""

    status_code: int
    headers: CaseInsensitiveDict[str] = field(default_factory=CaseInsensitiveDict)


class Endless(BaseException):
    """It sends and sends; no ``except Exception`` of a learner's shall catch this."""


def rehearsed(
    function: Callable[..., Any], _: Endpoint
) -> contextlib.AbstractContextManager[Callable[..., Any]]:
    """Make of ``polite(images, send, clock, patience)`` what plays a script to it."""

    def play(images: list[str], script: list[Any], patience: float) -> dict[str, Any]:
        clock, answers = Clock(), _answers(script)
        sent: list[tuple[str, float]] = []

        def send(image: str) -> Said:
            sent.append((image, clock.now))
            if len(sent) > MOST:
                raise Endless
            return next(answers)

        ended, returned = _end(lambda: plain(function(images, send, clock, patience)))
        return {"sent": sent, "now": clock.now, "ended": ended, "returned": returned}

    return contextlib.nullcontext(play)


def read(
    function: Callable[..., Any], _: Endpoint
) -> contextlib.AbstractContextManager[Callable[..., Any]]:
    """Make of a parser what tells its answer, or that it refused to read."""

    def parse(headers: dict[str, str]) -> dict[str, Any]:
        try:
            return {"answer": function(headers)}
        except (ValueError, LabError):
            return {"refused": True}

    return contextlib.nullcontext(parse)


def _answers(script: Sequence[tuple[int, dict[str, str]]]) -> Iterator[Said]:
    """Each answer of the script, the last one for ever."""
    said = [Said(status, CaseInsensitiveDict(headers)) for status, headers in script]
    yield from said
    while True:
        yield said[-1]


def _end(call: Callable[[], Any]) -> tuple[str, Any]:
    """How a call ends, in a word, and what it returns."""
    try:
        return "returned", call()
    except TimeoutError:
        return "gave up", None
    except Endless:
        return "endless", None
