"""``labkit release`` and ``labkit progress``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import humanize
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from labkit.course import certificate as certificates
from labkit.course import standing

__all__ = ["progress", "release"]

screen = Console(highlight=False, soft_wrap=True)


def release(
    out: Annotated[Path, typer.Argument(help="The folder to make; its zip comes beside it.")],
    *,
    course: Annotated[Path, typer.Option(help="The course's notebooks.")] = Path("notebooks"),
) -> None:
    """Make what learners get: notebooks without solutions, the kit, and how to begin."""
    from labkit.course.bundle import bundle  # noqa: PLC0415 - nbgrader takes seconds to import

    packed = bundle(course, out)
    screen.print(f"For learners: {escape(str(out))}, and the same as {escape(str(packed))}")
    screen.print("Later, labkit grade takes what they hand in.")


def progress(
    *,
    certificate: Annotated[
        Path | None, typer.Option(help="Write a certificate, once all is passed: a page of HTML.")
    ] = None,
    name: Annotated[str, typer.Option(help="Whose certificate it is.")] = "",
) -> None:
    """Show how far you have come: what was passed, points, time, and what is next."""
    known = standing.standings()
    if certificate:
        page = certificates.certificate(name, known)
        certificate.write_text(page, encoding="utf-8")
        screen.print(f"Your certificate: {escape(str(certificate))}")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("lesson", "passed", "points", "last pass", "took"):
        table.add_column(column, no_wrap=True)
    for one in known:
        table.add_row(
            f"{'✓' if one.complete else ' '} {one.notebook}",
            f"{len(one.passed)} of {len(one.exercises)}",
            f"{one.points} of {one.worth}",
            humanize.naturaltime(one.ended.astimezone().replace(tzinfo=None)) if one.ended else "",
            humanize.naturaldelta(one.took) if one.took else "",
        )
    screen.print(table)
    points, worth = sum(one.points for one in known), sum(one.worth for one in known)
    screen.print(f"\n{points} of {worth} points. Findings are for people to read, and not counted.")
    screen.print(f"Next: {escape(standing.next_up(known))}")
