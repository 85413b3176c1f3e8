"""What a class has handed in: notebooks in folders or in a zip, as nbgrader or an LMS lays them.

::

    SUBMITTED/STUDENT/ASSIGNMENT/NOTEBOOK.ipynb     nbgrader's convention
    SUBMITTED/STUDENT/NOTEBOOK.ipynb                a folder for each student, as Moodle exports it
    SUBMITTED/STUDENT.ipynb                         flat: its cells say which lesson it is

A zip is the same, and a Canvas export's names (``student_123_456_NOTEBOOK.ipynb``) are read, too.
No link is followed, and nothing but notebooks and nbgrader's ``timestamp.txt`` is looked at.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from labkit.course.lessons import LESSONS
from labkit.errors import SubmissionError
from labkit.grading import archive

__all__ = ["Handed", "Submission", "Unread", "collect"]

_LARGEST = 20 * 2**20  # bytes of a notebook; an honest one has a tenth of that, with its pictures
_MOODLE = re.compile(r"(.+)_\d+_assignsubmission_file_?$")
_CANVAS = re.compile(r"([^_]+)_(?:late_)?\d+_\d+_(.+)$", re.IGNORECASE)
_STAMP = "timestamp.txt"


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one assignment, as it was handed in, not yet trusted in anything.

    :param timestamp: when, as nbgrader's ``timestamp.txt`` says; empty where nobody does.
    """

    student: str
    assignment: str
    content: bytes = field(repr=False)
    timestamp: str = ""

    @property
    def key(self) -> str:
        """Its name among the results."""
        return f"{self.student}/{self.assignment}"


@dataclass(frozen=True)
class Unread:
    """Something that was handed in and can't be graded, and why."""

    path: str
    why: str


@dataclass(frozen=True)
class Handed:
    """All that was handed in, in order; and what could not be read."""

    submissions: list[Submission]
    unread: list[Unread]


def collect(source: Path) -> Handed:
    """Find what was handed in.

    :param source: a folder or a zip.
    :raises SubmissionError: there is no such place, it is no zip, or nothing is in it.
    """
    if source.is_dir():
        files: Mapping[str, archive.Entry] = archive.folder(source)
    elif source.exists():
        files = archive.zipped(source)
    else:
        raise SubmissionError(
            f"{source} is not there.",
            hint="labkit grade SUBMITTED --out OUT takes a folder or a zip of notebooks.",
        )
    unread: list[Unread] = []
    found: dict[tuple[str, str], Submission] = {}
    for path, entry in sorted(files.items()):
        if not path.endswith(".ipynb"):
            continue
        try:
            one = _read(path, entry, files)
        except SubmissionError as bad:
            unread.append(Unread(path, bad.message))
            continue
        place = (one.student, one.assignment)
        if place in found:
            unread.append(Unread(path, f"{one.student} has handed in {one.assignment} twice"))
        else:
            found[place] = one
    if not found and not unread:
        raise SubmissionError(
            f"There are no notebooks in {source}.",
            hint="It wants SUBMITTED/STUDENT/ASSIGNMENT/NOTEBOOK.ipynb, or STUDENT.ipynb.",
        )
    return Handed(list(found.values()), unread)


def _read(path: str, entry: archive.Entry, files: Mapping[str, archive.Entry]) -> Submission:
    if entry.why:
        raise SubmissionError(entry.why)
    if entry.size > _LARGEST:
        raise SubmissionError(
            f"it has {entry.size / 2**20:.0f} MB; a notebook of this course has less than one"
        )
    content = entry.read()
    student, names = _student(PurePosixPath(path))
    assignment = next(filter(None, map(_lesson, names)), "") or _by_its_cells(content)
    if not assignment:
        raise SubmissionError("it is no notebook of this course")
    stamp = files.get(str(PurePosixPath(path).with_name(_STAMP)))
    when = stamp.read()[:40].decode(errors="replace").strip() if stamp and not stamp.why else ""
    return Submission(student, assignment, content, when)


def _student(path: PurePosixPath) -> tuple[str, Iterable[str]]:
    """Whose it is; and the names in its path that may say which lesson it is."""
    *above, name = path.parts
    stem = name.removesuffix(".ipynb")
    lessons = [one for one in above if _lesson(one)]
    people = [one for one in above if not _lesson(one)]
    if people:
        # An LMS puts one more folder around all: the students' are next to the notebooks.
        student = people[0] if lessons else people[-1]
        moodle = _MOODLE.match(student)
        return moodle[1] if moodle else student, [*lessons, stem]
    if canvas := _CANVAS.match(stem):
        return canvas[1], [*lessons, canvas[2]]
    if _lesson(stem):
        raise SubmissionError("its path does not say whose it is")
    return stem, lessons


def _lesson(name: str) -> str:
    """The lesson of that name, also where a browser or an LMS has added something to it."""
    return next((one for one in LESSONS if re.match(rf"{re.escape(one)}(?![\w])", name)), "")


def _by_its_cells(content: bytes) -> str:
    """The lesson whose answers a notebook has."""
    ids = set(_grade_ids(content))
    counts = {name: len(ids & set(one.exercises)) for name, one in LESSONS.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else ""


def _grade_ids(content: bytes) -> Iterator[str]:
    try:
        cells = json.loads(content)["cells"]
        metadata = [cell["metadata"] for cell in cells]
    except (ValueError, LookupError, TypeError, RecursionError):
        return
    for one in metadata:
        with contextlib.suppress(LookupError, TypeError):
            yield str(one["nbgrader"]["grade_id"])
