"""Points that a person gives: for what no judge can see, and where the judge was wrong.

A CSV file with the columns student, assignment, grade_id, points and reason. The grade id is an
exercise's or that of a part graded by hand, such as ``findings``. Every line needs its reason.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from labkit.course.lessons import LESSONS
from labkit.errors import SubmissionError
from labkit.grading.outcome import Graded, Outcome
from labkit.grading.submissions import Submission

__all__ = ["COLUMNS", "Override", "apply", "check", "read"]

COLUMNS = ("student", "assignment", "grade_id", "points", "reason")


@dataclass(frozen=True)
class Override:
    """Points for one part of one submission, and why."""

    student: str
    assignment: str
    grade_id: str
    points: float
    reason: str


def read(path: Path) -> list[Override]:
    """Read a file of overrides.

    :raises SubmissionError: it can't be read; names the line, and what is expected there.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as bad:
        raise SubmissionError(f"{path} can't be read: {bad}.") from bad
    return [_override(path, number, row) for number, row in enumerate(rows, 2)]


def _override(path: Path, line: int, row: dict[str, str | None]) -> Override:
    def wrong(what: str) -> SubmissionError:
        return SubmissionError(
            f"{path}, line {line}: {what}", hint=f"The columns are {', '.join(COLUMNS)}."
        )

    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if empty := [name for name in COLUMNS if not cells[name]]:
        raise wrong(f"{', '.join(empty)} is empty.")
    lesson = LESSONS.get(cells["assignment"])
    if lesson is None:
        raise wrong(f"there is no assignment {cells['assignment']!r}.")
    worth = _worth(cells["assignment"], cells["grade_id"])
    if worth is None:
        names = ", ".join([*lesson.exercises, *lesson.by_hand])
        raise wrong(f"{lesson.notebook} has no {cells['grade_id']!r}; it has {names}.")
    try:
        points = float(cells["points"])
    except ValueError:
        points = -1.0
    if not 0 <= points <= worth:
        raise wrong(f"{cells['points']!r} is no number from 0 to {worth}.")
    return Override(
        cells["student"], cells["assignment"], cells["grade_id"], points, cells["reason"]
    )


def _worth(assignment: str, grade_id: str) -> int | None:
    lesson = LESSONS[assignment]
    if grade_id in lesson.exercises:
        return lesson.exercises[grade_id].points
    return lesson.by_hand.get(grade_id)


def apply(graded: Iterable[Graded], overrides: Iterable[Override]) -> list[Graded]:
    """The results with those points in them; the last line for a part counts.

    Parts that are graded by hand are outcomes, too, with ``by hand`` as their word.
    """
    known = {(one.student, one.assignment): _with_hand(one) for one in graded}
    for override in overrides:
        place = (override.student, override.assignment)
        if place in known:
            known[place] = _overridden(known[place], override)
    return list(known.values())


def check(overrides: Iterable[Override], submissions: Iterable[Submission]) -> None:
    """Make sure that whoever they name has handed that in.

    :raises SubmissionError: somebody has not.
    """
    handed = {(one.student, one.assignment) for one in submissions}
    for one in overrides:
        if (one.student, one.assignment) not in handed:
            raise SubmissionError(
                f"An override names {one.student}, who has not handed in {one.assignment}.",
                hint="Take the line out, or write the student's name as exercises.csv has it; "
                "then give the file with --overrides.",
            )


def _with_hand(graded: Graded) -> Graded:
    by_hand = LESSONS[graded.assignment].by_hand
    parts = tuple(Outcome(name, "by hand", 0, worth) for name, worth in by_hand.items())
    return replace(graded, outcomes=(*graded.outcomes, *parts))


def _overridden(graded: Graded, override: Override) -> Graded:
    return replace(
        graded,
        outcomes=tuple(
            one.instead(override.points, override.reason)
            if one.exercise == override.grade_id
            else one
            for one in graded.outcomes
        ),
    )
