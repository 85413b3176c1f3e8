"""``labkit grade``: a class's submissions in, scores out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from labkit.engine import drivers, image

__all__ = ["grade"]


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
    engine: Annotated[
        str, typer.Option(help="What engines live in: container, vm, or auto.")
    ] = os.environ.get(drivers.VARIABLE, "auto"),
) -> None:
    """Grade submissions, each in a sandbox and on an engine of its own."""
    from labkit.grading import session  # noqa: PLC0415 - three seconds, which other commands spare

    os.environ[drivers.VARIABLE] = engine  # also for the processes that grade
    session.hold(
        submitted, out, course=course, only=only or [], overrides=overrides,
        settings=session.Settings(timeout, version), jobs=jobs, resume=resume,
    )  # fmt: skip
