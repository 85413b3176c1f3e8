"""The lessons' exercises: right answers pass, wrong ones are met with a question."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import docker
import nbformat
import pandas as pd
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import labkit
from labkit.course import learner
from labkit.course.exercise import Lesson
from labkit.course.judge import Judge, beside
from labkit.course.lessons import LESSONS
from labkit.course.protocol import Verdict
from labkit.hub.hub import Hub

Lab = Any  # has docker, raw, socket, endpoint and hub
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def _beside(name: str) -> ModuleType:
    """A module of this folder; pytest imports by path, so that folders here are no packages."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RIGHT, WRONG = dict(_beside("right_answers").RIGHT), dict(_beside("wrong_answers").WRONG)
BESIDE = {
    name: _beside(f"right_{name}")
    for name in (
        "apps",
        "limits",
        "security",
        "swarm",
        "events",
        "exec",
        "build",
        "plugins",
        "networks",
        "capstone",
    )
}
for _name, _right in BESIDE.items():
    RIGHT |= _right.RIGHT
    WRONG |= _beside(f"wrong_{_name}").wrong(_right)
EXERCISES = {name: one for one in LESSONS.values() for name in one.exercises}
LONG = ("07-swarm", "13-capstone")
FIRSTS = {next(iter(one.exercises)) for one in LESSONS.values() if one.notebook not in LONG}
"""What is tried in every run; the other exercises where time allows."""


def _cases(answers: dict[str, dict[str, Any]], *, quick: Container[str] = ()) -> list[Any]:
    """One case an answer; of these exercises the first one in every run."""
    return [
        pytest.param(
            exercise,
            answer,
            id=f"{exercise}: {what}",
            marks=[] if exercise in quick and number == 0 else [pytest.mark.slow],
        )
        for exercise, several in answers.items()
        for number, (what, answer) in enumerate(several.items())
    ]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """An engine that wrong answers may litter, and the hub that it knows."""
    with Hub.start(limit=None, prefix=16, python=True) as hub, hub.engine() as engine:
        yield SimpleNamespace(
            docker=engine.docker,
            raw=engine.raw,
            socket=engine.socket,
            endpoint=engine.endpoint,
            hub=hub,
        )


def _verdict(lab: Lab, exercise: str, function: Callable[..., Any] | None) -> Verdict:
    """The verdict that lab.check comes to."""
    lesson = EXERCISES[exercise]
    with contextlib.ExitStack() as stack:
        driven = function and stack.enter_context(lesson[exercise].driver(function, lab.endpoint))
        connection = stack.enter_context(beside(Judge(lesson.notebook, lab.endpoint, hub=lab.hub)))
        return learner.answer(connection, exercise, driven)


def _expect_refusal(verdict: Verdict) -> None:
    assert not verdict.passed
    assert verdict.points == 0
    assert verdict.saw
    assert "?" in verdict.question
    assert "could not be finished" not in verdict.saw
    assert len(verdict.saw) < 1000


@pytest.mark.engine
@pytest.mark.parametrize(("exercise", "answer"), _cases(RIGHT))
def test_every_honest_way_passes(
    lab: Lab, exercise: str, answer: Callable[[Any], Callable[..., Any]]
) -> None:
    """Whether by curl, raw, SDK or tables: what is right gets all points.

    In every run the notebook's own solution is tried, when the notebook is.
    """
    verdict = _verdict(lab, exercise, answer(lab))
    assert verdict.passed, verdict.saw
    assert verdict.points == EXERCISES[exercise][exercise].points


@pytest.mark.engine
@pytest.mark.parametrize(("exercise", "answer"), _cases(WRONG, quick=FIRSTS))
def test_a_beginners_mistake_is_met_with_a_question(
    lab: Lab, exercise: str, answer: Callable[[Any], Callable[..., Any]]
) -> None:
    """A wrong answer does not pass; the verdict says what was seen, and asks."""
    _expect_refusal(_verdict(lab, exercise, answer(lab)))


@pytest.mark.engine
@pytest.mark.parametrize(
    "exercise",
    [pytest.param(one, marks=[] if one in FIRSTS else [pytest.mark.slow]) for one in EXERCISES],
)
def test_the_unsolved_notebook_does_not_pass(lab: Lab, exercise: str) -> None:
    """What a learner finds in the solution cell raises NotImplementedError, and that is said."""

    def stub(*_: Any) -> None:
        raise NotImplementedError

    verdict = _verdict(lab, exercise, stub)
    _expect_refusal(verdict)
    assert "NotImplementedError" in verdict.saw


@pytest.mark.engine
def test_a_paused_container_may_be_listed_or_not(lab: Lab) -> None:
    """The plain list has paused containers; a learner who leaves them out is right too."""
    paused = lab.docker.containers.run("busybox", ["sleep", "600"], detach=True)
    paused.pause()
    by_list = _verdict(lab, "list-running", lambda: [c.name for c in lab.docker.containers.list()])
    running = {"status": "running"}
    by_state = _verdict(
        lab,
        "list-running",
        lambda: [c.name for c in lab.docker.containers.list(filters=running)],
    )
    paused.remove(force=True)
    assert by_list.passed
    assert by_state.passed


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
def test_a_lesson_is_worth_ten_or_twenty_points(lesson: Lesson) -> None:
    """The checks' points and those given by hand make ten; twenty for the long ones."""
    points = [one.points for one in lesson.exercises.values()]
    long = lesson.notebook.startswith(("06", "07", "13"))
    assert sum(points) + sum(lesson.by_hand.values()) == (20 if long else 10)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_exercise_has_hints_and_answers(exercise: str) -> None:
    """There is a ladder of hints, four wrong answers or more, and two right ways or more."""
    assert len(EXERCISES[exercise][exercise].hints) >= 2
    assert len(WRONG[exercise]) >= 4
    assert len(RIGHT[exercise]) >= 2


def _cells(notebook: str) -> list[Any]:
    content = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4)
    return [cell for cell in content.cells if "nbgrader" in cell.metadata]


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
def test_notebook_and_lesson_agree_on_points(lesson: Lesson) -> None:
    """Each exercise has its check cell, each part graded by hand its cell, with the same points."""
    graded = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
        for cell in _cells(lesson.notebook)
        if cell.metadata.nbgrader.grade
    }
    checks = {f"check-{name}": one.points for name, one in lesson.exercises.items()}
    assert graded == checks | lesson.by_hand


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
def test_check_cells_are_locked_and_solution_cells_are_not(lesson: Lesson) -> None:
    """A learner writes into solution cells, one an exercise, and into what is graded by hand."""
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in _cells(lesson.notebook)}
    open_cells = {one for one, cell in cells.items() if cell.metadata.nbgrader.solution}
    assert open_cells == {*lesson.exercises, *lesson.by_hand}
    locked = {one for one, cell in cells.items() if cell.metadata.nbgrader.locked}
    assert locked == {f"check-{name}" for name in lesson.exercises}


def _definitions_above(notebook: str, exercise: str) -> Iterator[ast.Module]:
    """What the cells above an exercise's solution import and define, without what they do."""
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    for cell in nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == exercise:
            return
        if cell.cell_type == "code":
            module = ast.parse(TransformerManager().transform_cell(cell.source))
            module.body = [one for one in module.body if isinstance(one, kept)]
            yield module


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_notebooks_own_solution_passes(lab: Lab, exercise: str) -> None:
    """The solution cell and the check cell of the committed notebook, run as they stand.

    They may use what cells above them import and define.
    """
    notebook = EXERCISES[exercise].notebook
    cells = {one.metadata.nbgrader.grade_id: one for one in _cells(notebook)}
    handed: dict[str, Any] = {}
    bench = SimpleNamespace(**vars(lab))
    bench.check = lambda name, function: handed.update({name: function})
    names = {"labkit": labkit, "docker": docker, "pd": pd, "lab": bench, "client": lab.docker}
    own = (cells[exercise].source, cells[f"check-{exercise}"].source)
    for source in (*_definitions_above(notebook, exercise), *own):
        exec(compile(source, exercise, "exec"), names)  # noqa: S102  # it is our own notebook
    assert list(handed) == [exercise]
    verdict = _verdict(lab, exercise, handed[exercise])
    assert verdict.passed, verdict.saw
