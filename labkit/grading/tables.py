"""The results for machines: nbgrader's CSV, a line an exercise, JUnit's XML, Gradescope's JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from labkit.grading.outcome import OUTCOMES, Graded, Outcome

__all__ = ["exercises_csv", "grades_csv", "gradescope", "junit"]

_GRADES = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
    "raw_score", "late_submission_penalty", "score", "max_score",
)  # fmt: skip
_EXERCISES = ("student", "assignment", "grade_id", "outcome", "points", "max", "seconds")


def grades_csv(graded: Iterable[Graded]) -> str:
    """One line a submission, with the columns of nbgrader's export."""
    return _csv(
        _GRADES,
        (
            (
                one.assignment, "", one.timestamp, one.student, "", "", "",
                one.points, 0.0, one.points, float(one.worth),
            )
            for one in graded
        ),
    )  # fmt: skip


def exercises_csv(graded: Iterable[Graded]) -> str:
    """One line for each exercise of each submission."""
    return _csv(
        _EXERCISES,
        (
            (
                one.student, one.assignment, part.exercise, part.outcome,
                part.points, part.worth, part.seconds,
            )
            for one in graded
            for part in one.outcomes
        ),
    )  # fmt: skip


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") else cell


def junit(graded: Iterable[Graded]) -> bytes:
    """JUnit's XML: a suite for each submission, a case for each exercise that is judged."""
    root = ET.Element("testsuites", name="labkit grade")
    for one in graded:
        parts = [part for part in one.outcomes if part.outcome in OUTCOMES]
        failures = sum(part.outcome != "passed" for part in parts)
        suite = ET.SubElement(
            root, "testsuite",
            name=_xml(f"{one.student}/{one.assignment}"), tests=str(len(parts)),
            failures=str(failures), errors="0", skipped="0",
            time=f"{sum(part.seconds for part in parts):.2f}",
        )  # fmt: skip
        for part in parts:
            _case(suite, one, part)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _case(suite: ET.Element, one: Graded, part: Outcome) -> None:
    case = ET.SubElement(
        suite, "testcase",
        classname=_xml(f"{one.assignment}.{one.student}"), name=part.exercise,
        time=f"{part.seconds:.2f}",
    )  # fmt: skip
    if part.outcome != "passed":
        failure = ET.SubElement(case, "failure", type=part.outcome, message=_xml(part.saw))
        failure.text = _xml(part.question)


def _xml(text: str) -> str:
    """A text without the letters that XML has no way to write."""
    return "".join(one for one in text if one.isprintable() or one in "\t\n")


def gradescope(one: Graded) -> str:
    """One submission as Gradescope reads an autograder's ``results.json``."""
    tests = [
        {
            "name": part.exercise,
            "score": part.points,
            "max_score": part.worth,
            "status": "passed" if part.points == part.worth else "failed",
            "output": "\n".join(filter(None, (part.saw, part.question, *part.notes))),
        }
        for part in one.outcomes
    ]
    return json.dumps({"score": one.points, "tests": tests}, indent=1) + "\n"
