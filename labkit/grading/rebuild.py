"""The notebook that is graded: the course's own, with the learner's answers pasted in.

Rebuilt, not trusted. Of what was handed in only sources are taken, and only these:

- The source of each answer's cell, found by its ``grade_id``, else by its cell id.
- Code cells of the learner's own, whole, where they stand, so that a helper function defined above
  an answer costs no points. Cells with shell commands or magics are left out.
- Of a lesson's cell that the learner has changed, what it imports and defines, after the original.

Metadata, tags, kernel and outputs are dropped. The lesson's cells and the checks are the course's
own whatever was handed in; a changed check is reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat import NotebookNode

from labkit.errors import SubmissionError

__all__ = ["Answer", "Place", "Rebuilt", "rebuild"]

_LARGEST = 200_000  # letters of one cell
_MOST_OWN = 60  # cells of the learner's own
_KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Place:
    """What a cell of the rebuilt notebook is.

    :param kind: ``lesson``, ``own``, ``answer`` or ``check``.
    :param name: the exercise's, or the cell's id.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class Answer:
    """What became of the answer to one exercise; ``notes`` are for whoever reads the report."""

    given: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rebuilt:
    """The notebook to run, cell by cell, and what was found of each answer.

    :param findings: what the learner wrote where a person gives the points, by its grade id.
    """

    cells: Sequence[tuple[Place, str]]
    answers: Mapping[str, Answer]
    findings: Mapping[str, str] = field(default_factory=dict)

    def without(self, places: set[Place]) -> Rebuilt:
        """The same with what stands in those places taken out."""
        cells = [(place, "" if place in places else source) for place, source in self.cells]
        return Rebuilt(cells, self.answers, self.findings)

    def only(self, exercises: set[str]) -> Rebuilt:
        """The same with the checks of those exercises alone."""
        cells = [
            (place, source if place.kind != "check" or place.name in exercises else "")
            for place, source in self.cells
        ]
        answers = {name: one for name, one in self.answers.items() if name in exercises}
        return Rebuilt(cells, answers, self.findings)

    def notebook(self) -> bytes:
        """The notebook's file: code cells alone, one for each place."""
        cells = [
            nbformat.v4.new_code_cell(source, id=f"cell-{number}")
            for number, (_, source) in enumerate(self.cells)
        ]
        text: str = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
        return text.encode()


class _Cell:
    """A cell of a notebook, whatever stranger wrote it."""

    def __init__(self, raw: Any) -> None:
        about = raw.get("metadata") if isinstance(raw, dict) else None
        graded = about.get("nbgrader") if isinstance(about, dict) else None
        graded = graded if isinstance(graded, dict) else {}
        source = raw.get("source", "") if isinstance(raw, dict) else ""
        self.id = str(raw.get("id", "")) if isinstance(raw, dict) else ""
        self.code = isinstance(raw, dict) and raw.get("cell_type") == "code"
        self.source = source if isinstance(source, str) else ""
        self.grade_id = str(graded.get("grade_id", ""))
        self.solution = bool(graded.get("solution"))
        self.check = self.grade_id.startswith("check-") and not self.solution

    @property
    def text(self) -> str:
        """The source without what editors change by themselves."""
        return "\n".join(line.rstrip() for line in self.source.strip().splitlines())


def rebuild(pristine: bytes, submitted: bytes) -> Rebuilt:
    """Paste a learner's answers into the course's own notebook.

    :param pristine: the release of the notebook.
    :param submitted: what was handed in.
    :raises SubmissionError: that is no notebook; says why.
    """
    ours, theirs = _cells(nbformat.reads(pristine.decode(), as_version=4)), _read(submitted)
    answers = {cell.grade_id: _answer(cell, theirs) for cell in ours if cell.solution}
    checks = {cell.grade_id.removeprefix("check-"): cell for cell in ours if cell.check}
    order = [cell.grade_id for cell in theirs if cell.grade_id in answers]
    found: dict[str, Answer] = {}
    findings: dict[str, str] = {}
    for cell in ours:
        if cell.solution and cell.code:
            notes = _notes(cell, checks[cell.grade_id], theirs, order)
            found[cell.grade_id] = Answer(answers[cell.grade_id] is not None, notes)
        elif cell.solution:
            written = answers[cell.grade_id]
            findings[cell.grade_id] = (
                written.source if written and written.text != cell.text else ""
            )
    return Rebuilt(list(_laid(ours, theirs, answers)), found, findings)


def _read(submitted: bytes) -> list[_Cell]:
    try:
        notebook = nbformat.reads(submitted.decode(), as_version=4)
        return _cells(notebook)
    except Exception as bad:  # whatever is wrong with a stranger's file
        raise SubmissionError(
            f"That is no notebook that can be read: {type(bad).__name__}: {bad!s:.200}",
            hint="Open it in JupyterLab, save it, and hand it in again.",
        ) from bad


def _cells(notebook: NotebookNode) -> list[_Cell]:
    return [_Cell(raw) for raw in notebook["cells"]]


def _answer(ours: _Cell, theirs: list[_Cell]) -> _Cell | None:
    """The learner's cell for an answer: the last one that says something else than the release."""
    same = [one for one in theirs if one.grade_id == ours.grade_id and one.code == ours.code]
    if not same:  # an editor that drops what it does not know has kept the cell's id
        same = [one for one in theirs if one.id == ours.id and one.code == ours.code]
    written = [one for one in same if one.text != ours.text]
    return next(reversed(written or same), None)


def _notes(ours: _Cell, check: _Cell, theirs: list[_Cell], order: list[str]) -> tuple[str, ...]:
    """What is worth telling of an answer's cells: missing, doubled, moved, or its check changed."""
    name, notes = ours.grade_id, []
    count = order.count(name)
    if not count and not any(one.id == ours.id for one in theirs):
        notes.append("The answer's cell is missing.")
    if count > 1:
        notes.append(f"The answer's cell is there {count} times; the last one that differs counts.")
    checks = [number for number, one in enumerate(theirs) if one.grade_id == check.grade_id]
    if any(theirs[number].text != check.text for number in checks):
        notes.append("The check's cell was changed; the course's own was used.")
    answer = next((number for number, one in enumerate(theirs) if one.grade_id == name), -1)
    if checks and answer > checks[0]:
        notes.append("The answer was moved; it was put back above its check.")
    return tuple(notes)


def _laid(
    ours: list[_Cell], theirs: list[_Cell], answers: Mapping[str, _Cell | None]
) -> Iterator[tuple[Place, str]]:
    """The cells to run: ours in their order, the learner's own where they stood among them."""
    own = _own(ours, theirs)
    changed = {one.id: one for one in theirs if one.code}
    for number, cell in enumerate(ours):
        for added in own.get(cell.id, []):
            yield Place("own", added.id or f"own-{number}"), added.source
        if not cell.code:
            continue
        if cell.solution:
            written = answers[cell.grade_id]
            yield Place("answer", cell.grade_id), written.source[:_LARGEST] if written else ""
        elif cell.check:
            yield Place("check", cell.grade_id.removeprefix("check-")), cell.source
        else:
            yield from _lesson(cell, changed.get(cell.id), first=number == _opening(ours))


def _lesson(ours: _Cell, theirs: _Cell | None, *, first: bool) -> Iterator[tuple[Place, str]]:
    """A cell of the lesson, and what the learner's version of it imports and defines.

    What ours defines comes first, alone: the rest may fail, for no engine can be started here.
    """
    defined = _definitions(ours.source)
    if defined and not first:
        yield Place("lesson", f"{ours.id}, names"), defined
    yield Place("lesson", ours.id), ours.source
    if theirs and theirs.text != ours.text:
        yield Place("own", ours.id), _definitions(theirs.source)


def _opening(ours: list[_Cell]) -> int:
    """Where the lesson's first cell of code is, which brings its engine."""
    return next(number for number, cell in enumerate(ours) if cell.code)


def _own(ours: list[_Cell], theirs: list[_Cell]) -> dict[str, list[_Cell]]:
    """The learner's own cells by the id of our cell that comes next.

    A copy of one of our cells, further down than the original, is no sign of where they stand.
    """
    ids = {cell.id for cell in ours}
    otherwise = {cell.grade_id or cell.text: cell.id for cell in ours}
    waiting: list[_Cell] = []
    found: dict[str, list[_Cell]] = {}
    for cell in theirs:
        anchor = cell.id if cell.id in ids else otherwise.get(cell.grade_id or cell.text, "")
        if anchor in found:
            continue
        if anchor:
            found[anchor] = waiting
            waiting = []
        elif cell.code and _is_python(cell.source):
            waiting.append(cell)
    count = 0
    for cells in found.values():
        del cells[max(0, _MOST_OWN - count) :]
        count += len(cells)
    return found


def _is_python(source: str) -> bool:
    if len(source) > _LARGEST:
        return False
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _definitions(source: str) -> str:
    """What a cell imports and defines."""
    if not _is_python(source):
        return ""
    kept = [one for one in ast.parse(source).body if isinstance(one, _KEPT)]
    return "\n".join(ast.unparse(one) for one in kept)
