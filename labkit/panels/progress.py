"""How far a learner has come, lesson by lesson, as it changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from html import escape
from typing import ClassVar, Protocol

import humanize
import ipywidgets

from labkit.live.poll import Poll
from labkit.panels.frame import Frame
from labkit.panels.panel import Panel

__all__ = ["ProgressPanel"]


class Lesson(Protocol):
    """How far somebody has come in one lesson."""

    @property
    def notebook(self) -> str:
        """The lesson's name."""
        ...

    @property
    def passed(self) -> tuple[str, ...]:
        """The exercises that were passed."""
        ...

    @property
    def exercises(self) -> tuple[str, ...]:
        """All of them."""
        ...

    @property
    def points(self) -> int:
        """What was earned."""
        ...

    @property
    def worth(self) -> int:
        """What there is to earn."""
        ...

    @property
    def took(self) -> dt.timedelta | None:
        """From the first check to the last pass."""
        ...


class ProgressPanel(Panel):
    """Each lesson with the exercises that were passed, the points, the time, and what is next.

    :param lessons: tells how far somebody has come.
    :param next_up: says what to do next.
    :param interval: seconds between two looks; 0 looks only on :meth:`look`.
    """

    text: ClassVar[str] = "ProgressPanel: what you have passed in each lesson, live"

    def __init__(
        self,
        lessons: Callable[[], Sequence[Lesson]],
        next_up: Callable[[], str],
        *,
        interval: float = 2.0,
    ) -> None:
        self._ask, self._ask_next = lessons, next_up
        self._lessons: Sequence[Lesson] = ()
        self._next = ""
        self._body = ipywidgets.HTML()
        super().__init__(Frame("progress", "Progress", body=[self._body], whom="notes"))
        self._away = ""
        self.look()
        self._poll = Poll(self._look_again, interval=interval, name="labkit-progress")

    def look(self) -> None:
        """Look at the notes now, and show what they say."""
        self._require_open()
        lessons, next_up = self._ask(), self._ask_next()
        with self._lock:
            changed = (lessons, next_up) != (self._lessons, self._next)
            self._lessons, self._next = lessons, next_up
        if changed:
            self._paint()

    def _look_again(self) -> None:
        if not self._closed:
            self.look()

    def _summary(self) -> str:
        points = sum(one.points for one in self._lessons)
        return f"{points} of {sum(one.worth for one in self._lessons)} points"

    def _draw(self) -> None:
        self.frame.empty("")
        self._body.value = self._picture()

    def _picture(self) -> str:
        rows = "".join(map(_row, self._lessons))
        return f'<div class="lk-course">{rows}<p>Next: {escape(self._next)}</p></div>'

    def _end(self) -> None:
        self._poll.close()


def _row(one: Lesson) -> str:
    marks = "".join(
        f'<i class="{"lk-done" if name in one.passed else "lk-open"}" title="{escape(name)}"></i>'
        for name in one.exercises
    )
    took = humanize.naturaldelta(one.took) if one.took else ""
    said = f"{len(one.passed)} of {len(one.exercises)} passed"
    return (
        f'<div><span>{escape(one.notebook)}</span><span role="img" aria-label="{said}">{marks}'
        f"</span><span>{one.points} of {one.worth}</span><span>{escape(took)}</span></div>"
    )
