"""A DataFrame that keeps numbers and times as they are, and shows them in words.

``table["size"] > 1_000_000`` and ``table.sort_values("created")`` work on bytes and on UTC times;
what is shown is "4.2 MB" and "3 minutes ago". What comes from a container is text and no more:
HTML is escaped, and control characters do not reach the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from math import isnan
from typing import Any, NamedTuple

import humanize
import numpy as np
import pandas as pd

__all__ = ["Table"]

_BYTES = {"size", "sent", "received"}
_ROWS = 60
_WIDTH = 200  # No id is cut, nor a path with two of them, as that of a container's log has.
_MISSING = "—"
_STYLE = "<style>.labkit th, .labkit td {text-align: left !important; white-space: nowrap}</style>"


class Table(pd.DataFrame):
    """A DataFrame whose sizes and times are shown in words, and whose dtypes sort.

    Columns called ``size``, ``sent`` or ``received`` are bytes. Filtering, sorting and selecting
    columns give a Table again.
    """

    @property
    def _constructor(self) -> type[Table]:
        return Table

    def search(self, text: str) -> Table:
        """Return the rows that have the text in any column, in whatever case."""
        wanted, found = text.casefold(), np.zeros(len(self), dtype=bool)
        for _, column in self.items():  # noqa: PERF102  # a DataFrame's values are an array
            cells = ("" if _is_missing(cell) else str(cell).casefold() for cell in column)
            found |= np.fromiter((wanted in cell for cell in cells), dtype=bool)
        return self.loc[found]

    def to_words(self) -> str:
        """Return the table as text, a line a row, its sizes and times in words."""
        if self.empty:
            return f"No rows; the columns are {', '.join(map(str, self.columns))}."
        columns = [_aligned(column) for column in self._in_words()]
        lines = [line.rstrip() for line in map("  ".join, zip(*columns, strict=True))]
        return "\n".join([*lines, *self._rest()])

    def to_words_html(self) -> str:
        """Return the table as HTML, all that it holds escaped, its sizes and times in words."""
        columns = self._in_words()
        shown = pd.DataFrame({number: one.cells for number, one in enumerate(columns)}, dtype="str")
        shown.columns = pd.Index([one.name for one in columns])
        options = ("display.max_colwidth", None, "display.html.use_mathjax", False)
        with pd.option_context(*options):
            html = shown.to_html(index=False, border=0, classes="labkit", escape=True)
        return "\n".join([_STYLE, html, *(f"<p>{line}</p>" for line in self._rest())])

    def __repr__(self) -> str:
        return self.to_words()

    def _repr_html_(self) -> str:
        return self.to_words_html()

    def _rest(self) -> list[str]:
        return [f"… and {len(self) - _ROWS} more rows"] if len(self) > _ROWS else []

    def _in_words(self) -> list[_Column]:
        """Return what is shown, column by column; of the index, only one with a meaning."""
        first = pd.DataFrame(self.head(_ROWS))
        columns = list(first.items())
        if first.index.names != [None] or not pd.api.types.is_integer_dtype(first.index.dtype):
            columns = [*_index_columns(first.index), *columns]
        return [_column(str(name), column) for name, column in columns]


class _Column(NamedTuple):
    """A column as it is shown."""

    name: str
    cells: list[str]
    right: bool


def _column(name: str, column: pd.Series[Any]) -> _Column:
    number = pd.api.types.is_numeric_dtype(column.dtype)
    word = _word(name, column, number=number)
    cells = [_MISSING if _is_missing(cell) else _clean(word(cell)) for cell in column]
    return _Column(_clean(name), cells, number)


def _word(name: str, column: pd.Series[Any], *, number: bool) -> Callable[[Any], str]:
    """Return what writes a cell of the column in words."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        now = datetime.now(UTC)
        return lambda cell: humanize.naturaltime(cell.to_pydatetime(), when=now)
    if number and name in _BYTES:
        return humanize.naturalsize
    return str


def _index_columns(index: pd.Index[Any]) -> list[tuple[Hashable, pd.Series[Any]]]:
    names = ["" if name is None else name for name in index.names]
    return [(name, index.get_level_values(level).to_series()) for level, name in enumerate(names)]


def _is_missing(cell: object) -> bool:
    return (
        cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and isnan(cell))
    )


def _clean(text: str) -> str:
    text = "".join(letter if letter.isprintable() else "·" for letter in text)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _aligned(column: _Column) -> list[str]:
    cells = [column.name, *column.cells]
    width = max(map(len, cells))
    return [cell.rjust(width) if column.right else cell.ljust(width) for cell in cells]
