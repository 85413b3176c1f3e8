"""A session of grading: submissions in, reports out, and what is said meanwhile."""

from __future__ import annotations

import shutil
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
from labkit.grading.outcome import Graded
from labkit.grading.results import Results
from labkit.grading.sandbox import Sandbox
from labkit.grading.submissions import Handed, Submission, Unread, collect

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
    results, handed = Results(out), collect(submitted)
    chosen, exercises = _chosen(handed, only)
    given = _by_hand(results, overrides, handed)
    Sandbox(hosts.find()).check()
    image.offered(settings.version)
    driver = drivers.choose(say=_say)
    driver.prepare(settings.version, say=_say)
    settings = replace(settings, engine=driver.name)
    classroom = Classroom(course, results, settings, jobs, exercises)
    failed: list[Graded] = []
    try:
        with _progress(len(chosen)) as advance:

            def done(one: Graded) -> None:
                failed.extend([one] if one.failed else [])
                advance()

            classroom.done = done
            classroom.grade(chosen, resume=resume)
    except KeyboardInterrupt:
        errors.print("Stopped. What was graded is kept: the same with --resume goes on from there.")
        raise typer.Exit(130) from None
    _report(
        out,
        by_hand.apply(results.of(handed.submissions), given),
        [*handed.unread, *map(_unread, failed)],
    )
    if any(one.broken for one in failed):
        errors.print("What broke off is no fault of the submission's: --resume tries it again.")
        raise typer.Exit(1)


def _report(out: Path, graded: list[Graded], unread: list[Unread]) -> None:
    report.write(out, graded, unread)
    for one in unread:
        errors.print(f"[yellow]Not graded:[/] {escape(one.path)}: {escape(one.why)}.")
    points, worth = sum(one.points for one in graded), sum(one.worth for one in graded)
    screen.print(f"{len(graded)} submissions, {points:g} of {worth:g} points.")
    screen.print(f"The class at a glance: {escape(str(out / 'summary.html'))}")


def _unread(failed: Graded) -> Unread:
    return Unread(f"{failed.student}/{failed.assignment}", failed.failed.rstrip("."))


def _by_hand(results: Results, overrides: Path | None, handed: Handed) -> list[by_hand.Override]:
    """The points that a person gives, from a file or as they were given last; kept for later.

    :raises SubmissionError: they can't be read, or name somebody who has not handed that in.
    """
    given = by_hand.read(overrides) if overrides else []
    by_hand.check(given, handed.submissions)
    results.prepare()
    if overrides:
        shutil.copyfile(overrides, results.by_hand)
    return by_hand.read(results.by_hand) if results.by_hand.exists() else []


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
