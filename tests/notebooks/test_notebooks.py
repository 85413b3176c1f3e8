"""The committed notebooks: their form, and that comparing their outputs means something."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from labkit.course.lessons import LESSONS

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
SANITIZER = f"--nbval-sanitize-with={ROOT / 'notebooks' / 'sanitize.cfg'}"
ENGINE_VERSION = r"""
[engine-version]
regex: A fresh Docker Engine \d+\.\d+
replace: A fresh Docker Engine
"""
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def _cells(path: Path) -> list[Any]:
    cells: list[Any] = nbformat.read(path, as_version=4).cells
    return cells


def _code(path: Path) -> list[Any]:
    return [cell for cell in _cells(path) if cell.cell_type == "code"]


def test_every_lesson_has_its_notebook() -> None:
    """Notebooks and lessons are the same set."""
    assert {path.stem for path in NOTEBOOKS} == set(LESSONS)


@each
def test_a_notebook_is_valid_and_was_executed_in_order(path: Path) -> None:
    """The file is sound, every code cell ran, from the top, and none of them failed by surprise."""
    nbformat.validate(nbformat.read(path, as_version=4))
    code = _code(path)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == ("raises-exception" in cell.metadata.get("tags", [])), cell.id


@each
def test_a_notebook_has_the_form_of_a_lesson(path: Path) -> None:
    """One H1 and "You will" under it, the same first and last cell, ids that are words."""
    cells = _cells(path)
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert len(re.findall(r"^# ", prose, re.MULTILINE)) == 1
    assert re.match(r"# .+\s+You will ", cells[0].source)
    assert "minutes" in cells[0].source
    assert "Recap" in prose or "recap" in prose
    code = _code(path)
    assert code[0].source == f'import labkit\nlab = labkit.lab("{path.stem}")'
    assert code[-1].source == "lab.close()"
    assert [
        cell.id for cell in cells if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id)
    ] == []


@each
def test_code_cells_are_short(path: Path) -> None:
    """A cell that is no solution has ten lines at most."""
    long = {
        cell.id: len(cell.source.splitlines())
        for cell in _code(path)
        if len(cell.source.splitlines()) > 10
        and not cell.metadata.get("nbgrader", {}).get("solution")
    }
    assert long == {}


@each
def test_most_outputs_are_compared(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At least 60 % of the code cells that print anything are compared by nbval."""
    printing = [cell for cell in _code(path) if cell.outputs]
    ignored = [
        cell
        for cell in printing
        if "NBVAL_IGNORE_OUTPUT" in cell.source
        or {"nbval-ignore-output", "nbval-skip"} & set(cell.metadata.get("tags", []))
    ]
    share = 1 - len(ignored) / len(printing)
    with capsys.disabled():
        sys.stdout.write(f" {path.stem}: {share:.0%} of {len(printing)} outputs are compared\n")
    assert share >= 0.6


@each
def test_points_and_ids_are_those_of_the_lesson(path: Path) -> None:
    """nbgrader's metadata and the judge's exercises agree, and so do the points."""
    lesson = LESSONS[path.stem]
    graded = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader
        for cell in _cells(path)
        if "nbgrader" in cell.metadata
    }
    points = {name: meta.points for name, meta in graded.items() if meta.grade}
    wanted = {f"check-{name}": one.points for name, one in lesson.exercises.items()}
    assert points == wanted | lesson.by_hand
    assert set(lesson.exercises) <= {name for name, meta in graded.items() if meta.solution}
    known = {"schema_version", "grade", "locked", "solution", "task", "grade_id", "points"}
    for name, meta in graded.items():
        assert meta.schema_version == 3, name
        assert set(meta) <= known | {"cell_type", "checksum"}, name


@each
def test_solutions_and_checks_belong_together(path: Path) -> None:
    """Each exercise has a task, a solution between the markers, and a check that is one call."""
    cells = {cell.id: cell for cell in _cells(path)}
    for name in LESSONS[path.stem].exercises:
        assert "lab.hint(" in cells[f"task-{name}"].source
        solution = cells[f"solution-{name}"].source
        assert "### BEGIN SOLUTION" in solution
        assert "### END SOLUTION" in solution
        check = ast.parse(cells[f"check-{name}"].source)
        assert len(check.body) == 1
        assert f"lab.check({name!r}" in ast.unparse(check)


@pytest.mark.engine
def test_a_changed_output_is_caught(tmp_path: Path) -> None:
    """nbval fails a notebook whose stored output is not what the engine says."""
    for name, said in (("good", "OK"), ("bad", "KO")):
        _tiny(tmp_path / f"{name}.ipynb", said)
    command = [sys.executable, "-m", "pytest", "-q", *NBVAL, SANITIZER]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE) == ["bad.ipynb::Cell"]
    assert "1 failed, 5 passed" in done.stdout


def _tiny(path: Path, said: str) -> None:
    sources = (
        'import labkit\nlab = labkit.lab("00-start-here")',
        'print(lab.raw.get("/_ping").text)',
        "lab.close()",
    )
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    ready = "A fresh Docker Engine 26.1 is ready for 00-start-here.\n"
    for count, (cell, text) in enumerate(zip(cells, (ready, f"{said}\n", ""), strict=True), 1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)] if text else []
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.parametrize("version", ["20.10", "28.5"])
@each
def test_a_lesson_runs_on_every_engine_version(path: Path, version: str, tmp_path: Path) -> None:
    """From lesson 06 on the outputs are the same there; before, versions are what one looks at.

    No lesson leaves a temporary file behind.
    """
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    sanitizer = tmp_path / "sanitize.cfg"
    any_version = (ROOT / "notebooks" / "sanitize.cfg").read_text() + ENGINE_VERSION
    sanitizer.write_text(any_version)
    strict = ["--nbval", f"--nbval-sanitize-with={sanitizer}"]
    compared = strict if path.stem >= "06" else ["--nbval-lax"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *compared, *NBVAL[1:], str(path)],
        env={**os.environ, "LABKIT_VERSION": version, "TMPDIR": str(temporary)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.engine
@each
def test_executing_a_notebook_again_changes_nothing(path: Path, tmp_path: Path) -> None:
    """make notebooks, run a second time, leaves git with nothing to commit."""
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    program = [sys.executable, str(ROOT / "scripts" / "notebooks.py"), str(copy)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert copy.read_bytes() == path.read_bytes()
