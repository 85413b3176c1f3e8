"""A notebook's lab: given at its first cell, given back at its last, or when the kernel ends."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import docker
import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import labkit
from labkit.course.given import GivenEngine
from labkit.course.lab import CheckFailed, Lab
from labkit.engine import fleet, host
from labkit.errors import CourseError

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for progress that each test begins with empty."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress"))
    return tmp_path / "progress"


def _engines() -> list[str]:
    with host.find().client() as client:
        return [found.name for found in fleet.engines(client)]


def _containers() -> list[str]:
    with host.find().client() as client:
        return [found.id for found in fleet.engines(client)]


def _run(*sources: str, allow_errors: bool = False) -> list[Any]:
    """Run cells in a kernel of their own, as JupyterLab and VS Code do; their outputs as text."""
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(source)) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=allow_errors).execute()
    return ["".join(one.get("text", "") for one in cell.outputs) for cell in notebook.cells]


def test_docker_from_env_talks_to_the_notebooks_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chapter's own way of calling works unchanged, and the environment is put back after."""
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    before = dict(os.environ)
    with labkit.lab("01-list-containers") as lab:
        client = docker.from_env()
        lab.docker.containers.create("busybox", name="seen")
        assert [one.name for one in client.containers.list(all=True)] == ["seen"]
        client.close()
        assert os.environ["DOCKER_SOCK"] == str(lab.socket)
        asked = ["curl", "-s", "--unix-socket", os.environ["DOCKER_SOCK"], "http://localhost/_ping"]
        assert subprocess.run(asked, capture_output=True, check=True).stdout == b"OK"
    assert dict(os.environ) == before
    assert not lab.socket.exists()
    os.environ["DOCKER_HOST"] = "unix:///somewhere/else"
    lab.close()
    assert os.environ.pop("DOCKER_HOST") == "unix:///somewhere/else"


def test_the_labs_folder_goes_with_the_engine() -> None:
    """Files of a lesson's own are gone when the lab is closed; so where the engine is only lent."""
    with labkit.lab("10-build") as lab:
        (lab.folder / "kept").write_text("until the lab is closed")
        lab.reset()
        assert [path.name for path in lab.folder.iterdir()] == ["kept"]
        folders = [lab.folder]
        borrowing = Lab("10-build", GivenEngine(lab.socket))
        (borrowing.folder / "kept").touch()
        folders.append(borrowing.folder)
        borrowing.close()
        assert not folders[1].exists()
    assert not folders[0].exists()
    with pytest.raises(CourseError, match="closed"):
        assert lab.folder


def test_called_again_it_gives_a_fresh_engine() -> None:
    """Running the first cell twice gives the old engine back and starts a new one."""
    first = labkit.lab("01-list-containers")
    first.docker.containers.create("busybox")
    with labkit.lab("01-list-containers") as second:
        assert second.docker.containers.list(all=True) == []
        assert first.engine.container_id not in _containers()
        assert second.engine.container_id in _containers()


def test_two_kernels_on_one_notebook_get_an_engine_each() -> None:
    """The second is named with a number."""
    program = (
        "import labkit; lab = labkit.lab('02-run-and-stop'); print(lab.engine.name, flush=True); "
        "input(); lab.close()"
    )
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    names = set()
    for kernel in kernels:
        assert kernel.stdout is not None
        kernel.stdout.readline()
        names.add(kernel.stdout.readline().strip())
    for kernel in kernels:
        kernel.communicate("\n")
    assert len(names) == 2
    assert all(name.startswith("02-run-and-stop") for name in names)
    assert not names & set(_engines())


def test_the_kernels_end_gives_the_engine_back() -> None:
    """A notebook that is just closed leaves no engine."""
    before = set(_engines())
    said = _run("import labkit\nlab = labkit.lab('03-inspect')\nprint(lab.engine.name)")
    name = said[0].split()[-1]
    assert name.startswith("03-inspect")
    assert name not in set(_engines()) - before


def test_an_engine_that_dies_under_a_notebook_is_explained_and_mended() -> None:
    """The cell's error is followed by what happened and what to do; lab.reset() does it."""
    kill = """
        with lab.engine.host.client() as client:
            client.api.remove_container(lab.engine.container_id, v=True, force=True)
    """
    said = _run(
        "import labkit\nlab = labkit.lab('00-start-here')",
        kill,
        "lab.docker.containers.list()",
        "lab.reset()\nprint(lab.docker.containers.list(all=True))",
        allow_errors=True,
    )
    assert "does not answer any more" in said[2]
    assert "lab.reset()" in said[2]
    assert said[3] == "[]\n"


def test_a_failing_check_shows_the_tutors_words_and_no_stack() -> None:
    """What a learner sees is the verdict, what was seen, the question, and where a hint is."""
    with pytest.raises(CellExecutionError) as failed:
        _run(
            "import labkit\nlab = labkit.lab('01-list-containers')",
            "lab.check('list-running', lambda: [])",
        )
    shown = str(failed.value)
    assert "✗ list-running: 0 of 3 points" in shown
    assert "Does your function ask the engine anew" in shown
    assert "lab.hint('list-running')" in shown
    assert "judge.py" not in shown


def test_a_pass_is_recorded_and_a_hint_ladder_opens_step_by_step(own_progress: Path) -> None:
    """Progress is a file an exercise; hints go from faint to plain, and the last one stays."""
    with labkit.lab("01-list-containers") as lab:
        assert list(lab.progress()["passed"]) == ["", "", ""]
        lab.check("list-running", lambda: [one.name for one in lab.docker.containers.list()])
        assert list(lab.progress()["passed"]) == ["✓", "", ""]
        assert (own_progress / "01-list-containers" / "list-running.json").exists()
        numbers = [lab.hint("list-running").number for _ in range(5)]
        assert numbers == [1, 2, 3, 3, 3]
        with pytest.raises(CheckFailed):
            lab.check("list-running", list)


def test_what_the_course_does_not_have_is_refused_with_what_it_has() -> None:
    """A misspelt notebook or exercise is answered with the right names."""
    with pytest.raises(CourseError, match="no notebook '99-nothing'") as unknown:
        labkit.lab("99-nothing")
    assert "01-list-containers" in unknown.value.hint
    with labkit.lab("00-start-here") as lab:
        with pytest.raises(CourseError) as misspelt:
            lab.check("engine-versoin", lambda: None)
        assert "engine-version" in misspelt.value.hint
