"""The panel of a learner's progress, without a browser."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest

from labkit import wait
from labkit.course.standing import Standing
from labkit.errors import LabError
from labkit.panels import ProgressPanel

Page = Callable[[Any], str]
EVIL = "<img src=x onerror=alert(1)>"


def _lesson(*passed: str) -> Standing:
    began = dt.datetime(2026, 11, 25, 10, tzinfo=dt.UTC)
    ended = began + dt.timedelta(minutes=40) if passed else None
    return Standing("01-" + EVIL, passed, ("one", EVIL), 3 * len(passed), 6, began, ended)


def test_it_shows_passes_points_time_and_what_is_next() -> None:
    """A square for each exercise, filled when it is passed; all words are text."""
    with ProgressPanel(lambda: [_lesson("one")], lambda: EVIL, interval=0) as panel:
        shown = panel._body.value  # noqa: SLF001 - what the page shows
        assert shown.count("lk-done") == 1
        assert shown.count("lk-open") == 1
        assert "1 of 2 passed" in shown
        assert "3 of 6" in shown
        assert "40 minutes" in shown
        assert "<img" not in shown


def test_a_new_pass_appears_by_itself() -> None:
    """Whoever passes a check sees it in the panel above, without pressing anything."""
    passed: list[str] = []
    with ProgressPanel(lambda: [_lesson(*passed)], lambda: "", interval=0.01) as panel:
        passed.append("one")
        wait.until(lambda: "lk-done" in panel._body.value, what="the pass to be shown")  # noqa: SLF001


def test_closed_it_leaves_no_thread_and_keeps_its_picture() -> None:
    """After close nothing looks any more, and to look is refused."""
    panel = ProgressPanel(lambda: [_lesson("one")], lambda: "", interval=0.01)
    panel.close()
    assert not [one for one in threading.enumerate() if one.name == "labkit-progress"]
    assert repr(panel) == ProgressPanel.text
    with pytest.raises(LabError, match="closed"):
        panel.look()
