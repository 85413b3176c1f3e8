"""The one polling loop: what it returns, how long it waits, and at which pace."""

from __future__ import annotations

import os

import pytest

from labkit import wait
from labkit.errors import WaitTimeout


class OwnTime:
    """A clock whose sleep takes no time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Go on by so many seconds."""
        self.now += seconds


def test_what_comes_true_is_returned() -> None:
    """As soon as the probe gives something true."""
    clock, answers = OwnTime(), iter([0, "", None, "there"])
    found = wait.until(lambda: next(answers), what="it", interval=1, clock=clock, sleep=clock.sleep)
    assert (found, clock.now) == ("there", 3)


@pytest.mark.parametrize("pace", [1, 5])
def test_it_waits_at_the_pace_of_where_engines_live(
    monkeypatch: pytest.MonkeyPatch, pace: float
) -> None:
    """And the message says how long that was."""
    monkeypatch.setenv(wait.PACE, "")
    wait.set_pace(pace)
    clock = OwnTime()
    with pytest.raises(WaitTimeout, match=f"Waited {10 * pace} s in vain for it"):
        wait.until(lambda: None, what="it", interval=1, clock=clock, sleep=clock.sleep)
    assert clock.now == 10 * pace


def test_the_usual_pace_leaves_nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where engines are containers, it is as where nobody has said anything."""
    monkeypatch.setenv(wait.PACE, "5")
    wait.set_pace(1)
    assert wait.PACE not in os.environ
