"""A class graded with engines in virtual machines: the same scores, and a kernel for each."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.vm, pytest.mark.slow]

FIRST, HUBS = "01-list-containers", "05-rate-limits"
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_the_scores_are_the_same(
    tmp_path: Path, submit: Callable[..., bytes], solved: Callable[[str], bytes]
) -> None:
    """Who solved it has all points, also with a hub; who did nothing or wants too much has none."""
    handed = {
        ("ann", FIRST): solved(FIRST),
        ("ann", HUBS): solved(HUBS),
        ("bob", FIRST): submit(FIRST),
    }
    for (student, lesson), content in handed.items():
        path = tmp_path / "in" / student / lesson / f"{lesson}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    command = [Path(sys.executable).with_name("labkit"), "grade", tmp_path / "in", "--engine=vm"]
    options = [f"--out={tmp_path / 'out'}", f"--course={NOTEBOOKS}", "--timeout=900"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    rows = csv.DictReader((tmp_path / "out" / "grades.csv").read_text().splitlines())
    scores = {(row["student_id"], row["assignment"]): row["score"] for row in rows}
    rows = csv.DictReader((tmp_path / "out" / "exercises.csv").read_text().splitlines())
    told = done.stdout + done.stderr + "\n".join(str(row) for row in rows)
    assert scores == {("ann", FIRST): "8", ("ann", HUBS): "9", ("bob", FIRST): "0"}, told
