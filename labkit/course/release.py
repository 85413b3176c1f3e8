"""The student's version of a notebook: solutions cleared, checks locked, outputs emptied.

nbgrader's own preprocessors do it, so that a release made here and one made by nbgrader agree.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions, LockCells

_BEGIN = "### BEGIN SOLUTION"
STUB = "# Your code here.\nraise NotImplementedError"


def student_version(notebook: Path) -> bytes:
    """The student's version of a notebook, the same bytes whenever the notebook is the same.

    One that is a student's version already stays as it is.
    """
    content = nbformat.read(notebook, as_version=4)
    resources: dict[str, object] = {}
    solved = any(_BEGIN in cell.source for cell in content.cells)
    steps = (
        LockCells(),
        *([ClearSolutions(code_stub={"python": STUB})] if solved else []),
        ClearHiddenTests(),
        ClearOutput(),
    )
    for step in steps:
        content, resources = step.preprocess(content, resources)
    for cell in content.cells:
        cell.metadata.pop("execution", None)
    text: str = nbformat.writes(content)
    return f"{text}\n".encode()
