"""What came of each exercise of a submission, and the words for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from labkit.course.lessons import lesson

__all__ = ["OUTCOMES", "Graded", "Outcome"]

OUTCOMES = {
    "passed": "The judge saw it work.",
    "failed": "The judge saw something else.",
    "timeout": "It took too long.",
    "kernel died": "The answer ended its own Python.",
    "missing": "There is no answer.",
    "tampered": "The notebook says passed, and the judge has seen no right answer.",
    "not run": "The check was not reached.",
}
"""What can come of an exercise."""


@dataclass(frozen=True)
class Outcome:
    """What came of one exercise.

    :param outcome: one of :data:`OUTCOMES`.
    :param points: what was earned, out of ``worth``.
    :param seconds: how long answer and check took.
    :param saw: what was seen, when it did not pass; ``question`` is what a tutor would ask then.
    :param notes: what else whoever reads the report should know.
    """

    exercise: str
    outcome: str
    points: float
    worth: float
    seconds: float = 0.0
    saw: str = ""
    question: str = ""
    notes: tuple[str, ...] = ()

    def instead(self, points: float, reason: str) -> Outcome:
        """The same with points that a person gives, and why."""
        return replace(self, points=points, notes=(*self.notes, f"By hand: {reason}"))


@dataclass(frozen=True)
class Graded:
    """A submission with what came of it.

    :param work: a mark of what was graded, and how: the notebook, the course's, the options.
    :param kit: a mark of the kit that has graded it; empty where something broke off.
    :param findings: what the learner wrote where a person gives the points.
    :param failed: why it could not be graded at all; empty where it could.
    """

    student: str
    assignment: str
    work: str = ""
    kit: str = ""
    timestamp: str = ""
    outcomes: tuple[Outcome, ...] = ()
    findings: dict[str, str] = field(default_factory=dict)
    failed: str = ""

    @property
    def broken(self) -> bool:
        """Whether the grading of it broke off, by no fault of the submission's."""
        return bool(self.failed) and not self.kit

    @property
    def points(self) -> float:
        """All points so far."""
        return sum(one.points for one in self.outcomes)

    @property
    def worth(self) -> float:
        """All points that there are, those included that a person gives."""
        known = lesson(self.assignment)
        return sum(one.points for one in known.exercises.values()) + sum(known.by_hand.values())

    def as_json(self) -> dict[str, Any]:
        """It in JSON's own types."""
        return asdict(self)

    @classmethod
    def read(cls, written: dict[str, Any]) -> Graded:
        """What :meth:`as_json` wrote.

        :raises TypeError, KeyError: that is something else.
        """
        outcomes = tuple(
            Outcome(**{**one, "notes": tuple(one["notes"])}) for one in written["outcomes"]
        )
        return cls(**{**written, "outcomes": outcomes})
