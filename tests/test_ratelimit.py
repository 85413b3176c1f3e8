"""The limit in a registry's headers, and the client that stays under it; time is our own."""

from __future__ import annotations

import doctest
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import ratelimit
from labkit.errors import GaveUp, LimitUnreadable
from labkit.ratelimit import Limit, Polite, read, retry_after


@dataclass
class OwnTime:
    """A clock whose sleep takes no time; it keeps what was slept."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Let them pass."""
        assert seconds >= 0
        self.now += seconds
        self.slept.append(seconds)


@dataclass(frozen=True)
class Said:
    """An answer."""

    status_code: int
    headers: Mapping[str, str] = field(default_factory=dict)


def polite(clock: OwnTime, **options: float) -> Polite:
    """Make a client with our time and no luck: each jitter is the longest."""
    return Polite(clock=clock, chance=lambda: 1.0, **options)  # type: ignore[arg-type]


def test_the_examples_are_true() -> None:
    """What the module's docstring shows is what happens."""
    assert doctest.testmod(ratelimit).failed == 0


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"ratelimit-remaining": "1;w=2"}, None),
        ({"RATELIMIT-LIMIT": "100;w=21600"}, Limit(100, None, 21600)),
        ({"ratelimit-limit": " 100 ; W = 60 "}, Limit(100, None, 60)),
        ({"ratelimit-limit": "100", "ratelimit-remaining": "7;w=60"}, Limit(100, 7, 60)),
        ({"ratelimit-limit": "100;x=1;w=60;y=2"}, Limit(100, None, 60)),
        (
            {"ratelimit-limit": "0;w=60", "docker-ratelimit-source": "192.0.2.1"},
            Limit(0, None, 60, "192.0.2.1"),
        ),
    ],
)
def test_headers_are_read(headers: dict[str, str], found: Limit | None) -> None:
    """Limit, window and source are read in any letter case; without the limit there is none."""
    assert read(headers) == found


@pytest.mark.parametrize("junk", ["", "many", "-1", "1.5", "100 pulls", "١٢", "1" * 99])
def test_junk_is_refused_clearly(junk: str) -> None:
    """A header that is no number says so, and how it should be."""
    with pytest.raises(LimitUnreadable, match="ratelimit-limit"):
        read({"ratelimit-limit": junk})


HEADERS = st.sampled_from(
    ["RateLimit-Limit", "ratelimit-remaining", "docker-ratelimit-source", "Retry-After", "X"]
)
VALUES = st.text() | st.from_regex(r"\s*\d+\s*;?\s*w?=?\d*") | st.integers().map(str)


@given(st.dictionaries(HEADERS, VALUES))
def test_any_headers_are_read_or_refused(headers: dict[str, str]) -> None:
    """Whatever stands in the headers, there is a limit, none, or a clear refusal."""
    wait = retry_after(headers)
    assert wait is None or wait >= 0
    try:
        found = read(headers)
    except LimitUnreadable:
        return
    assert found is None or (found.limit >= 0 and 0 <= found.fraction <= 1 and str(found))


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 10**6), st.booleans())
def test_what_is_written_is_read(limit: int, remaining: int, window: int, upper: bool) -> None:  # noqa: FBT001 - hypothesis decides
    """Headers written as Docker Hub does come back as the same numbers."""
    names = ["ratelimit-limit", "ratelimit-remaining"]
    names = [name.upper() for name in names] if upper else names
    headers = dict(zip(names, (f"{limit};w={window}", f"{remaining};w={window}"), strict=True))
    assert read(headers) == Limit(limit, remaining, window)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 37.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after(told: str, seconds: float | None) -> None:
    """Retry-After is seconds or a date; other words are as none."""
    now = datetime(1994, 11, 6, 8, 49, 0, tzinfo=UTC)
    assert retry_after({"RETRY-AFTER": told}, now=now) == seconds


def test_a_good_answer_comes_at_once() -> None:
    """With much of the budget left nothing is waited for, and errors that stay are returned."""
    clock = OwnTime()
    client = polite(clock)
    assert client(lambda: Said(200, {"ratelimit-limit": "9;w=9"})).status_code == 200
    assert client(lambda: Said(404)).status_code == 404
    assert clock.slept == []
    assert client.limit == Limit(9, None, 9)


def test_it_slows_down_as_the_budget_sinks() -> None:
    """The less is left, the longer it waits before it asks, up to twice the even pace."""
    clock = OwnTime()
    client = polite(clock)
    for left in (100, 60, 40, 20, 0):
        headers = {"ratelimit-limit": "100;w=1000", "ratelimit-remaining": f"{left};w=1000"}
        client(lambda headers=headers: Said(200, headers))  # type: ignore[misc]
    client(lambda: Said(200))
    assert clock.slept == pytest.approx([4, 12, 20])


def answers(*statuses: int, headers: Mapping[str, str] | None = None) -> Iterator[Said]:
    """Make up a conversation."""
    return iter([Said(status, headers or {}) for status in statuses])


def test_backoff_doubles() -> None:
    """Each refusal doubles the longest wait, to a bound; then the answer comes."""
    clock = OwnTime()
    script = answers(429, 503, 429, 502, 504, 200)
    assert polite(clock, longest=6)(lambda: next(script)).status_code == 200
    assert clock.slept == [1, 2, 4, 6, 6]


def test_jitter_spreads() -> None:
    """With half the luck the waits are half as long: many clients don't come at once."""
    clock = OwnTime()
    script = answers(429, 429, 200)
    Polite(clock=clock, chance=lambda: 0.5)(lambda: next(script))
    assert clock.slept == [0.5, 1.0]


def test_retry_after_is_honoured() -> None:
    """When the registry says when to come again, it is not asked before."""
    clock = OwnTime()
    script = answers(429, 200, headers={"Retry-After": "30"})
    polite(clock)(lambda: next(script))
    assert clock.slept == [31]


@given(st.floats(0, 1), st.integers(0, 10**6), st.sampled_from([429, 503]))
def test_it_gives_up_in_bounded_time(luck: float, told: int, status: int) -> None:
    """Whatever the registry says, a call ends within its patience, and says what happened."""
    clock = OwnTime()
    headers = {"Retry-After": str(told)} if told % 2 else {}
    client = Polite(clock=clock, chance=lambda: luck, patience=120)
    with pytest.raises(GaveUp, match=str(status)):
        client(lambda: Said(status, headers))
    assert clock.now <= 120


def test_unreadable_headers_change_nothing() -> None:
    """A registry that writes junk does not make the client impolite, nor crash it."""
    client = polite(OwnTime())
    client(lambda: Said(200, {"ratelimit-limit": "5;w=5"}))
    client(lambda: Said(200, {"ratelimit-limit": "junk"}))
    assert client.limit == Limit(5, None, 5)
