"""A class graded, beside nbgrader's autograde of the same notebooks: ``make bench``.

Thirty students, 01 to 03; ``LABKIT_STUDENTS=5`` makes a smaller class. Every submission of ours has
a sandbox and an engine of its own; nbgrader's share the machine's user.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engine

STUDENTS = int(os.environ.get("LABKIT_STUDENTS", "30"))
LESSONS = ("01-list-containers", "02-run-and-stop", "03-inspect")
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PROGRAMS = Path(sys.executable).parent


def _run(*command: str, folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run(
        [str(PROGRAMS / command[0]), *command[1:]],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course folder as nbgrader wants it, with a class's solved notebooks handed in."""
    for lesson in LESSONS:
        content = (NOTEBOOKS / f"{lesson}.ipynb").read_bytes()
        places = [tmp_path / "source" / lesson]
        places += [tmp_path / f"submitted/student-{one:02}/{lesson}" for one in range(STUDENTS)]
        for place in places:
            place.mkdir(parents=True)
            (place / f"{lesson}.ipynb").write_bytes(content)
    return tmp_path


@pytest.mark.benchmark(group=f"{STUDENTS} students, three lessons")
@pytest.mark.parametrize("jobs", [1, 2])
def test_grade(course: Path, benchmark: Any, jobs: int) -> None:
    """``labkit grade``, with one job and with two."""
    command = ("labkit", "grade", "submitted", "--out=out", f"--course={NOTEBOOKS}")
    benchmark.pedantic(lambda: _run(*command, f"--jobs={jobs}", folder=course), rounds=1)
    grades = (course / "out" / "grades.csv").read_text().splitlines()[1:]
    assert len(grades) == STUDENTS * len(LESSONS)
    assert all(",8,10.0" in line for line in grades)
    _tell(benchmark)


@pytest.mark.benchmark(group=f"{STUDENTS} students, three lessons")
def test_nbgrader(course: Path, benchmark: Any) -> None:
    """``nbgrader autograde``, which runs each notebook with the rights of whoever grades."""
    for lesson in LESSONS:
        _run("nbgrader", "generate_assignment", lesson, folder=course)

    def autograde() -> None:
        for lesson in LESSONS:
            _run("nbgrader", "autograde", lesson, folder=course)

    benchmark.pedantic(autograde, rounds=1)
    assert len(list((course / "autograded").glob("*/*/*.ipynb"))) == STUDENTS * len(LESSONS)
    _tell(benchmark)


def _tell(benchmark: Any) -> None:
    rate = STUDENTS * len(LESSONS) / benchmark.stats.stats.mean * 60
    benchmark.extra_info["submissions a minute"] = round(rate, 1)
    print(f"\n{benchmark.name}: {rate:.1f} submissions a minute")  # noqa: T201 - a figure to read
