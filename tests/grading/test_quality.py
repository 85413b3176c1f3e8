"""How well grading grades: right answers of every kind, wrong ones, and none, in every lesson.

The answers are those of ``tests/course``, pasted into a learner's notebook with the module that
they stand in. One run of a notebook has one answer for each of its exercises.
"""

from __future__ import annotations

import ast
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from labkit.course.lessons import LESSONS
from labkit.grading.grade import grade
from labkit.grading.outcome import Outcome
from labkit.grading.rebuild import rebuild

pytestmark = pytest.mark.engine

Release = Callable[[str], bytes]
Submit = Callable[..., bytes]
ANSWERS = Path(__file__).parents[1] / "course"
QUICK = {("05-rate-limits", 0)}  # of the lessons with a hub, the one that asks it the most


@dataclass(frozen=True)
class Way:
    """A way to answer an exercise: the modules that it needs, and where it is in them."""

    right: str
    wrong: str
    exercise: str
    what: str

    @property
    def table(self) -> str:
        """Where the answer is, as an expression."""
        if not self.wrong:
            return "right.RIGHT"
        return "wrong.WRONG" if self.wrong == "wrong_answers" else "wrong.wrong(right)"

    def source(self, function: str) -> str:
        """A cell that defines the function."""
        modules = [("right", self.right)] + ([("wrong", self.wrong)] if self.wrong else [])
        lines = ["import sys, types"]
        for name, module in modules:
            text = (ANSWERS / f"{module}.py").read_text()
            lines += [
                f"{name} = sys.modules[{module!r}] = types.ModuleType({module!r})",
                f"exec(compile({text!r}, {module!r}, 'exec'), vars({name}))",
            ]
        return "\n".join(
            [*lines, f"{function} = {self.table}[{self.exercise!r}][{self.what!r}](lab)", ""]
        )


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ANSWERS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _ways() -> Iterator[tuple[Way, bool]]:
    """Every way there is, and whether it is a right one."""
    for path in sorted(ANSWERS.glob("right_*.py")):
        of = path.stem.removeprefix("right_")
        right, wrong = _module(path.stem), _module(f"wrong_{of}")
        found = wrong.WRONG if of == "answers" else wrong.wrong(right)
        for exercise, several in right.RIGHT.items():
            yield from ((Way(path.stem, "", exercise, what), True) for what in several)
        for exercise, several in found.items():
            yield from ((Way(path.stem, f"wrong_{of}", exercise, what), False) for what in several)


WAYS = list(_ways())


def _of(exercise: str, *, right: bool) -> list[Way]:
    return [way for way, is_right in WAYS if way.exercise == exercise and is_right == right]


def _rounds(*, right: bool) -> list[Any]:
    """One case for each run that a lesson takes, until every answer has been in one."""
    runs = {
        name: max((len(_of(one, right=right)) for one in lesson.exercises), default=0)
        for name, lesson in LESSONS.items()
    }
    return [
        pytest.param(
            name,
            number,
            id=f"{name}, {number + 1}",
            marks=[] if right and (name, number) in QUICK else pytest.mark.slow,
        )
        for name, most in runs.items()
        for number in range(most)
    ]


def _functions(release: bytes) -> dict[str, str]:
    """What each exercise's function is called, as its check calls it."""
    found = {}
    for cell in json.loads(release)["cells"]:
        if not cell["id"].startswith("check-"):
            continue
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.Call) and len(node.args) == 2:
                found[ast.literal_eval(node.args[0])] = ast.unparse(node.args[1])
    return found


def _graded(assignment: str, release: bytes, submission: bytes) -> dict[str, Outcome]:
    rebuilt = rebuild(release, submission)
    graded = grade(assignment, rebuilt, seconds=900, cell=180, version="26.1")
    return {one.exercise: one for one in graded}


def _sources(release: bytes, ways: Mapping[str, Way]) -> dict[str, str]:
    names = _functions(release)
    return {exercise: way.source(names[exercise]) for exercise, way in ways.items()}


@pytest.mark.parametrize(("assignment", "number"), _rounds(right=True))
def test_right_answers_have_all_their_points(
    release: Release, submit: Submit, assignment: str, number: int
) -> None:
    """By curl, by hand, raw or SDK: each exercise's answer of that number, or its first one."""
    ways = {}
    for exercise in LESSONS[assignment].exercises:
        several = _of(exercise, right=True)
        ways[exercise] = several[number % len(several)]
    outcomes = _graded(
        assignment, release(assignment), submit(assignment, _sources(release(assignment), ways))
    )
    short = {ways[name].what: one.saw for name, one in outcomes.items() if one.points < one.worth}
    assert short == {}
    assert outcomes.keys() == ways.keys()


@pytest.mark.parametrize(("assignment", "number"), _rounds(right=False))
def test_wrong_answers_have_none(
    release: Release, submit: Submit, assignment: str, number: int
) -> None:
    """What beginners write: none of it has points, and each is told what was seen."""
    wrong = {one: _of(one, right=False) for one in LESSONS[assignment].exercises}
    ways = {name: several[number] for name, several in wrong.items() if number < len(several)}
    outcomes = _graded(
        assignment, release(assignment), submit(assignment, _sources(release(assignment), ways))
    )
    assert [one for one in outcomes.values() if one.points] == []
    assert [name for name in ways if not outcomes[name].saw] == []
    # An answer that can't even be read is no try of it.
    assert [
        one for name, one in outcomes.items() if name in ways and "raised an error" in one.saw
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize("assignment", LESSONS)
def test_an_untouched_release_has_no_points(release: Release, assignment: str) -> None:
    """Whoever hands in what was given out has done nothing."""
    outcomes = _graded(assignment, release(assignment), release(assignment))
    assert [one for one in outcomes.values() if one.points] == []
    assert outcomes.keys() == LESSONS[assignment].exercises.keys()
