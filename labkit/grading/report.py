"""The reports of a class: tables for machines, a page for each student, one for the instructor.

All of it is made anew from the results each time, and the same results give the same files.
"""

from __future__ import annotations

import io
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
from matplotlib.figure import Figure

from labkit.course.lessons import lesson
from labkit.grading import tables
from labkit.grading.outcome import OUTCOMES, Graded, Outcome
from labkit.grading.results import file_name
from labkit.grading.submissions import Unread

__all__ = ["write"]

_WORDS = [word for word in OUTCOMES if word != "passed"]
_SUSPECT = ("tampered", "kernel died")


def write(folder: Path, graded: Sequence[Graded], unread: Sequence[Unread]) -> None:
    """Write all reports into a folder.

    ``grades.csv``, ``exercises.csv``, ``junit.xml``, ``summary.html``, ``feedback/STUDENT.html``
    and ``gradescope/STUDENT/ASSIGNMENT/results.json``.
    """
    _put(folder / "grades.csv", tables.grades_csv(graded))
    _put(folder / "exercises.csv", tables.exercises_csv(graded))
    _put(folder / "junit.xml", tables.junit(graded).decode())
    for made in ("feedback", "gradescope"):
        shutil.rmtree(folder / made, ignore_errors=True)
    for student, theirs in groupby(graded, key=lambda one: one.student):
        page, several = file_name(student), list(theirs)
        _put(folder / "feedback" / f"{page}.html", _feedback(student, several))
        for one in several:
            place = folder / "gradescope" / page / one.assignment / "results.json"
            _put(place, tables.gradescope(one))
    _put(folder / "summary.html", _summary(graded, unread))


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace")


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _page(name: str, **words: Any) -> str:
    loader = jinja2.FileSystemLoader(Path(__file__).with_name("pages"))
    pages = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    pages.filters["number"] = _number
    return pages.get_template(name).render(**words)


def _feedback(student: str, graded: Sequence[Graded]) -> str:
    return _page("feedback.html", student=student, graded=graded)


@dataclass(frozen=True)
class _Assignment:
    """An assignment as the summary shows it; ``exercises`` counts outcomes by exercise."""

    name: str
    worth: float
    mean: float
    exercises: Mapping[str, Counter[str]]
    picture: str


def _summary(graded: Sequence[Graded], unread: Sequence[Unread]) -> str:
    students: dict[str, dict[str, float]] = {}
    for one in graded:
        students.setdefault(one.student, {})[one.assignment] = one.points
    noted = [(one, part) for one in graded for part in one.outcomes if _worth_a_look(part)]
    names = sorted({one.assignment for one in graded})
    return _page(
        "summary.html",
        graded=graded, students=students, files={name: file_name(name) for name in students},
        assignments=[_assignment(name, graded) for name in names],
        words=_WORDS, unread=unread, noted=noted,
    )  # fmt: skip


def _worth_a_look(part: Outcome) -> bool:
    return bool(part.notes) or part.outcome in _SUSPECT


def _assignment(name: str, graded: Sequence[Graded]) -> _Assignment:
    theirs = [one for one in graded if one.assignment == name]
    points = [one.points for one in theirs]
    counts: dict[str, Counter[str]] = {exercise: Counter() for exercise in lesson(name).exercises}
    for one in theirs:
        for part in one.outcomes:
            if part.exercise in counts:
                counts[part.exercise][part.outcome] += 1
    worth = theirs[0].worth
    picture = _picture(points, worth, {one: found["passed"] for one, found in counts.items()})
    return _Assignment(name, worth, sum(points) / len(points), counts, picture)


def _picture(points: Sequence[float], worth: float, passed: Mapping[str, int]) -> str:
    """How the points are spread, and how many have passed each exercise; as SVG."""
    with mpl.rc_context({"svg.hashsalt": "labkit", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8, 0.8 + 0.3 * max(4, len(passed))), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.hist(points, bins=[edge - 0.5 for edge in range(int(worth) + 2)], edgecolor="white")
        left.set(xlabel="points", ylabel="students")
        left.yaxis.get_major_locator().set_params(integer=True)
        right.barh(list(passed), list(passed.values()))
        right.invert_yaxis()
        right.set(xlabel="students who passed", xlim=(0, len(points)))
        right.xaxis.get_major_locator().set_params(integer=True)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue().partition("<svg")[2].join(("<svg", ""))
