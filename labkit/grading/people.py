"""Whose each notebook is, as its path says: nbgrader's folders, Moodle's, Canvas's, or its name.

The outermost folder names the student, so that nobody hands in for another by a folder within their
own. A folder around everything names nobody, nor do the kit's own, and nor do lessons.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from labkit.course.lessons import LESSONS

__all__ = ["Owner", "owners"]

_MOODLE = re.compile(r"(.+)_(\d+)_assignsubmission_file_?$")
_CANVAS = re.compile(r"([^_]+)_(?:late_)?(\d+)_\d+_(.+)$", re.IGNORECASE)
_NOBODY = ("workspace", "notebooks", "submitted")


@dataclass(frozen=True)
class Owner:
    """Who has handed in a notebook.

    :param student: the name; empty where the path does not say it.
    :param number: what an LMS knows them by.
    :param lesson: the lesson that the path names; empty where it names none.
    """

    student: str
    number: str = ""
    lesson: str = ""


def owners(paths: Iterable[str]) -> dict[str, Owner]:
    """Whose each notebook is; two of one name are told apart by their numbers."""
    above = {path: _people(path) for path in paths}
    deep = [names for names in above.values() if names]
    while deep and len({names[0] for names in deep}) == 1 and min(map(len, deep)) > 1:
        for names in deep:
            del names[0]
    found = {path: _owner(PurePosixPath(path), names) for path, names in above.items()}
    numbers = defaultdict(set)
    for one in found.values():
        numbers[one.student].add(one.number)
    return {
        path: Owner(f"{one.student} ({one.number})", one.number, one.lesson)
        if one.number and len(numbers[one.student]) > 1
        else one
        for path, one in found.items()
    }


def _lesson(name: str) -> str:
    """The lesson of that name, also where a browser or an LMS has added something to it."""
    return next((one for one in LESSONS if re.match(rf"{re.escape(one)}(?![\w])", name)), "")


def _people(path: str) -> list[str]:
    """The folders that may be somebody's name, the outermost first."""
    above = PurePosixPath(path).parts[:-1]
    if moodle := [one for one in above if _MOODLE.match(one)]:
        return moodle[:1]
    return [one for one in above if one not in _NOBODY and not _lesson(one)]


def _owner(path: PurePosixPath, people: list[str]) -> Owner:
    stem = path.name.removesuffix(".ipynb")
    student, number = (people or [stem])[0], ""
    if moodle := _MOODLE.match(student):
        student, number = moodle.groups()
    elif not people and (canvas := _CANVAS.match(stem)):
        student, number, stem = canvas.groups()
    elif not people and _lesson(stem):
        student = ""
    lessons = map(_lesson, [*path.parts[:-1], stem])
    return Owner(student, number, next(filter(None, lessons), ""))
