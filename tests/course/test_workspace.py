"""The learner's workspace: made, brought up to date, never overwritten."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from labkit.course import workspace
from labkit.course.release import student_version
from labkit.errors import CourseError

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def _lay_out(course: Path, where: Path) -> dict[str, str]:
    laid = workspace.lay_out(course, where, release=lambda path: path.read_bytes().upper())
    return {one.notebook: one.what for one in laid}


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of two notebooks, whose student's version is in capitals."""
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "00-a.ipynb").write_text("a one")
    (folder / "01-b.ipynb").write_text("b one")
    return folder


def test_laying_out_twice_changes_nothing(course: Path, tmp_path: Path) -> None:
    """The first time copies are made; the second time all is kept."""
    where = tmp_path / "workspace"
    assert _lay_out(course, where) == {"00-a": "new", "01-b": "new"}
    assert (where / "00-a.ipynb").read_text() == "A ONE"
    assert _lay_out(course, where) == {"00-a": "kept", "01-b": "kept"}


def test_a_learners_work_stays_when_the_course_changes(course: Path, tmp_path: Path) -> None:
    """The new version is put beside a notebook that was worked on, once, and under its own name."""
    where = tmp_path / "workspace"
    _lay_out(course, where)
    (where / "00-a.ipynb").write_text("my work")
    (course / "00-a.ipynb").write_text("a two")
    assert _lay_out(course, where) == {"00-a": "beside", "01-b": "kept"}
    assert (where / "00-a.ipynb").read_text() == "my work"
    beside = list(where.glob("00-a.new-*.ipynb"))
    assert [path.read_text() for path in beside] == ["A TWO"]
    beside[0].write_text("my work goes on here")
    assert _lay_out(course, where) == {"00-a": "kept", "01-b": "kept"}
    assert beside[0].read_text() == "my work goes on here"


def test_an_untouched_notebook_follows_the_course(course: Path, tmp_path: Path) -> None:
    """What the learner never changed is brought up to date in place."""
    where = tmp_path / "workspace"
    _lay_out(course, where)
    (course / "01-b.ipynb").write_text("b two")
    assert _lay_out(course, where) == {"00-a": "kept", "01-b": "updated"}
    assert (where / "01-b.ipynb").read_text() == "B TWO"
    assert not list(where.glob("*.new-*"))


def test_a_notebook_that_was_only_opened_counts_as_untouched(tmp_path: Path) -> None:
    """What JupyterLab notes about the kernel when it saves is no work of the learner's."""
    course, where = tmp_path / "course", tmp_path / "workspace"
    course.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", id="one")])
    nbformat.write(notebook, course / "00-a.ipynb")

    def lay_out() -> list[str]:
        laid = workspace.lay_out(course, where, release=Path.read_bytes)
        return [one.what for one in laid]

    assert lay_out() == ["new"]
    notebook.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "name": "python3"}
    nbformat.write(notebook, where / "00-a.ipynb")
    notebook.cells[0].source = "2"
    nbformat.write(notebook, course / "00-a.ipynb")
    assert lay_out() == ["updated"]
    notebook.cells[0].source = "mine"
    nbformat.write(notebook, where / "00-a.ipynb")
    notebook.cells[0].source = "3"
    nbformat.write(notebook, course / "00-a.ipynb")
    assert lay_out() == ["beside"]


def test_a_deleted_notebook_is_laid_out_anew(course: Path, tmp_path: Path) -> None:
    """Whoever wants to begin again deletes the file."""
    where = tmp_path / "workspace"
    _lay_out(course, where)
    (where / "00-a.ipynb").unlink()
    assert _lay_out(course, where)["00-a"] == "new"


def test_a_folder_without_notebooks_is_refused(tmp_path: Path) -> None:
    """The message says where to run it."""
    with pytest.raises(CourseError, match="There are no notebooks"):
        _lay_out(tmp_path / "nowhere", tmp_path / "workspace")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a disk of 64 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    subprocess.run(["mount", *options], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_on_a_full_disk_nothing_is_lost_and_nothing_half_is_left(
    course: Path, tiny_disk: Path
) -> None:
    """The error names the folder; the learner's file is whole, and no scraps lie about."""
    where = tiny_disk / "workspace"
    _lay_out(course, where)
    (where / "00-a.ipynb").write_text("my work")
    (course / "01-b.ipynb").write_text("b" * 200_000)
    with pytest.raises(CourseError, match="could not be written") as full:
        _lay_out(course, where)
    assert "Free some disk" in full.value.hint
    assert (where / "00-a.ipynb").read_text() == "my work"
    assert (where / "01-b.ipynb").read_text() == "B ONE"
    assert {path.name for path in where.iterdir()} == {".labkit", "00-a.ipynb", "01-b.ipynb"}


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_students_version_has_no_solutions_and_no_outputs(path: Path) -> None:
    """Solutions are cleared, checks locked, outputs emptied, the same way every time."""
    released = student_version(path)
    assert released == student_version(path)
    assert b"SOLUTION" not in released
    cells = nbformat.reads(released.decode(), as_version=4).cells
    assert not [cell.id for cell in cells if cell.get("outputs")]
    solutions = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
    for cell in solutions:
        if cell.cell_type == "code":
            assert "raise NotImplementedError" in cell.source
            compile(cell.source, cell.id, "exec")
    checks = [cell for cell in cells if cell.source.startswith("lab.check(")]
    graded = [cell for cell in checks if cell.metadata.get("nbgrader", {}).get("grade")]
    assert graded
    assert all(cell.metadata.editable is False for cell in graded)
