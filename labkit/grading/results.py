"""Results on disk: one file a submission, written whole or not at all, so that nothing is lost."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import labkit
from labkit.course.lessons import lesson
from labkit.errors import SubmissionError
from labkit.grading.outcome import Graded, Outcome
from labkit.grading.submissions import Submission

__all__ = ["Results", "failed", "file_name", "kit", "mark"]

_HIDDEN = ".labkit"


def mark(*parts: bytes | str) -> str:
    """A mark of all that an outcome depends on."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8) + content)
    return digest.hexdigest()[:16]


@functools.cache
def kit() -> str:
    """A mark of the kit itself: with another judge, an outcome may be another one."""
    root = Path(labkit.__file__).parent
    return mark(*(one.read_bytes() for one in sorted(root.rglob("*.py"))))


def file_name(student: str) -> str:
    """A student's name as a file can be called; names that differ stay different."""
    plain = re.sub(r"[^\w.@+-]+", "_", student).strip(".")[:80]
    return plain if plain and plain == student else f"{plain or 'student'}-{mark(student)[:6]}"


@dataclass(frozen=True)
class Results:
    """The results in an output folder."""

    folder: Path

    @property
    def turns(self) -> Path:
        """The file in which the processes that fill this folder have their turns."""
        return self.folder / _HIDDEN / "turns"

    @property
    def by_hand(self) -> Path:
        """The overrides that were given last; they hold until others are."""
        return self.folder / _HIDDEN / "by-hand.csv"

    def path(self, student: str, assignment: str) -> Path:
        """Where the result of a submission is."""
        return self.folder / _HIDDEN / "results" / file_name(student) / f"{assignment}.json"

    def prepare(self) -> None:
        """Make the folder.

        :raises SubmissionError: something else is in it.
        """
        known = (self.folder / _HIDDEN).is_dir()
        if not known and self.folder.exists() and _has_something(self.folder):
            raise SubmissionError(
                f"{self.folder} has other things in it.",
                hint="Name an empty or a new folder: labkit grade SUBMITTED --out OUT",
            )
        (self.folder / _HIDDEN / "results").mkdir(parents=True, exist_ok=True)

    def find(self, of: Submission | Graded) -> Graded | None:
        """The result of a submission, if there is one that can be read."""
        return _read(self.path(of.student, of.assignment))

    def write(self, graded: Graded) -> None:
        """Write a result: what was graded again replaces what was there, exercise by exercise."""
        path = self.path(graded.student, graded.assignment)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(graded.as_json(), indent=1))
        partial.replace(path)

    def merge(self, graded: Graded) -> Graded:
        """A result of some exercises, with what is known of the others of the same notebook."""
        before = _read(self.path(graded.student, graded.assignment))
        if before is None or before.work != graded.work:
            return graded
        new = {one.exercise: one for one in graded.outcomes}
        old = {one.exercise: one for one in before.outcomes}
        names = [name for name in lesson(graded.assignment).exercises if name in old | new]
        return replace(
            graded,
            outcomes=tuple((old | new)[name] for name in names),
            kit=graded.kit if old.keys() <= new.keys() else before.kit,
        )

    def all(self) -> list[Graded]:
        """Every result, by student and assignment."""
        files = sorted((self.folder / _HIDDEN / "results").glob("*/*.json"))
        found = [one for one in map(_read, files) if one]
        return sorted(found, key=lambda one: (one.student, one.assignment))

    def of(self, submissions: Iterable[Submission]) -> list[Graded]:
        """The results of these, by student and assignment; others are kept, and not among them."""
        wanted = {(one.student, one.assignment) for one in submissions}
        return [one for one in self.all() if (one.student, one.assignment) in wanted]


def _has_something(folder: Path) -> bool:
    return not folder.is_dir() or any(folder.iterdir())


def failed(submission: Submission, work: str, why: str, *, kit: str = "") -> Graded:
    """The result of a submission that could not be graded: every exercise is without points.

    :param kit: empty where it is no fault of the submission's: then it is graded again.
    """
    known = lesson(submission.assignment)
    outcomes = tuple(
        Outcome(name, "not run", 0, one.points, saw=why) for name, one in known.exercises.items()
    )
    return Graded(
        submission.student, submission.assignment, work, kit, submission.timestamp, outcomes,
        failed=why,
    )  # fmt: skip


def _read(path: Path) -> Graded | None:
    try:
        return Graded.read(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return None
