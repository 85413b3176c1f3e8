"""``labkit grade``: a class's submissions in, scores out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from labkit.course.lessons import LESSONS
from labkit.engine import host as hosts
from labkit.engine import image
from labkit.errors import SubmissionError
from labkit.grading import overrides as by_hand
from labkit.grading import report
from labkit.grading.classroom import Classroom, Settings
from labkit.grading.results import Results
from labkit.grading.sandbox import Sandbox
from labkit.grading.submissions import Handed, Submission, collect

__all__ = ["grade"]

screen = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def grade(
    submitted: Annotated[Path, typer.Argument(help="A folder or a zip of notebooks.")],
    *,
    out: Annotated[Path, typer.Option(help="Where the reports go.")],
    jobs: Annotated[int, typer.Option(min=1, help="How many at a time.")] = 1,
    timeout: Annotated[float, typer.Option(min=10, help="Seconds for one submission.")] = 600,
    only: Annotated[
        list[str] | None, typer.Option(help="A student, an assignment or an exercise; repeat it.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep results that are there.")] = False,
    overrides: Annotated[
        Path | None, typer.Option(help="A CSV of points that a person gives, with reasons.")
    ] = None,
    course: Annotated[Path, typer.Option(help="The course's notebooks.")] = Path("notebooks"),
    version: Annotated[str, typer.Option(help="The Docker version.")] = image.DEFAULT,
) -> None:
    """Grade submissions, each in a sandbox and on an engine of its own."""
    given = by_hand.read(overrides) if overrides else []
    handed = collect(submitted)
    chosen, exercises = _chosen(handed, only or [])
    results = Results(out)
    results.prepare()
    host = hosts.find()
    Sandbox(host).check()
    with host.client() as client:
        image.ensure(client, image.offered(version), say=_say)
    classroom = Classroom(course, results, Settings(timeout, version, exercises), jobs)
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
