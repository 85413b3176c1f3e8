"""What a learner has passed: one small file an exercise, in the workspace."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

from labkit.course import lessons, workspace
from labkit.course.protocol import Verdict
from labkit.engine import places
from labkit.table import Table

BEGAN = "began.json"
"""The note of the moment when a lesson's first check was run."""


def folder() -> Path:
    """Where it is kept: in the workspace that this process runs in, else with the kit's own files.

    ``LABKIT_PROGRESS`` names another place.
    """
    if chosen := os.environ.get("LABKIT_PROGRESS"):
        return Path(chosen)
    inside = workspace.containing(Path.cwd())
    return (inside / workspace.HIDDEN if inside else places.home()) / "progress"


def record(notebook: str, verdict: Verdict) -> None:
    """Note down a pass, and when the lesson was begun; what was noted before stays as it is."""
    place = folder() / notebook
    _note(place / BEGAN)
    if verdict.passed:
        _note(place / f"{verdict.exercise}.json", points=verdict.points)


def _note(path: Path, **more: int) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps({**more, "passed": now}))
    partial.replace(path)


def table(notebook: str) -> Table:
    """The exercises of a notebook: name, points, and whether they were passed."""
    rows = [
        (name, exercise.points, "✓" if (folder() / notebook / f"{name}.json").exists() else "")
        for name, exercise in lessons.lesson(notebook).exercises.items()
    ]
    return Table(rows, columns=["exercise", "points", "passed"])
