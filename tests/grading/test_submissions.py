"""What a class has handed in is found, however it was laid, and nothing else is."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit.errors import SubmissionError
from labkit.grading.results import mark
from labkit.grading.submissions import Handed, collect

LESSON = "01-list-containers"
Release = Callable[[str], bytes]
LAYOUTS = {
    "nbgrader's": f"ann/{LESSON}/{LESSON}.ipynb",
    "nbgrader's, renamed": f"ann/{LESSON}/mine.ipynb",
    "a folder a student": f"ann/{LESSON}.ipynb",
    "downloaded twice": f"ann/{LESSON} (1).ipynb",
    "flat": "ann.ipynb",
    "Moodle's": f"ann_10203_assignsubmission_file_/{LESSON}.ipynb",
    "Canvas's": f"ann_1234_567_{LESSON}.ipynb",
    "Canvas's, late": f"ann_late_1234_567_{LESSON}-2.ipynb",
    "one more folder around": f"export/ann/{LESSON}.ipynb",
    "nbgrader's, with its folder": f"submitted/ann/{LESSON}/{LESSON}.ipynb",
    "the learner's whole workspace": f"ann/workspace/{LESSON}.ipynb",
    "Moodle's, with a folder within": f"ann_12_assignsubmission_file_/bob/{LESSON}.ipynb",
}


def _found(handed: Handed) -> list[tuple[str, str]]:
    return [(one.student, one.assignment) for one in handed.submissions]


def _zip(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


@pytest.mark.parametrize("path", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_each_way_to_lay_submissions_is_read(
    tmp_path: Path, release: Release, path: str, *, packed: bool
) -> None:
    """As nbgrader or an LMS lays them, in a folder or a zip, student and lesson are known."""
    content = release(LESSON)
    if packed:
        source = _zip(tmp_path / "all.zip", **{path: content, "ann/notes.txt": b"?"})
    else:
        source = tmp_path
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(content)
    handed = collect(source)
    assert _found(handed) == [("ann", LESSON)]
    assert handed.submissions[0].content == content
    assert handed.unread == []


def test_when_it_was_handed_in_is_what_nbgrader_noted(tmp_path: Path, release: Release) -> None:
    """The timestamp.txt beside a notebook is its time."""
    path = tmp_path / "ann" / LESSON
    path.mkdir(parents=True)
    (path / "x.ipynb").write_bytes(release(LESSON))
    (path / "timestamp.txt").write_text("2026-11-25 16:00:00 UTC\n")
    assert collect(tmp_path).submissions[0].timestamp == "2026-11-25 16:00:00 UTC"


def test_a_notebook_of_no_lesson_is_told_and_not_graded(tmp_path: Path) -> None:
    """What is no notebook of the course is named with the reason; the others are found."""
    (tmp_path / "ann.ipynb").write_text(json.dumps({"cells": [{"metadata": 3}, 4]}))
    (tmp_path / "bob.ipynb").write_bytes(b"\xff not JSON")
    handed = collect(tmp_path)
    assert handed.submissions == []
    assert [one.why for one in handed.unread] == ["it is no notebook of this course"] * 2


def test_a_second_notebook_of_the_same_lesson_is_told(tmp_path: Path, release: Release) -> None:
    """One counts; that there is another is said."""
    for name in ("a", "b"):
        path = tmp_path / "ann" / LESSON / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(release(LESSON))
    handed = collect(tmp_path)
    assert _found(handed) == [("ann", LESSON)]
    assert "twice" in handed.unread[0].why


def _lay(folder: Path, content: bytes, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("paths", "students"),
    [
        ((f"ann/workspace/{LESSON}.ipynb", f"bob/workspace/{LESSON}.ipynb"), ["ann", "bob"]),
        ((f"in/x/ann/{LESSON}.ipynb", f"in/x/bob/{LESSON}/{LESSON}.ipynb"), ["ann", "bob"]),
        ((f"ann/bob/{LESSON}.ipynb", f"bob/{LESSON}.ipynb"), ["ann", "bob"]),
        (
            (
                f"Ann Lee_12_assignsubmission_file_/{LESSON}.ipynb",
                f"Ann Lee_34_assignsubmission_file_/{LESSON}.ipynb",
                f"Bob_56_assignsubmission_file_/{LESSON}.ipynb",
            ),
            ["Ann Lee (12)", "Ann Lee (34)", "Bob"],
        ),
    ],
    ids=["a workspace each", "folders around all", "a stranger's name within", "namesakes"],
)
def test_everybody_gets_their_own(
    tmp_path: Path, release: Release, paths: tuple[str, ...], students: list[str]
) -> None:
    """The outermost folder that does not go around all of it names the student."""
    handed = collect(_lay(tmp_path, release(LESSON), *paths))
    assert _found(handed) == [(student, LESSON) for student in students]
    assert handed.unread == []


def test_what_editors_and_systems_save_by_themselves_is_nobodys_work(
    tmp_path: Path, release: Release
) -> None:
    """A checkpoint of Jupyter's is older than the notebook, and comes before it by name."""
    own = f"ann/{LESSON}/{LESSON}.ipynb"
    others = (
        f"ann/{LESSON}/.ipynb_checkpoints/{LESSON}-checkpoint.ipynb",
        f"ann/.ipynb_checkpoints/{LESSON}-checkpoint.ipynb",
        f"__MACOSX/ann/._{LESSON}.ipynb",
    )
    handed = collect(_lay(_lay(tmp_path, b"{}", *others), release(LESSON), own))
    assert [one.content for one in handed.submissions] == [release(LESSON)]
    assert handed.unread == []


def test_a_name_that_is_no_text_and_damaged_data_stop_nobody(
    tmp_path: Path, release: Release
) -> None:
    """The name is mended, and of a file that can't be unpacked the reason is told."""
    folder = tmp_path / "in"
    odd = os.fsencode(folder) + b"/Andr\xe9"
    os.makedirs(odd)  # noqa: PTH103 - a Path is text
    with open(odd + f"/{LESSON}.ipynb".encode(), "wb") as file:  # noqa: PTH123 - likewise
        file.write(release(LESSON))
    [one] = collect(folder).submissions
    assert one.student == "Andr\N{REPLACEMENT CHARACTER}"
    assert mark(one.student)
    packed = _zip(tmp_path / "all.zip", **{f"ann/{LESSON}.ipynb": release(LESSON)})
    content = bytearray(packed.read_bytes())
    content[200:260] = bytes(60)
    packed.write_bytes(content)
    [bad] = collect(packed).unread
    assert "can't be unpacked" in bad.why


def test_links_are_not_followed(tmp_path: Path, release: Release) -> None:
    """A link in a folder or a zip is named, and what it points to is not read."""
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(release(LESSON))
    handed_in = tmp_path / "submitted"
    handed_in.mkdir()
    (handed_in / "ann.ipynb").symlink_to(secret)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        link = zipfile.ZipInfo("ann.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, str(secret))
    for source in (handed_in, tmp_path / "all.zip"):
        handed = collect(source)
        assert handed.submissions == []
        assert "link" in handed.unread[0].why


@pytest.mark.parametrize("path", ["../ann.ipynb", "/ann.ipynb", "a/../../ann.ipynb", "..\\a.ipynb"])
def test_paths_that_lead_out_of_a_zip_are_refused(
    tmp_path: Path, release: Release, path: str
) -> None:
    """Nothing is unpacked anywhere, and such an entry is not even read."""
    handed = collect(_zip(tmp_path / "all.zip", **{path: release(LESSON)}))
    assert handed.submissions == []
    assert "leads out" in handed.unread[0].why


def test_bombs_and_giants_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """A notebook that is far too large, or packed far too densely, costs no memory."""
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "ann.ipynb").open("wb") as giant:
        giant.truncate(200 * 2**20)
    bomb = _zip(tmp_path / "all.zip", **{"ann.ipynb": bytes(50 * 2**20)})
    assert "200 MB" in collect(tmp_path / "in").unread[0].why
    assert "densely" in collect(bomb).unread[0].why


def test_nothing_handed_in_is_an_error_that_says_what_is_wanted(tmp_path: Path) -> None:
    """An empty folder, a missing one, and a file that is no zip are each said as what they are."""
    (tmp_path / "no.zip").write_text("no zip")
    for source, words in (
        (tmp_path / "nowhere", "is not there"),
        (tmp_path / "no.zip", "can't be read as a zip"),
    ):
        with pytest.raises(SubmissionError, match=words):
            collect(source)
    (tmp_path / "no.zip").unlink()
    with pytest.raises(SubmissionError, match="no notebooks") as refused:
        collect(tmp_path)
    assert "STUDENT/ASSIGNMENT" in refused.value.hint
