"""The reports: what a class's results look like to machines, students and the instructor."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from labkit.grading import overrides, report, tables
from labkit.grading.outcome import Graded, Outcome
from labkit.grading.submissions import Unread

LESSON = "01-list-containers"
EVIL = "=cmd()<script>alert(1)</script>\x07"


def _graded(student: str, *words: str) -> Graded:
    names = ("list-running", "list-filtered", "readable-table")
    worth = (3, 3, 2)
    outcomes = tuple(
        Outcome(
            name, word, points if word == "passed" else 0, points, 1.5,
            "" if word == "passed" else f"Seen: {EVIL}", "" if word == "passed" else "Why & how?",
        )
        for name, points, word in zip(names, worth, words, strict=True)
    )  # fmt: skip
    findings = {"findings": f"My findings {student} {EVIL}"}
    return Graded(student, LESSON, "work", "kit", "2026-11-25", outcomes, findings)


@pytest.fixture
def graded() -> list[Graded]:
    """Three students."""
    results = [
        _graded("ann", "passed", "passed", "passed"),
        _graded("bob", "failed", "timeout", "passed"),
        _graded(EVIL, "tampered", "kernel died", "not run"),
    ]
    return overrides.apply(results, [])


@pytest.fixture
def folder(tmp_path: Path, graded: list[Graded]) -> Path:
    """Their reports."""
    report.write(tmp_path, graded, [Unread("x/<b>.ipynb", "it is a link")])
    return tmp_path


def test_grades_have_the_columns_that_nbgrader_exports(graded: list[Graded]) -> None:
    """One line a submission, as nbgrader's own CSV exporter names the columns."""
    table = pd.read_csv(io.StringIO(tables.grades_csv(graded)))
    assert ",".join(table.columns) == (
        "assignment,duedate,timestamp,student_id,last_name,first_name,email,"
        "raw_score,late_submission_penalty,score,max_score"
    )
    assert table["score"].tolist() == [8, 2, 0]
    assert table["max_score"].tolist() == [10, 10, 10]


def test_each_exercise_has_its_line(graded: list[Graded]) -> None:
    """The outcome, the points and the seconds of every exercise of everybody."""
    rows = list(csv.DictReader(io.StringIO(tables.exercises_csv(graded))))
    assert list(rows[0]) == [
        "student", "assignment", "grade_id", "outcome", "points", "max", "seconds",
    ]  # fmt: skip
    assert len(rows) == 12
    assert [row["outcome"] for row in rows[4:8]] == ["failed", "timeout", "passed", "by hand"]


def test_no_spreadsheet_takes_a_name_for_a_formula(graded: list[Graded]) -> None:
    """A cell that begins as a formula does is marked as text."""
    for text in (tables.grades_csv(graded), tables.exercises_csv(graded)):
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
        assert any(cell.startswith("'=cmd()") for cell in cells)


def test_junit_counts_what_is_judged(graded: list[Graded]) -> None:
    """A suite for each submission, a failure for what has not passed, nothing given by hand."""
    suites = ET.fromstring(tables.junit(graded))  # noqa: S314 - we have just written it
    assert [one.get("tests") for one in suites] == ["3", "3", "3"]
    assert [one.get("failures") for one in suites] == ["0", "2", "3"]
    assert [one.get("type") for one in suites.iter("failure")][:2] == ["failed", "timeout"]


def test_gradescope_reads_scores_and_words(folder: Path) -> None:
    """A results.json for each submission, with the points and what was seen."""
    path = folder / "gradescope" / "bob" / LESSON / "results.json"
    told = json.loads(path.read_text())
    assert told["score"] == 2
    assert [one["max_score"] for one in told["tests"]] == [3, 3, 2, 2]
    assert "Why & how?" in told["tests"][0]["output"]


def test_a_students_page_has_nobody_elses_words(folder: Path) -> None:
    """It shows what was seen and asked, the student's own findings, and no other student."""
    bob = (folder / "feedback" / "bob.html").read_text()
    assert "Why &amp; how?" in bob
    assert "My findings bob" in bob
    assert "2 of 10 points" in bob
    assert "ann" not in bob.replace("planned", "")


def test_pages_run_nothing_and_load_nothing(folder: Path) -> None:
    """What a stranger has written is text, and a page asks for nothing from anywhere."""
    pages = list(folder.rglob("*.html"))
    assert len(pages) == 4
    for page in pages:
        text = page.read_text()
        assert "<script" not in text
        assert "default-src 'none'" in text
        assert "src=" not in text.replace("default-src=", "")


def test_the_summary_shows_the_class_at_a_glance(folder: Path) -> None:
    """Means, counts of outcomes, a picture, who could not be read, and what is worth a look."""
    text = (folder / "summary.html").read_text()
    assert "3.33 of 10 points on average" in text
    assert text.count("<svg") == 1
    assert "it is a link" in text
    assert "tampered" in text
    for page in (folder / "feedback").iterdir():
        assert f'href="feedback/{page.name}"' in text


def test_the_same_results_give_the_same_files(folder: Path, graded: list[Graded]) -> None:
    """Written a second time, every file has the same bytes; who is gone has no page."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    report.write(folder, graded, [Unread("x/<b>.ipynb", "it is a link")])
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    report.write(folder, graded[:1], [])
    assert [path.name for path in (folder / "feedback").iterdir()] == ["ann.html"]
