"""Results are kept whole, merged by exercise, and given by hand where a person knows better."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from labkit.errors import SubmissionError
from labkit.grading import overrides
from labkit.grading.outcome import Graded, Outcome
from labkit.grading.results import Results, failed, file_name
from labkit.grading.submissions import Submission

LESSON = "01-list-containers"
HEAD = ",".join(overrides.COLUMNS)


def _graded(student: str = "ann", **outcomes: str) -> Graded:
    parts = tuple(
        Outcome(name.replace("_", "-"), word, 3 if word == "passed" else 0, 3, notes=("seen",))
        for name, word in outcomes.items()
    )
    return Graded(student, LESSON, "work", "kit", outcomes=parts, findings={"findings": "text"})


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """An output folder, ready."""
    made = Results(tmp_path / "out")
    made.prepare()
    return made


def test_a_result_is_read_as_it_was_written(results: Results) -> None:
    """What is written comes back the same, and nothing half-written lies beside it."""
    graded = _graded(list_running="passed")
    results.write(graded)
    assert results.all() == [graded]
    assert results.find(Submission("ann", LESSON, b"")) == graded
    files = [path.name for path in results.folder.rglob("*") if path.is_file()]
    assert files == [f"{LESSON}.json"]


def test_a_result_that_was_cut_off_is_no_result(results: Results) -> None:
    """A file that can't be read counts as none, so that the submission is graded again."""
    results.write(_graded(list_running="passed"))
    path = results.path("ann", LESSON)
    path.write_text(path.read_text()[:40])
    assert results.all() == []
    path.write_text(json.dumps({"outcomes": [{"notes": []}]}))
    assert results.all() == []


def test_what_was_graded_again_replaces_its_own_exercise(results: Results) -> None:
    """A regraded exercise is new; the others stay as they were, in the lesson's order."""
    results.write(_graded(list_running="failed", list_filtered="passed"))
    merged = results.merge(_graded(list_running="passed"))
    words = [(one.exercise, one.outcome) for one in merged.outcomes]
    assert words == [("list-running", "passed"), ("list-filtered", "passed")]


def test_students_names_make_files_that_differ_and_stay_in_the_folder(results: Results) -> None:
    """Whatever somebody is called, their file is in the folder and nobody else's."""
    names = ["ann", "a/nn", "a_nn", "../ann", "..", ".", "Ünal", "a" * 300, "", " ann"]
    assert len({file_name(one) for one in names}) == len(names)
    for name in names:
        results.write(_graded(name, list_running="passed"))
        assert results.folder.resolve() in results.path(name, LESSON).resolve().parents
    assert {one.student for one in results.all()} == set(names)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """Reports are never written among somebody's own files."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SubmissionError, match="other things"):
        Results(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_only_who_has_handed_in_is_reported(results: Results) -> None:
    """What is no longer among the submissions is not in the reports; its result is kept."""
    for name in ("ann", "bob"):
        results.write(_graded(name, list_running="passed"))
    assert [one.student for one in results.of([Submission("bob", LESSON, b"")])] == ["bob"]
    assert [one.student for one in results.all()] == ["ann", "bob"]


def test_an_exercise_is_put_beside_those_of_the_same_notebook_alone(results: Results) -> None:
    """Of another notebook nothing is taken; of another judge it is told that some are older."""
    before = _graded(list_running="passed", list_filtered="passed")
    results.write(before)
    other = dataclasses.replace(_graded(list_running="failed"), work="another notebook")
    assert results.merge(other) == other
    newer = dataclasses.replace(_graded(list_running="failed"), kit="newer")
    assert results.merge(newer).kit == "kit"
    both = _graded(list_running="failed", list_filtered="failed")
    assert results.merge(dataclasses.replace(both, kit="newer")).kit == "newer"


def test_a_submission_that_could_not_be_graded_has_its_exercises_all_the_same() -> None:
    """Each exercise is there without points, with the reason."""
    result = failed(Submission("ann", LESSON, b""), "work", "It broke off.")
    assert result.broken
    assert not failed(Submission("ann", LESSON, b""), "work", "No notebook.", kit="kit").broken
    assert result.points == 0
    assert result.worth == 10
    assert {one.outcome for one in result.outcomes} == {"not run"}
    assert {one.saw for one in result.outcomes} == {"It broke off."}


def test_a_persons_points_count_and_say_why(tmp_path: Path) -> None:
    """An override gives points to an exercise and to what is graded by hand, with its reason."""
    path = tmp_path / "by-hand.csv"
    path.write_text(
        f"{HEAD}\nann,{LESSON},list-running,2.5,The task was unclear.\n"
        f"ann,{LESSON},findings,1,Short.\nann,{LESSON},findings,2,Seen again.\n"
    )
    [graded] = overrides.apply([_graded(list_running="failed")], overrides.read(path))
    assert graded.points == 4.5
    exercise, findings = graded.outcomes
    assert exercise.notes == ("seen", "By hand: The task was unclear.")
    assert findings.outcome == "by hand"
    assert findings.notes[-1] == "By hand: Seen again."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"ann,{LESSON},findings,1,", "line 2: reason is empty"),
        ("ann,99-nothing,findings,1,x", "no assignment '99-nothing'"),
        (f"ann,{LESSON},nothing,1,x", "has no 'nothing'; it has list-running"),
        (f"ann,{LESSON},findings,3,x", "'3' is no number from 0 to 2"),
        (f"ann,{LESSON},findings,nan,x", "'nan' is no number"),
        (f"ann,{LESSON},findings,many,x", "'many' is no number"),
        (f"zoe,{LESSON},findings,1,x", "zoe, who has not handed in"),
    ],
)
def test_a_bad_override_is_refused_by_its_line(tmp_path: Path, line: str, words: str) -> None:
    """What can't be meant is said with its line, and no points are given."""
    path = tmp_path / "by-hand.csv"
    path.write_text(f"{HEAD}\n{line}\n")
    with pytest.raises(SubmissionError, match=words):
        overrides.check(overrides.read(path), [Submission("ann", LESSON, b"")])


def test_outcomes_survive_json() -> None:
    """A result goes through JSON as it is, notes and all."""
    graded = _graded(list_running="passed")
    again = Graded.read(json.loads(json.dumps(graded.as_json())))
    assert again == graded
    assert dataclasses.asdict(again) == dataclasses.asdict(graded)
