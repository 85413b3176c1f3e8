"""A certificate for who has passed every exercise: one page of HTML, to be printed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import jinja2

from labkit.course.standing import Standing
from labkit.errors import CourseError

__all__ = ["certificate"]


def certificate(name: str, all_of_them: Sequence[Standing]) -> str:
    """The page, with nothing loaded from anywhere.

    It says of itself that nobody has signed it: the notes that it is made from are the learner's.

    :raises CourseError: an exercise is still open, or there is no name to write on it.
    """
    missing = [one for one in all_of_them if not one.complete]
    if missing:
        count = sum(len(one.exercises) - len(one.passed) for one in missing)
        raise CourseError(
            f"{count} exercises are still to be passed, in {_named(missing)}.",
            hint="labkit progress shows what is next.",
        )
    if not name.strip():
        raise CourseError("The certificate needs a name.", hint="--name 'Your name'")
    moments = [moment for one in all_of_them for moment in (one.began, one.ended) if moment]
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    text = Path(__file__).with_name("certificate.html").read_text("utf-8")
    return page.from_string(text).render(
        name=name.strip(),
        lessons=all_of_them,
        points=sum(one.points for one in all_of_them),
        exercises=sum(len(one.exercises) for one in all_of_them),
        days=list(dict.fromkeys((_day(min(moments)), _day(max(moments))))),
    )


def _named(lessons: Sequence[Standing]) -> str:
    names = [one.notebook for one in lessons]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004


def _day(moment: dt.datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
