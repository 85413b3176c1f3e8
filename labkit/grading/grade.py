"""One submission graded: run in a sandbox, judged from outside of it.

A cell that takes too long is interrupted, and the next one runs. An answer that ends the kernel
costs what comes after it in that run; so the rest runs again without it, on a fresh engine.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labkit.course.exercise import Lesson
from labkit.course.lessons import lesson
from labkit.course.protocol import Verdict
from labkit.engine import host as hosts
from labkit.grading import HUB, MARK, NOTEBOOK, SEAT
from labkit.grading.outcome import Outcome
from labkit.grading.rebuild import Answer, Place, Rebuilt
from labkit.grading.sandbox import Ended, Sandbox
from labkit.grading.seat import lent

__all__ = ["RUNS", "grade"]

RUNS = 3
"""How often a submission is run at most, each time without what ended the time before."""

_TRIES = 5  # conversations about one exercise; then the judge has heard enough guesses
_GRACE = 5.0  # seconds
_INSIDE = str(Path(__file__).with_name("inside.py"))
_DEAD = ("The kernel died", "Kernel dead")


@dataclass
class Heard:
    """What the judge has said: a pass stands, unless it came after too many tries."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)

    def hear(self, verdict: Verdict) -> None:
        """Note a verdict down."""
        name = verdict.exercise
        self.tries[name] += 1
        before = self.verdicts.get(name)
        if self.tries[name] <= _TRIES and not (before and before.passed):
            self.verdicts[name] = verdict


@dataclass(frozen=True)
class Told:
    """What the sandbox tells of a cell. It may be a lie."""

    outcome: str
    said: str = ""
    seconds: float = 0.0

    @property
    def dead(self) -> bool:
        """Whether there was no kernel any more."""
        return any(words in self.said for words in _DEAD)

    @property
    def late(self) -> bool:
        """Whether it was interrupted."""
        return "Timeout" in self.said


def grade(
    assignment: str,
    rebuilt: Rebuilt,
    *,
    seconds: float,
    cell: float,
    version: str,
    turn: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Run a rebuilt notebook, and have its exercises judged.

    :param seconds: how long it may take in all.
    :param cell: how long one cell may take, in seconds.
    :param version: the Docker version of its engine.
    :param turn: is called when all is ready, and returns when the notebook may run.
    :raises LabError: no engine or no sandbox could be had.
    """
    heard, told = Heard(), dict[Place, Told]()
    sandbox, end = Sandbox(hosts.find()), math.inf
    program = [_INSIDE, f"{SEAT}/{NOTEBOOK}", f"{SEAT}/{HUB}", str(cell), MARK]
    rest = rebuilt
    for number in range(RUNS):
        with (
            lent(assignment, version=version, patience=cell, heard=heard.hear) as seat,
            sandbox.running(program, seat=seat.folder, env=seat.env) as ended_within,
        ):
            if number == 0:
                turn()
                end = time.monotonic() + seconds
            seat.hand_over(rest.notebook())
            ended = ended_within(max(end - time.monotonic(), _GRACE))
        cells = _cells(ended, rest)
        culprit = _culprit(cells, rest)
        told |= {place: one for place, one in cells.items() if not one.dead and place not in told}
        if culprit is None:
            break
        told[culprit] = Told("failed", "Timeout" if not ended.in_time else _DEAD[0])
        rest = rest.without({culprit, *_of_the_same(culprit)})
        if end - time.monotonic() < _GRACE:
            break
    return [
        _outcome(name, lesson(assignment), one, heard, told)
        for name, one in rebuilt.answers.items()
    ]


def _cells(ended: Ended, ran: Rebuilt) -> dict[Place, Told]:
    """What the sandbox tells of the cells that had something in them."""
    found: dict[Place, Told] = {}
    for line in ended.said.decode(errors="replace").splitlines():
        if line.startswith(MARK):
            try:
                one = json.loads(line.removeprefix(MARK))
                place, source = ran.cells[int(one["cell"])]
                told = Told(str(one["outcome"]), str(one["said"]), float(one["seconds"]))
            except (ValueError, LookupError, TypeError, RecursionError):
                continue
            if source:
                found.setdefault(place, told)
    return found


def _culprit(cells: Mapping[Place, Told], ran: Rebuilt) -> Place | None:
    """The place at which the run came to its end before its time; None if it did not."""
    dead = [place for place, one in cells.items() if one.dead]
    if dead:
        return dead[0]
    unheard = [place for place, source in ran.cells if source and place not in cells]
    return unheard[0] if unheard else None


def _of_the_same(culprit: Place) -> Iterable[Place]:
    """An answer ends with its check, and a check with its answer."""
    if culprit.kind in ("answer", "check"):
        yield Place("answer", culprit.name)
        yield Place("check", culprit.name)


def _outcome(
    name: str, known: Lesson, answer: Answer, heard: Heard, told: Mapping[Place, Told]
) -> Outcome:
    worth, verdict = known[name].points, heard.verdicts.get(name)
    cells = [told.get(Place(kind, name), Told("")) for kind in ("answer", "check")]
    seconds = round(sum(one.seconds for one in cells), 2)
    if verdict and verdict.passed:
        return Outcome(name, "passed", worth, worth, seconds, notes=answer.notes)
    word = _word(answer, cells, verdict)
    saw, question = _reason(word, cells, verdict)
    return Outcome(name, word, 0, worth, seconds, saw, question, answer.notes)


def _word(answer: Answer, cells: list[Told], verdict: Verdict | None) -> str:
    """The outcome of an exercise that has not passed."""
    if not answer.given:
        return "missing"
    if cells[1].outcome == "passed":
        return "tampered"
    for one in cells:  # what no interrupt ends is ended with its kernel: what came first counts
        if one.late or one.dead:
            return "timeout" if one.late else "kernel died"
    return "failed" if verdict or cells[1].outcome == "failed" else "not run"


def _reason(word: str, cells: list[Told], verdict: Verdict | None) -> tuple[str, str]:
    """What was seen, and a tutor's question."""
    if word == "failed" and verdict:
        return verdict.saw, verdict.question
    if word == "failed":
        raised = next((one.said for one in cells if one.outcome == "failed"), "")
        return f"The cell raised an error. {raised:.300}", "Does it run after Restart and Run All?"
    return {
        "missing": ("There is no answer's cell.", "Was it deleted, or its type changed?"),
        "tampered": ("The check was not held as the course has it.", "What came before it?"),
        "timeout": ("It was still running when its time was up.", "Which loop has no end?"),
        "kernel died": ("Python itself came to an end.", "What in the answer could end it?"),
        "not run": ("The time was up before it.", "What took so long before it?"),
    }[word]
