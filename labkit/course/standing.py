"""How far a learner has come: each lesson's passes, points and time, and what comes next."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.course import progress
from labkit.course.lessons import LESSONS

__all__ = ["Standing", "next_up", "standings"]


@dataclass(frozen=True)
class Standing:
    """How far somebody has come in one lesson, by its checks.

    Parts that a person reads, the findings, are not among them: nobody but the learner has seen
    those.

    :param passed: the exercises that were passed, out of ``exercises``.
    :param points: what they are worth, out of ``worth``.
    :param began: when the first check was run; ``ended`` when the last pass was noted, so far.
    """

    notebook: str
    passed: tuple[str, ...]
    exercises: tuple[str, ...]
    points: int
    worth: int
    began: dt.datetime | None = None
    ended: dt.datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether every exercise was passed."""
        return len(self.passed) == len(self.exercises)

    @property
    def took(self) -> dt.timedelta | None:
        """From the first check to the last pass, breaks included."""
        return self.ended - self.began if self.began and self.ended else None


def standings() -> list[Standing]:
    """Every lesson, in the course's order."""
    return [_standing(name) for name in sorted(LESSONS)]


def _standing(notebook: str) -> Standing:
    exercises, folder = LESSONS[notebook].exercises, progress.folder() / notebook
    notes = {name: _note(folder / f"{name}.json") for name in exercises}
    passed = {name: moment for name, moment in notes.items() if moment}
    began = [moment for moment in (_note(folder / progress.BEGAN), *passed.values()) if moment]
    return Standing(
        notebook=notebook,
        passed=tuple(passed),
        exercises=tuple(exercises),
        points=sum(exercises[name].points for name in passed),
        worth=sum(one.points for one in exercises.values()),
        began=min(began, default=None),
        ended=max(passed.values(), default=None),
    )


def _note(path: Path) -> dt.datetime | None:
    """The moment in a note; None where there is no note, or one that can't be read."""
    try:
        return dt.datetime.fromisoformat(json.loads(path.read_text())["passed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def next_up(all_of_them: Sequence[Standing]) -> str:
    """What to do next, in words: the first exercise that is open in the lesson at hand."""
    begun = [one for one in all_of_them if one.began and not one.complete]
    untouched = [one for one in all_of_them if not one.complete]
    for one in [*begun, *untouched]:
        exercise = next(name for name in one.exercises if name not in one.passed)
        return f"{exercise} in {one.notebook}"
    return "labkit progress --certificate certificate.html --name 'Your name'"
