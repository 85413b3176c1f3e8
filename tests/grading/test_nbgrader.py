"""The course's notebooks in nbgrader's own hands: released, validated, graded, exported."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit.course.lessons import LESSONS

pytestmark = [pytest.mark.engine, pytest.mark.slow]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PROGRAMS = Path(sys.executable).parent
each = pytest.mark.parametrize("lesson", LESSONS)


class Course:
    """A course folder as nbgrader wants it, and what its commands print there."""

    def __init__(self, folder: Path, lesson: str) -> None:
        self.folder, self.lesson = folder, lesson
        self.put("source", (NOTEBOOKS / f"{lesson}.ipynb").read_bytes())

    def path(self, where: str) -> Path:
        """The notebook in a folder of the course's, such as ``submitted/ann``."""
        return self.folder / where / self.lesson / f"{self.lesson}.ipynb"

    def put(self, where: str, content: bytes) -> None:
        """Put a notebook there."""
        self.path(where).parent.mkdir(parents=True)
        self.path(where).write_bytes(content)

    def run(self, *command: str) -> str:
        """What an nbgrader command prints; it has to succeed."""
        environment = {
            **os.environ,
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(self.folder),
        }
        done = subprocess.run(
            [str(PROGRAMS / "nbgrader"), *command],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout + done.stderr

    def scores(self) -> dict[str, float]:
        """Each student's score, as ``nbgrader export`` has it."""
        self.run("export", "--to=grades.csv")
        rows = csv.DictReader((self.folder / "grades.csv").read_text().splitlines())
        return {row["student_id"]: float(row["score"]) for row in rows}


def _cells(content: bytes) -> dict[str, tuple[str, Any]]:
    """A notebook's cells by id: the source, where it is no answer's, and what nbgrader knows."""
    found = {}
    for cell in json.loads(content)["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        about = {key: about[key] for key in about.keys() - {"checksum", "cell_type"}}
        found[cell["id"]] = ("" if about.get("solution") else "".join(cell["source"]), about)
    return found


@each
def test_nbgrader_releases_and_grades_it(
    tmp_path: Path, release: Callable[[str], bytes], lesson: str
) -> None:
    """Its release is ours but for the stub; who solved all has all points, who did nothing none."""
    course = Course(tmp_path, lesson)
    course.run("generate_assignment", lesson)
    released = course.path("release").read_bytes()
    assert _cells(released) == _cells(release(lesson))
    assert b"BEGIN SOLUTION" not in released
    course.put("submitted/ann", course.path("source").read_bytes())
    course.put("submitted/bob", released)
    course.run("autograde", lesson, "--ExecutePreprocessor.timeout=300")
    points = sum(one.points for one in LESSONS[lesson].exercises.values())
    assert course.scores() == {"ann": points, "bob": 0}


@each
def test_nbgrader_validates_it(
    tmp_path: Path, release: Callable[[str], bytes], lesson: str
) -> None:
    """Solved it passes, as given out it does not."""
    course = Course(tmp_path, lesson)
    course.put("released", release(lesson))
    timeout = "--ExecutePreprocessor.timeout=300"
    assert "Success" in course.run("validate", timeout, str(course.path("source")))
    assert "VALIDATION FAILED" in course.run("validate", timeout, str(course.path("released")))
