"""A class graded for real: in sandboxes, on engines, by a judge outside."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit import wait
from labkit.cli import app
from labkit.engine import fleet
from labkit.engine import host as hosts
from labkit.grading.classroom import Classroom
from labkit.grading.outcome import Graded, Outcome
from labkit.grading.results import Results, failed
from labkit.grading.submissions import Submission

pytestmark = pytest.mark.engine

LESSON = "00-start-here"  # its checks take least time
EXERCISES = ("engine-version", "status-of", "common-version")
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
Submit = Callable[..., bytes]
Reference = Callable[[str], dict[str, str]]
HELPER = """
import json

def asked(path):
    try:
        return lab.raw.get(path)
    except labkit.APIError as error:
        return error
"""
RIGHT = """
def status_of(path):
    found = asked(path)
    return getattr(found, "status_code", None) or found.status
"""
ENDS = "import os\nos._exit(3)"
ENDLESS = "def status_of(path):\n    while True:\n        pass"


@dataclass(frozen=True)
class Class:
    """A class that was graded: the folder of what was handed in, and the reports'."""

    submitted: Path
    out: Path
    said: str

    def outcomes(self, student: str) -> dict[str, str]:
        """A student's outcomes by exercise."""
        rows = csv.DictReader((self.out / "exercises.csv").read_text().splitlines())
        return {row["grade_id"]: row["outcome"] for row in rows if row["student"] == student}


def _options(submitted: Path, out: Path, *options: str) -> list[str]:
    """The command line of one who grades."""
    return [
        "grade",
        str(submitted),
        f"--out={out}",
        f"--course={NOTEBOOKS}",
        "--timeout=60",
        *options,
    ]


def _grade(submitted: Path, out: Path, *options: str) -> str:
    """Grade as an instructor does; what was printed, and why not, if it failed."""
    command = [str(Path(sys.executable).with_name("labkit")), *_options(submitted, out, *options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def graded(
    tmp_path_factory: pytest.TempPathFactory, submit: Submit, solved: Submit, reference: Reference
) -> Class:
    """Four students: one right, one who began, one with a helper, one whose Python ends."""
    folder = tmp_path_factory.mktemp("class")
    handed = {
        "ann": solved(LESSON),
        "bob": submit(LESSON),
        "cat": submit(LESSON, {"status-of": RIGHT}, _with_helper),
        "dan": submit(
            LESSON,
            {
                "engine-version": ENDS,
                "status-of": ENDLESS,
                "common-version": reference(LESSON)["common-version"],
            },
        ),
    }
    for student, content in handed.items():
        path = folder / "in" / student / LESSON / f"{LESSON}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    said = _grade(folder / "in", folder / "out", "--jobs=2")
    return Class(folder / "in", folder / "out", said)


def _with_helper(notebook: dict[str, list[dict[str, object]]]) -> None:
    """Put a cell of the learner's own above the answers."""
    cells = notebook["cells"]
    number = next(n for n, cell in enumerate(cells) if cell["id"] == "solution-engine-version")
    own = {"cell_type": "code", "id": "own", "source": HELPER, "metadata": {}, "outputs": []}
    cells.insert(number, {**own, "execution_count": None})


def test_right_answers_have_all_points_and_the_untouched_release_none(graded: Class) -> None:
    """The course's own solutions pass; a release as it was given out does not."""
    assert graded.outcomes("ann") == dict.fromkeys(EXERCISES, "passed"), graded.said
    assert graded.outcomes("bob") == dict.fromkeys(EXERCISES, "failed"), graded.said
    assert "4 submissions, 17 of 40 points." in graded.said


def test_a_helper_above_an_answer_costs_no_points(graded: Class) -> None:
    """An answer that uses a function of the learner's own cell passes."""
    assert graded.outcomes("cat")["status-of"] == "passed"


def test_an_answer_that_ends_python_or_never_ends_costs_its_own_points_alone(
    graded: Class,
) -> None:
    """What comes after it is judged all the same, and the reasons are told."""
    assert graded.outcomes("dan") == {
        "engine-version": "kernel died", "status-of": "timeout", "common-version": "passed",
    }  # fmt: skip
    page = (graded.out / "feedback" / "dan.html").read_text()
    assert "Which loop has no end?" in page


def test_nothing_of_it_is_left(graded: Class) -> None:
    """No engine and no sandbox whose process has ended is on the host engine.

    What a neighbour is about to remove may be seen for a moment.
    """
    assert graded.said
    wait.until(lambda: not _orphans(), what="only what somebody needs", timeout=30)


def _orphans() -> list[str]:
    with hosts.find().client() as client:
        found = [*fleet.engines(client), *fleet.companions(client)]
    return [one.name for one in found if one.orphan]


def test_to_resume_grades_only_what_is_new(
    graded: Class, submit: Submit, reference: Reference
) -> None:
    """A result stays while nothing that it depends on has changed; a new notebook is graded."""
    results = Results(graded.out)
    before = {one.student: results.path(one.student, LESSON).stat() for one in results.all()}
    path = graded.submitted / "bob" / LESSON / f"{LESSON}.ipynb"
    untouched = path.read_bytes()
    path.write_bytes(submit(LESSON, {"common-version": reference(LESSON)["common-version"]}))
    try:
        said = _grade(graded.submitted, graded.out, "--resume")
        assert graded.outcomes("bob")["common-version"] == "passed", said
        for student in ("ann", "cat", "dan"):
            now = results.path(student, LESSON).stat()
            assert now.st_mtime_ns == before[student].st_mtime_ns
    finally:
        path.write_bytes(untouched)


@pytest.mark.slow
def test_one_exercise_of_one_student_can_be_graded_again(graded: Class) -> None:
    """The others keep what they have; points by hand come with their reason."""
    by_hand = graded.out.parent / "by-hand.csv"
    by_hand.write_text(
        "student,assignment,grade_id,points,reason\n"
        f"dan,{LESSON},status-of,2,The loop was nearly right.\n"
    )
    only = ("--only=cat", "--only=status-of", f"--overrides={by_hand}")
    said = _grade(graded.submitted, graded.out, *only)
    assert graded.outcomes("cat")["status-of"] == "passed", said
    assert len(graded.outcomes("cat")) == len(EXERCISES)
    assert "nearly right" in (graded.out / "feedback" / "dan.html").read_text()


def test_what_broke_off_costs_nobody_what_they_have(
    tmp_path: Path, release: Callable[[str], bytes]
) -> None:
    """A result stays when the same notebook could not be graded again; another's is replaced."""
    results = Results(tmp_path / "out")
    results.prepare()
    ann = Submission("ann", LESSON, release(LESSON))
    parts = tuple(Outcome(name, "passed", 1, 1) for name in EXERCISES)
    passed = Graded("ann", LESSON, "work", "kit", outcomes=parts)
    results.write(passed)
    classroom = Classroom(NOTEBOOKS, results)
    classroom.keep(failed(ann, "work", "No engine could be had."))
    assert results.all() == [passed]
    other = failed(ann, "another notebook", "No engine could be had.")
    classroom.keep(other)
    assert results.all() == [other]


@pytest.mark.slow
def test_points_by_hand_hold_until_others_are_given(graded: Class) -> None:
    """They are given once, and are in the reports of every later run."""
    by_hand = graded.out.parent / "findings.csv"
    by_hand.write_text(
        f"student,assignment,grade_id,points,reason\nbob,{LESSON},status-of,2,Seen on paper.\n"
    )
    _grade(graded.submitted, graded.out, "--resume", f"--overrides={by_hand}")
    said = _grade(graded.submitted, graded.out, "--resume")
    assert "Seen on paper" in (graded.out / "feedback" / "bob.html").read_text(), said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--only=nobody",), "names no student, assignment or exercise"),
        (("--overrides=nowhere.csv",), "can't be read"),
        (("--only=ann", "--overrides=zoe.csv"), "zoe, who has not handed in"),
        (("--version=3.0",), "Docker 3.0 is not offered"),
    ],
)
def test_a_wrong_option_is_said_before_anything_is_graded(
    graded: Class,
    options: tuple[str, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is graded, and the message says what would be right."""
    before = (graded.out / "exercises.csv").read_bytes()
    zoe = f"student,assignment,grade_id,points,reason\nzoe,{LESSON},status-of,1,Wrong class.\n"
    (graded.out.parent / "zoe.csv").write_text(zoe)
    options = tuple(one.replace("zoe.csv", f"{graded.out.parent}/zoe.csv") for one in options)
    monkeypatch.setattr(sys, "argv", ["labkit", *_options(graded.submitted, graded.out, *options)])
    with pytest.raises(SystemExit, match=r"[12]"):
        app()
    said = capsys.readouterr().err
    assert words in said
    assert "What to do:" in said or "nowhere.csv" in said
    assert (graded.out / "exercises.csv").read_bytes() == before
