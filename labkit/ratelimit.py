"""Docker Hub's pull limit: read it from a registry's headers, and stay under it politely.

Useful outside the course, too. It sends nothing by itself: you bring the function that does.

>>> read({"RateLimit-Limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"})
Limit(limit=100, remaining=76, window=21600, source='')
>>> read({"Content-Type": "text/plain"}) is None  # no header: no limit
True

The headers come from the registry. The Engine API sends none.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol, TypeVar

from labkit.errors import GaveUp, LimitUnreadable

__all__ = ["Answer", "Clock", "Limit", "Polite", "read", "retry_after"]

_VALUE = re.compile(r"\s*(\d{1,15})\s*(;.*)?", re.ASCII | re.DOTALL)
_WINDOW = re.compile(r";\s*w\s*=\s*\"?(\d{1,15})\"?\s*(?=;|$)", re.ASCII | re.IGNORECASE)
_SHOWN = 60
_AGAIN = {429, 502, 503, 504}


@dataclass(frozen=True)
class Limit:
    """What a registry said about a budget.

    :param limit: pulls in a window.
    :param remaining: how many of them are left; None when it was not said.
    :param window: seconds; None when it was not said.
    :param source: whose budget it is: an address, or an account; empty when it was not said.
    """

    limit: int
    remaining: int | None = None
    window: int | None = None
    source: str = ""

    @property
    def fraction(self) -> float:
        """How much of the budget is left, 0 to 1; 1 when it was not said."""
        if self.remaining is None:
            return 1.0
        return min(1.0, self.remaining / self.limit) if self.limit else 0.0

    @property
    def pace(self) -> float:
        """Seconds between two pulls that spread the whole budget evenly over the window."""
        return self.window / self.limit if self.window and self.limit else 0.0

    def __str__(self) -> str:
        left = "an unknown number" if self.remaining is None else str(self.remaining)
        window = f" in {self.window} s" if self.window else ""
        return (
            f"{left} of {self.limit} pulls left{window}{f' for {self.source}' * bool(self.source)}"
        )


class Answer(Protocol):
    """What a sent request gives back; a ``requests.Response`` is one."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, their names in any letter case."""
        ...


class Clock(Protocol):
    """What tells the time and lets it pass; the module ``time`` is one."""

    def monotonic(self) -> float:
        """Seconds since some moment."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        ...


def read(headers: Mapping[str, str]) -> Limit | None:
    """Read the limit in a registry's headers; None when there is no such header: no limit.

    It knows ``ratelimit-limit``, ``ratelimit-remaining`` (each ``number;w=seconds``) and
    ``docker-ratelimit-source``, in any letter case.

    :raises LimitUnreadable: such a header is there, and is not written like that.
    """
    found = {str(name).lower(): str(value) for name, value in headers.items()}
    if "ratelimit-limit" not in found:
        return None
    limit, window = _value("ratelimit-limit", found["ratelimit-limit"])
    remaining = None
    if "ratelimit-remaining" in found:
        remaining, again = _value("ratelimit-remaining", found["ratelimit-remaining"])
        window = again if window is None else window
    return Limit(limit, remaining, window, found.get("docker-ratelimit-source", "").strip())


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Read ``Retry-After``: seconds from now, never less than 0; None when it is not told.

    :param now: the time that a date in it is compared with.
    """
    told = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    if re.fullmatch(r"\s*\d{1,15}\s*", told, re.ASCII):
        return float(told)
    try:
        moment = parsedate_to_datetime(told)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


A = TypeVar("A", bound=Answer)


@dataclass
class Polite:
    """A client that slows down as the budget sinks, and comes again later when it is refused.

    :param patience: seconds that one call may wait in all, before it gives up.
    :param slow_below: the part of the budget, 0 to 1, below which it begins to slow down.
    :param base: seconds; the first wait after a refusal is up to so long, each next one twice that.
    :param longest: seconds that one wait after a refusal takes at most, unless the registry says.
    :param clock: what tells the time and sleeps; a test brings its own.
    :param chance: a number from 0 to 1: the jitter, which keeps many clients from coming at once.
    """

    patience: float = 300.0
    slow_below: float = 0.5
    base: float = 1.0
    longest: float = 60.0
    clock: Clock = field(default=time, repr=False)
    chance: Callable[[], float] = field(default=random.random, repr=False)
    limit: Limit | None = None

    def __call__(self, send: Callable[[], A]) -> A:
        """Send a request, wait where that is polite, and return its answer.

        Statuses 429, 502, 503 and 504 are tried again; every other answer is returned as it is.

        :param send: sends the request once, and returns what is answered.
        :raises GaveUp: it was refused for as long as :attr:`patience` allows.
        """
        end = self.clock.monotonic() + self.patience
        self._wait(self._courtesy(), end)
        tries = 0
        while True:
            answer = send()
            tries += 1
            self._note(answer)
            if answer.status_code not in _AGAIN:
                return answer
            pause = self._pause(answer, tries)
            if self.clock.monotonic() + pause > end:
                raise GaveUp(
                    f"Refused {tries} times ({_phrase(answer.status_code)}); the next try would be "
                    f"in {pause:.0f} s, beyond the {self.patience:.0f} s of patience.",
                    hint="Sign in for a larger budget, use a mirror, or come back later.",
                )
            self.clock.sleep(pause)

    def _courtesy(self) -> float:
        """Seconds to wait before a request, given what is left: none, up to twice the even pace."""
        if not self.limit or self.limit.fraction >= self.slow_below:
            return 0.0
        return self.limit.pace * 2 * (1 - self.limit.fraction / self.slow_below)

    def _wait(self, pause: float, end: float) -> None:
        pause = min(pause, max(0.0, end - self.clock.monotonic()) / 2)
        if pause > 0:
            self.clock.sleep(pause)

    def _pause(self, answer: Answer, tries: int) -> float:
        """Exponential backoff with full jitter, or what the registry asks for."""
        told = retry_after(answer.headers)
        if told is not None:
            return told + self.chance() * self.base
        longest = min(self.longest, self.base * 2.0 ** min(tries - 1, 30))
        return max(self.chance() * longest, self.base / 10)

    def _note(self, answer: Answer) -> None:
        with contextlib.suppress(LimitUnreadable):  # it stays polite with what it knew before
            self.limit = read(answer.headers) or self.limit


def _value(name: str, text: str) -> tuple[int, int | None]:
    found = _VALUE.fullmatch(text)
    if not found:
        shown = repr(text[:_SHOWN]) + ("…" if len(text) > _SHOWN else "")
        raise LimitUnreadable(
            f"The header {name} can't be read: {shown}.", hint="It is written like 100;w=21600."
        )
    window = _WINDOW.search(found[2] or "")
    return int(found[1]), int(window[1]) if window else None


def _phrase(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
