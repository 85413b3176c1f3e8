"""Submissions for tests: the course's notebooks, as a learner may have left them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from labkit.course.release import student_version

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

Release = Callable[[str], bytes]
Submit = Callable[..., bytes]


@pytest.fixture(scope="session")
def release() -> Release:
    """The release of a lesson's notebook."""
    made: dict[str, bytes] = {}

    def of(assignment: str) -> bytes:
        if assignment not in made:
            made[assignment] = student_version(NOTEBOOKS / f"{assignment}.ipynb")
        return made[assignment]

    return of


@pytest.fixture(scope="session")
def submit(release: Release) -> Submit:
    """A released notebook with these sources in the answers' cells, and changed as is wanted."""

    def submission(
        assignment: str,
        answers: Mapping[str, str] | None = None,
        change: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> bytes:
        notebook = json.loads(release(assignment))
        for cell in notebook["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if name in (answers or {}):
                cell["source"] = (answers or {})[name]
        change(notebook)
        return json.dumps(notebook).encode()

    return submission


@pytest.fixture(scope="session")
def solved() -> Callable[[str], bytes]:
    """The course's own notebook, solved."""
    return lambda assignment: (NOTEBOOKS / f"{assignment}.ipynb").read_bytes()
