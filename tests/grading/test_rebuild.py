"""The notebook that is graded is the course's own; of a learner's only sources are taken."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import nbformat
import pytest

from labkit.course.lessons import LESSONS
from labkit.errors import SubmissionError
from labkit.grading.rebuild import Place, Rebuilt, rebuild

LESSON = "01-list-containers"
Release = Callable[[str], bytes]
Submit = Callable[..., bytes]
JSON = dict[str, Any]


def _cell(notebook: JSON, name: str) -> JSON:
    cells: list[JSON] = notebook["cells"]
    return next(one for one in cells if one["id"] == name)


def _own(source: str, **metadata: Any) -> JSON:
    return {
        "cell_type": "code", "id": "mine", "source": source, "metadata": metadata,
        "outputs": [], "execution_count": None,
    }  # fmt: skip


def _source(rebuilt: Rebuilt, kind: str, name: str) -> str:
    return dict(rebuilt.cells)[Place(kind, name)]


def _index(rebuilt: Rebuilt, kind: str, name: str) -> int:
    return [place for place, _ in rebuilt.cells].index(Place(kind, name))


@pytest.mark.parametrize("assignment", LESSONS)
def test_a_solved_notebook_has_an_answer_for_each_exercise(
    assignment: str, release: Release, solved: Callable[[str], bytes]
) -> None:
    """Every lesson's own solutions are found, and each stands right above its check."""
    rebuilt = rebuild(release(assignment), solved(assignment))
    assert set(rebuilt.answers) == set(LESSONS[assignment].exercises)
    assert all(one.given and not one.notes for one in rebuilt.answers.values())
    for name in rebuilt.answers:
        assert "BEGIN SOLUTION" in _source(rebuilt, "answer", name)
        assert _index(rebuilt, "answer", name) < _index(rebuilt, "check", name)
    nbformat.validate(nbformat.reads(rebuilt.notebook().decode(), as_version=4))


def test_what_was_handed_in_beside_sources_is_dropped(release: Release, submit: Submit) -> None:
    """Tags, metadata, kernel, outputs and attachments change nothing of what is run."""

    def decorate(notebook: JSON) -> None:
        notebook["metadata"] = {"kernelspec": {"name": "bash", "display_name": "x"}, "x": 1}
        for cell in notebook["cells"]:
            cell["metadata"]["tags"] = ["skip-execution", "nbval-skip", "raises-exception"]
            if cell["cell_type"] == "code":
                cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "passed"}]

    plain, adorned = submit(LESSON), submit(LESSON, change=decorate)
    assert rebuild(release(LESSON), adorned) == rebuild(release(LESSON), plain)
    made = json.loads(rebuild(release(LESSON), adorned).notebook())
    assert made["metadata"] == {}
    assert all(not one["metadata"] and not one["outputs"] for one in made["cells"])


def test_checks_and_the_first_cell_are_always_the_courses_own(
    release: Release, submit: Submit
) -> None:
    """A changed check is run as it was, and said; so is the cell that brings the engine."""

    def tamper(notebook: JSON) -> None:
        _cell(notebook, "check-list-running")["source"] = "print('passed')"
        _cell(notebook, "start-lab")["source"] = "import pandas as pd\nlab = None"

    rebuilt = rebuild(release(LESSON), submit(LESSON, change=tamper))
    assert _source(rebuilt, "check", "list-running") == 'lab.check("list-running", list_running)'
    assert "labkit.lab(" in _source(rebuilt, "lesson", "start-lab")
    assert not any("lab = None" in source for _, source in rebuilt.cells)
    assert _source(rebuilt, "own", "start-lab") == "import pandas as pd"
    assert "was changed" in rebuilt.answers["list-running"].notes[0]
    assert rebuilt.answers["list-filtered"].notes == ()


def test_a_helper_above_an_answer_is_kept_where_it_stands(release: Release, submit: Submit) -> None:
    """A learner's own cell runs before the answer that may use it, without its tags."""

    def add(notebook: JSON) -> None:
        number = notebook["cells"].index(_cell(notebook, "solution-list-filtered"))
        notebook["cells"].insert(number, _own("def helper(): ...", tags=["skip-execution"]))

    rebuilt = rebuild(release(LESSON), submit(LESSON, change=add))
    assert _source(rebuilt, "own", "mine") == "def helper(): ..."
    above, own = _index(rebuilt, "check", "list-running"), _index(rebuilt, "own", "mine")
    assert above < own < _index(rebuilt, "answer", "list-filtered")


def test_a_copy_of_an_earlier_cell_moves_nothing(release: Release, submit: Submit) -> None:
    """A learner's cell stays where it is, also above a check that was pasted once more."""

    def add(notebook: JSON) -> None:
        cells = notebook["cells"]
        number = cells.index(_cell(notebook, "solution-list-filtered"))
        copy = {**_cell(notebook, "check-list-running"), "id": "pasted"}
        cells[number:number] = [_own("def helper(): ..."), copy]

    rebuilt = rebuild(release(LESSON), submit(LESSON, change=add))
    above, own = _index(rebuilt, "check", "list-running"), _index(rebuilt, "own", "mine")
    assert above < own < _index(rebuilt, "answer", "list-filtered")


@pytest.mark.parametrize("source", ["%%bash\nls", "!ls", "%reset -f", "this is no Python"])
def test_own_cells_that_are_not_python_are_left_out(
    release: Release, submit: Submit, source: str
) -> None:
    """Shell commands, magics and what can't be read are not run."""
    rebuilt = rebuild(
        release(LESSON), submit(LESSON, change=lambda one: one["cells"].insert(9, _own(source)))
    )
    assert rebuilt == rebuild(release(LESSON), release(LESSON))


def test_of_a_lessons_changed_cell_what_it_defines_is_kept(
    release: Release, submit: Submit
) -> None:
    """An added import counts; what else the cell does is the course's."""
    changed = [
        one["id"] for one in json.loads(release(LESSON))["cells"] if one["cell_type"] == "code"
    ][2]

    def edit(notebook: JSON) -> None:
        _cell(notebook, changed)["source"] = "import re\nwhile True: pass\ndef tool(): ..."

    rebuilt = rebuild(release(LESSON), submit(LESSON, change=edit))
    kept = _source(rebuilt, "own", changed)
    assert "import re" in kept
    assert "def tool" in kept
    assert "while" not in kept
    assert _index(rebuilt, "lesson", changed) + 1 == _index(rebuilt, "own", changed)


def test_a_missing_answer_is_missing_and_the_others_are_not(
    release: Release, submit: Submit
) -> None:
    """Without its cell an exercise has no answer; that is said of it alone."""

    def remove(notebook: JSON) -> None:
        notebook["cells"].remove(_cell(notebook, "solution-list-running"))

    rebuilt = rebuild(release(LESSON), submit(LESSON, change=remove))
    assert not rebuilt.answers["list-running"].given
    assert "missing" in rebuilt.answers["list-running"].notes[0]
    assert rebuilt.answers["list-filtered"].given
    assert _source(rebuilt, "answer", "list-running") == ""


def test_of_a_doubled_answer_the_one_that_was_written_counts(
    release: Release, submit: Submit
) -> None:
    """Whether the copy or the original was filled in, the filled one is run."""
    for written in (0, 1):

        def double(notebook: JSON, written: int = written) -> None:
            cell = _cell(notebook, "solution-list-running")
            number = notebook["cells"].index(cell)
            notebook["cells"].insert(number, copy.deepcopy(cell) | {"id": "copy"})
            notebook["cells"][number + written]["source"] = "def list_running(): return ['mine']"

        rebuilt = rebuild(release(LESSON), submit(LESSON, change=double))
        assert "mine" in _source(rebuilt, "answer", "list-running")
        assert "2 times" in rebuilt.answers["list-running"].notes[0]


def test_a_moved_answer_is_put_back(release: Release, submit: Submit) -> None:
    """An answer below its check is run above it, and that is said."""

    def move(notebook: JSON) -> None:
        cell = _cell(notebook, "solution-list-running")
        notebook["cells"].remove(cell)
        notebook["cells"].append(cell)

    rebuilt = rebuild(release(LESSON), submit(LESSON, change=move))
    assert _index(rebuilt, "answer", "list-running") < _index(rebuilt, "check", "list-running")
    assert "moved" in rebuilt.answers["list-running"].notes[0]


def test_an_editor_that_drops_nbgraders_metadata_costs_nothing(
    release: Release, submit: Submit
) -> None:
    """Where the metadata is gone, the cell's id tells which answer it is."""

    def strip(notebook: JSON) -> None:
        for cell in notebook["cells"]:
            cell["metadata"] = {}

    answers = {"list-running": "def list_running(): return 'mine'"}
    rebuilt = rebuild(release(LESSON), submit(LESSON, answers, change=strip))
    assert "mine" in _source(rebuilt, "answer", "list-running")
    assert rebuilt.answers["list-running"].notes == ()
    assert not [place for place, _ in rebuilt.cells if place.kind == "own"]


def test_what_was_written_for_a_person_is_kept(release: Release, submit: Submit) -> None:
    """The findings' text is not run, and is there for who grades it."""
    rebuilt = rebuild(release(LESSON), submit(LESSON, {"findings": "I found <b>it</b>."}))
    assert rebuilt.findings == {"findings": "I found <b>it</b>."}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"null", b"[]", b'{"cells": 3}', b'{"nbformat": 9, "cells": []}',
        b'{"cells": [null], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        b"[" * 100_000,
    ],
    ids=["empty", "no text", "null", "list", "no cells", "nbformat 9", "no cell", "deep"],
)  # fmt: skip
def test_what_is_no_notebook_is_refused_with_a_reason(release: Release, content: bytes) -> None:
    """Whatever was handed in, there is an error of ours, or a notebook without answers."""
    try:
        rebuilt = rebuild(release(LESSON), content)
    except SubmissionError as refused:
        assert "no notebook that can be read" in refused.message  # noqa: PT017 - either is right
    else:
        assert not any(one.given for one in rebuilt.answers.values())


def test_a_notebook_of_an_older_format_is_read(release: Release, submit: Submit) -> None:
    """Format 4.4 has no cell ids; answers are found by their metadata, and no lesson runs twice."""

    def age(notebook: JSON) -> None:
        notebook["nbformat_minor"] = 4
        for cell in notebook["cells"]:
            del cell["id"]

    answers = {"list-running": "def list_running(): return 'mine'"}
    rebuilt = rebuild(release(LESSON), submit(LESSON, answers, change=age))
    assert "mine" in _source(rebuilt, "answer", "list-running")
    assert not [place for place, _ in rebuilt.cells if place.kind == "own"]


def test_parts_can_be_taken_out_and_chosen(release: Release) -> None:
    """A second run leaves out what ended the first; a regrading has one exercise's check alone."""
    rebuilt = rebuild(release(LESSON), release(LESSON))
    place = Place("answer", "list-running")
    assert dict(rebuilt.without({place}).cells)[place] == ""
    only = rebuilt.only({"list-filtered"})
    checks = [place.name for place, source in only.cells if place.kind == "check" and source]
    assert checks == ["list-filtered"] == list(only.answers)
