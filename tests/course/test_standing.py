"""How far a learner has come, and the certificate at the end."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labkit.cli import cli
from labkit.course import progress, standing, workspace
from labkit.course.certificate import certificate
from labkit.course.lessons import LESSONS
from labkit.course.protocol import Verdict
from labkit.errors import CourseError

LESSON = "01-list-containers"


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for notes that each test begins with empty."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress"))
    return tmp_path / "progress"


def _record(notebook: str, exercise: str, *, passed: bool = True) -> None:
    points = LESSONS[notebook].exercises[exercise].points
    progress.record(notebook, Verdict(exercise, passed, points if passed else 0, points))


def _pass_all() -> None:
    for notebook, lesson in LESSONS.items():
        for exercise in lesson.exercises:
            _record(notebook, exercise)


def _one(notebook: str) -> standing.Standing:
    return next(one for one in standing.standings() if one.notebook == notebook)


def test_who_has_just_begun_is_sent_to_the_first_exercise() -> None:
    """Nothing is passed, and the first exercise of the first lesson is next."""
    known = standing.standings()
    assert [one.notebook for one in known] == sorted(LESSONS)
    assert sum(one.points for one in known) == 0
    assert standing.next_up(known) == "engine-version in 00-start-here"


def test_a_pass_counts_and_a_lesson_at_hand_goes_on() -> None:
    """Points and time are those of the passes; what is open in the begun lesson is next."""
    _record(LESSON, "list-running", passed=False)
    assert _one(LESSON).began
    assert _one(LESSON).took is None
    _record(LESSON, "list-running")
    found = _one(LESSON)
    assert (found.passed, found.points, found.complete) == (("list-running",), 3, False)
    assert found.took is not None
    assert found.took >= dt.timedelta(0)
    assert standing.next_up(standing.standings()) == f"list-filtered in {LESSON}"


def test_time_is_from_the_first_check_to_the_last_pass(notes: Path) -> None:
    """The notes' own moments are what is told, and a later pass of the same changes nothing."""
    _record(LESSON, "list-running")
    moments = {progress.BEGAN: "2026-11-25T10:00:00+00:00"}
    moments["list-running.json"] = "2026-11-25T10:40:00+00:00"
    for name, moment in moments.items():
        (notes / LESSON / name).write_text(json.dumps({"points": 3, "passed": moment}))
    _record(LESSON, "list-running")
    assert _one(LESSON).took == dt.timedelta(minutes=40)


def test_a_note_that_was_cut_off_counts_as_none(notes: Path) -> None:
    """A file that can't be read is no pass, and no crash."""
    _record(LESSON, "list-running")
    (notes / LESSON / "list-running.json").write_text('{"points"')
    assert _one(LESSON).passed == ()


def test_progress_survives_an_update_of_the_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Laying out the workspace anew keeps what was passed in it."""
    course, mine = tmp_path / "course", tmp_path / "workspace"
    course.mkdir()
    (course / f"{LESSON}.ipynb").write_text("{}")
    workspace.lay_out(course, mine, release=Path.read_bytes)
    monkeypatch.delenv("LABKIT_PROGRESS")
    monkeypatch.chdir(mine)
    _record(LESSON, "list-running")
    (course / f"{LESSON}.ipynb").write_text('{"new": 1}')
    workspace.lay_out(course, mine, release=Path.read_bytes)
    assert _one(LESSON).passed == ("list-running",)


def test_the_command_shows_lessons_points_and_what_is_next() -> None:
    """labkit progress has a line a lesson, the sum, and the next exercise."""
    _record(LESSON, "list-running")
    said = CliRunner().invoke(cli, ["progress"]).output
    assert all(name in said for name in LESSONS)
    assert "1 of 3" in said
    assert f"Next: list-filtered in {LESSON}" in said


def test_without_all_passes_there_is_no_certificate() -> None:
    """It says how much is missing, and where; no page is written."""
    _pass_all()
    known = standing.standings()
    assert certificate("Ann", known)
    with pytest.raises(CourseError, match="needs a name"):
        certificate(" ", known)
    fewer = [one for one in known if one.notebook != LESSON]
    open_one = standing.Standing(LESSON, (), ("list-running",), 0, 3)
    with pytest.raises(CourseError, match=f"1 exercises are still to be passed, in {LESSON}"):
        certificate("Ann", [*fewer, open_one])


def test_the_certificate_says_who_and_what_and_that_nobody_has_signed_it(tmp_path: Path) -> None:
    """One page that loads nothing; a name is text, whatever is in it."""
    _pass_all()
    path = tmp_path / "certificate.html"
    name = "Ann <script>alert(1)</script>"
    done = CliRunner().invoke(cli, ["progress", "--certificate", str(path), "--name", name])
    page = path.read_text()
    assert done.exit_code == 0
    assert "Ann &lt;script&gt;" in page
    assert all(lesson in page for lesson in LESSONS)
    assert "Nobody has signed it" in page
    assert "<script" not in page
    assert "src=" not in page.replace("default-src", "")
