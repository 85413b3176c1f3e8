"""The release that learners get: whole, without solutions, and the same bytes each time."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from labkit.course.bundle import bundle
from labkit.course.release import student_version
from labkit.errors import CourseError

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release; its zip lies beside it."""
    out = tmp_path_factory.mktemp("first") / "lab"
    bundle(NOTEBOOKS, out)
    return out


def test_it_has_all_that_a_learner_needs(released: Path) -> None:
    """Every notebook, the kit as a wheel, an environment that installs it, and how to begin."""
    [wheel] = released.glob("*.whl")
    assert sorted(path.name for path in (released / "notebooks").iterdir()) == NAMES
    assert f"- ./{wheel.name}" in (released / "environment.yml").read_text()
    assert f"pip install ./{wheel.name}" in (released / "README.md").read_text()
    inside = zipfile.ZipFile(wheel).namelist()
    assert {"labkit/cli.py", "labkit/engine/Dockerfile", "labkit/panels/panels.css"} <= {*inside}


def test_no_solution_and_no_output_is_in_it(released: Path) -> None:
    """What a learner is to write is not there, and nothing that was printed when it was solved."""
    for path in (released / "notebooks").iterdir():
        text = path.read_text()
        assert "BEGIN SOLUTION" not in text
        for cell in json.loads(text)["cells"]:
            assert not cell.get("outputs")
            if cell["metadata"].get("nbgrader", {}).get("grade_id", "").startswith("check-"):
                assert cell["metadata"]["deletable"] is False
                assert cell["metadata"]["editable"] is False


def test_the_same_course_gives_the_same_bytes(released: Path, tmp_path: Path) -> None:
    """Made again, elsewhere and later, every file and the zip have the same bytes."""
    again = tmp_path / "lab"
    packed = bundle(NOTEBOOKS, again)
    assert packed.read_bytes() == released.with_name("lab.zip").read_bytes()
    for path in released.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(released)).read_bytes()


def test_the_zip_is_the_folder(released: Path) -> None:
    """It unpacks to the folder of its name, with the same files."""
    with zipfile.ZipFile(released.with_name("lab.zip")) as packed:
        for path in released.rglob("*"):
            if path.is_file():
                name = f"lab/{path.relative_to(released).as_posix()}"
                assert packed.read(name) == path.read_bytes()


def test_the_wheel_is_the_kit(released: Path, tmp_path: Path) -> None:
    """Installed from the release alone, the kit says what it can do."""
    [wheel] = released.glob("*.whl")
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, f"--target={target}", str(wheel)], check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", "import labkit, labkit.cli; print(labkit.__file__)"],
        env={"PYTHONPATH": str(target), "HOME": str(tmp_path), "PATH": ""},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(str(target))


def test_a_release_released_again_stays_as_it_is(released: Path) -> None:
    """The workspace is laid out from a release, too: no task's text is lost by that."""
    for path in sorted((released / "notebooks").iterdir())[:3]:
        assert student_version(path) == path.read_bytes()


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """A folder with something in it, or a zip of that name, stays, and nothing is left beside."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "mine.txt").write_text("mine")
    (tmp_path / "other.zip").write_text("mine")
    for name in ("lab", "other"):
        with pytest.raises(CourseError, match="is there already"):
            bundle(NOTEBOOKS, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab", "other.zip"]


def test_elsewhere_than_in_the_course_it_says_so(tmp_path: Path) -> None:
    """Without the course's checkout there is nothing to release."""
    with pytest.raises(CourseError, match=r"no pyproject\.toml"):
        bundle(tmp_path / "notebooks", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
