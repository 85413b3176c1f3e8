"""The learner's own copies of the notebooks, solutions taken out. Never overwritten.

A notebook that the learner has not touched follows the course. One that they have touched stays as
it is; when the course has changed, the new one is put beside it and named.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import CourseError

HIDDEN = ".labkit"
Release = Callable[[Path], bytes]


@dataclass(frozen=True)
class Laid:
    """What became of a notebook: ``new``, ``updated``, ``beside`` (under ``path``) or ``kept``."""

    notebook: str
    what: str
    path: Path


def containing(folder: Path) -> Path | None:
    """The workspace that a folder lies in, if any."""
    for candidate in (folder, *folder.parents):
        if (candidate / HIDDEN / "released.json").exists():
            return candidate
    return None


def lay_out(course: Path, workspace: Path, *, release: Release) -> list[Laid]:
    """Make the learner's copies, or bring them up to date without touching the learner's work.

    :param course: the folder of the course's own notebooks.
    :param release: makes the student's version of a notebook; called only for what has changed.
    :raises CourseError: there are none, or the workspace can't be written.
    """
    notebooks = sorted(course.glob("*.ipynb"))
    if not notebooks:
        raise CourseError(
            f"There are no notebooks in {course}.", hint="Run this in the course's own folder."
        )
    ledger = workspace / HIDDEN / "released.json"
    try:
        ledger.parent.mkdir(parents=True, exist_ok=True)
        known: dict[str, dict[str, str]] = json.loads(ledger.read_text()) if ledger.exists() else {}
        laid = [
            _lay(path, workspace, known.setdefault(path.name, {}), release) for path in notebooks
        ]
        _replace(ledger, json.dumps(known, indent=1).encode())
    except OSError as failed:
        raise CourseError(
            f"The workspace {workspace} could not be written: {failed}",
            hint="Free some disk, or mend the folder's permissions. Your notebooks are unharmed.",
        ) from failed
    return laid


def _lay(source: Path, workspace: Path, known: dict[str, str], release: Release) -> Laid:
    mine, name = workspace / source.name, source.stem
    original = hashlib.sha256(source.read_bytes()).hexdigest()
    if known.get("source") == original and mine.exists():
        return Laid(name, "kept", mine)
    released = release(source)
    if not mine.exists():
        _replace(mine, released)
        laid = Laid(name, "new", mine)
    elif _digest(mine.read_bytes()) in (known.get("released"), _digest(released)):
        _replace(mine, released)
        laid = Laid(name, "updated", mine)
    else:
        beside = workspace / f"{name}.new-{_digest(released)[:6]}.ipynb"
        if not beside.exists():
            _replace(beside, released)
        laid = Laid(name, "beside", beside)
    known.update(source=original, released=_digest(released))
    return laid


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _digest(content: bytes) -> str:
    """A mark of what a notebook holds, whatever JupyterLab notes about the kernel when it saves."""
    try:
        cells = [
            (cell["cell_type"], "".join(cell["source"]), cell.get("outputs"))
            for cell in json.loads(content)["cells"]
        ]
    except (ValueError, KeyError, TypeError):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()
