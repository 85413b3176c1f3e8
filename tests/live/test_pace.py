"""Telling somebody soon, but not too often."""

from __future__ import annotations

import threading

from labkit import wait
from labkit.live.pace import Pace


def test_last_nudge_is_told() -> None:
    """Of many nudges few are told, and one of these calls comes after the last nudge."""
    told: list[int] = []
    number = 0
    pace = Pace(lambda: told.append(number), name="test", step=0.01)
    for number in range(1, 1001):  # noqa: B007  # told by the lambda
        pace.nudge()
    wait.until(lambda: told and told[-1] == 1000, what="the last nudge")
    pace.close()
    assert len(told) < 1000


def test_closed() -> None:
    """Closing ends the thread at once, also from a call, and nothing is told after it."""
    threads = threading.active_count()
    told: list[None] = []
    pace = Pace(lambda: told.append(pace.close()), name="test", step=60)  # type: ignore[func-returns-value]
    pace.nudge()
    wait.until(lambda: threading.active_count() == threads, what="the end of the thread")
    pace.nudge()
    pace.close()
    assert told == [None]
