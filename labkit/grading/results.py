"""Results on disk: one file a submission, written whole or not at all, so that nothing is lost."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from labkit.course.lessons import lesson
from labkit.errors import SubmissionError
from labkit.grading.outcome import Graded, Outcome
from labkit.grading.submissions import Submission

__all__ = ["Results", "file_name", "mark"]

_HIDDEN = ".labkit"


def mark(*parts: bytes | str) -> str:
    """A mark of all that an outcome depends on."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8) + content)
    return digest.hexdigest()[:16]


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

    def find(self, submission: Submission) -> Graded | None:
        """The result of a submission, if there is one that can be read."""
        return _read(self.path(submission.student, submission.assignment))

    def write(self, graded: Graded) -> None:
        """Write a result: what was graded again replaces what was there, exercise by exercise."""
        path = self.path(graded.student, graded.assignment)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(graded.as_json(), indent=1))
        partial.replace(path)

    def merge(self, graded: Graded) -> Graded:
        """A result of some exercises, with what is known of the others from before."""
        before = _read(self.path(graded.student, graded.assignment))
        if before is None:
            return graded
        new = {one.exercise: one for one in graded.outcomes}
        old = {one.exercise: one for one in before.outcomes}
        names = [name for name in lesson(graded.assignment).exercises if name in old | new]
        return replace(graded, outcomes=tuple((old | new)[name] for name in names))

    def all(self) -> list[Graded]:
        """Every result, by student and assignment."""
        files = sorted((self.folder / _HIDDEN / "results").glob("*/*.json"))
        found = [one for one in map(_read, files) if one]
        return sorted(found, key=lambda one: (one.student, one.assignment))

    def forget(self, kept: Iterable[Submission]) -> None:
        """Remove the results of submissions that are not among these any more."""
        keep = {self.path(one.student, one.assignment) for one in kept}
        for path in (self.folder / _HIDDEN / "results").glob("*/*.json"):
            if path not in keep:
                path.unlink()


def _has_something(folder: Path) -> bool:
    return not folder.is_dir() or any(folder.iterdir())


def failed(submission: Submission, digest: str, why: str) -> Graded:
    """The result of a submission that could not be graded: every exercise is without points."""
    known = lesson(submission.assignment)
    outcomes = tuple(
        Outcome(name, "not run", 0, one.points, saw=why) for name, one in known.exercises.items()
    )
    return Graded(
        submission.student, submission.assignment, digest, submission.timestamp, outcomes,
        failed=why,
    )  # fmt: skip


def _read(path: Path) -> Graded | None:
    try:
        return Graded.read(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return None
