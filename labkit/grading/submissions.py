"""What a class has handed in: notebooks in folders or in a zip, as nbgrader or an LMS lays them.

::

    SUBMITTED/STUDENT/ASSIGNMENT/NOTEBOOK.ipynb     nbgrader's convention
    SUBMITTED/STUDENT/NOTEBOOK.ipynb                a folder for each student, as Moodle exports it
    SUBMITTED/STUDENT.ipynb                         flat: its cells say which lesson it is

A zip is the same, and a Canvas export's names (``student_123_456_NOTEBOOK.ipynb``) are read, too.
A folder around all of it, and the kit's own ``workspace/`` and ``notebooks/``, name no student. No
link is followed; nothing but notebooks and nbgrader's ``timestamp.txt`` is looked at, and of those
none that is hidden, as what editors save by themselves is.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from labkit.course.lessons import LESSONS
from labkit.errors import SubmissionError
from labkit.grading import archive
from labkit.grading.people import Owner, owners

__all__ = ["Handed", "Submission", "Unread", "collect"]

_LARGEST = 20 * 2**20  # bytes of a notebook; an honest one has a tenth of that, with its pictures
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
    notebooks = {
        path: entry
        for path, entry in sorted(files.items())
        if path.endswith(".ipynb") and (entry.why or not _hidden(path))
    }
    whose = owners(notebooks)
    unread: list[Unread] = []
    found: dict[tuple[str, str], Submission] = {}
    for path, entry in notebooks.items():
        try:
            one = _read(path, whose[path], entry, files)
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


def _hidden(path: str) -> bool:
    """Whether an editor or a system has put it there, not the student."""
    parts = PurePosixPath(path).parts
    return any(one.startswith(".") or one == "__MACOSX" for one in parts)


def _read(
    path: str, owner: Owner, entry: archive.Entry, files: Mapping[str, archive.Entry]
) -> Submission:
    if entry.why:
        raise SubmissionError(entry.why)
    if entry.size > _LARGEST:
        raise SubmissionError(
            f"it has {entry.size / 2**20:.0f} MB; a notebook of this course has less than one"
        )
    if not owner.student:
        raise SubmissionError("its path does not say whose it is")
    content = entry.read()
    assignment = owner.lesson or _by_its_cells(content)
    if not assignment:
        raise SubmissionError("it is no notebook of this course")
    stamp = files.get(str(PurePosixPath(path).with_name(_STAMP)))
    when = stamp.read()[:40].decode(errors="replace").strip() if stamp and not stamp.why else ""
    return Submission(owner.student, assignment, content, when)


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
