"""A session of grading: submissions in, reports out, and what is said meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from labkit.course.lessons import LESSONS
from labkit.engine import drivers, image
from labkit.engine import host as hosts
from labkit.errors import SubmissionError
from labkit.grading import overrides as by_hand
from labkit.grading import report
from labkit.grading.classroom import Classroom, Settings
from labkit.grading.results import Results
from labkit.grading.sandbox import Sandbox
from labkit.grading.submissions import Handed, Submission, collect

__all__ = ["Settings", "hold"]

screen = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def hold(
    submitted: Path,
    out: Path,
    *,
    course: Path,
    settings: Settings,
    jobs: int,
    only: list[str],
    resume: bool,
    overrides: Path | None,
) -> None:
    """Grade submissions, and write the reports.

    :param only: students, assignments or exercises; everything if there is none.
    :param resume: keep results that are there.
    :param overrides: a CSV of points that a person gives.
    :raises LabError: something of that can't be read, or nothing can be run here.
    """
    given = by_hand.read(overrides) if overrides else []
    handed = collect(submitted)
    chosen, exercises = _chosen(handed, only)
    results = Results(out)
    results.prepare()
    Sandbox(hosts.find()).check()
    image.offered(settings.version)
    drivers.choose(say=_say).prepare(settings.version, say=_say)
    classroom = Classroom(course, results, replace(settings, exercises=exercises), jobs)
    try:
        with _progress(len(chosen)) as advance:
            classroom.done = lambda _: advance()
            classroom.grade(chosen, resume=resume)
    except KeyboardInterrupt:
        errors.print("Stopped. What was graded is kept: the same with --resume goes on from there.")
        raise typer.Exit(130) from None
    if not only:
        results.forget(handed.submissions)
    graded = by_hand.apply(results.all(), given)
    report.write(out, graded, handed.unread)
    for one in handed.unread:
        errors.print(f"[yellow]Not graded:[/] {escape(one.path)}: {escape(one.why)}.")
    points, worth = sum(one.points for one in graded), sum(one.worth for one in graded)
    screen.print(f"{len(graded)} submissions, {points:g} of {worth:g} points.")
    screen.print(f"The class at a glance: {escape(str(out / 'summary.html'))}")


def _chosen(handed: Handed, only: list[str]) -> tuple[list[Submission], frozenset[str]]:
    """The submissions to grade, and the exercises where not all of them.

    :raises SubmissionError: there is nothing of such a name.
    """
    lessons = {name for name in only if name in LESSONS}
    students = {one.student for one in handed.submissions} & {*only}
    exercises = {name: one.notebook for one in LESSONS.values() for name in one.exercises}
    wanted = frozenset({*only} & exercises.keys())
    if unknown := {*only} - lessons - students - wanted:
        raise SubmissionError(
            f"--only {', '.join(sorted(unknown))} names no student, assignment or exercise.",
            hint="exercises.csv has the names of all three.",
        )
    lessons |= {exercises[name] for name in wanted}
    chosen = [
        one
        for one in handed.submissions
        if (not lessons or one.assignment in lessons) and (not students or one.student in students)
    ]
    return chosen, wanted


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    columns = (
        TextColumn("Grading"), BarColumn(), MofNCompleteColumn(),
        TextColumn("about"), TimeRemainingColumn(compact=True), TextColumn("left"),
    )  # fmt: skip
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _say(message: str) -> None:
    errors.print(f"… {escape(message)}")
