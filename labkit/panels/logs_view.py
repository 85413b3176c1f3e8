"""Lines of a log on the page, in blocks: only what has changed is sent."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import Any

import humanize
import ipywidgets

from labkit.live.logs import LogLine, text
from labkit.panels.frame import box
from labkit.panels.rows import Look

__all__ = ["LogView", "lines_html", "save_link"]

_BLOCK = 100
_SHOWN = 500
_LONGEST = 1000
# ECMA-48: colours and movements of the cursor. A page has its own.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

_KINDS = {"stderr": ' class="lk-stderr" title="stderr"', "stdin": ' class="lk-stdin"'}

Numbered = tuple[int, LogLine]
"""A line, and its number since the log was opened."""


class LogView:
    """The last lines of a log; its end is in view until somebody scrolls up."""

    def __init__(self) -> None:
        self._look = Look()
        self._blocks: dict[int, Any] = {}
        self._inside = ipywidgets.VBox([])
        self.widget = box(ipywidgets.VBox([self._inside], tabbable=True), "lk-log")

    def show(self, lines: Sequence[Numbered], *, search: str, timestamps: bool) -> None:
        """Show the last of these lines, the words that were searched for marked."""
        blocks = dict(_blocks(lines, search, timestamps=timestamps))
        for gone in self._blocks.keys() - blocks.keys():
            self._blocks.pop(gone).close()
        for number, html in blocks.items():
            if number not in self._blocks:
                self._blocks[number] = ipywidgets.HTML(
                    layout=self._look.layout, style=self._look.html
                )
            self._blocks[number].value = html
        shown = tuple(self._blocks[number] for number in sorted(self._blocks))
        if shown != self._inside.children:
            self._inside.children = shown

    def close(self) -> None:
        """Close what all blocks share."""
        self._look.close()


def _blocks(
    lines: Sequence[Numbered], search: str, *, timestamps: bool
) -> Iterable[tuple[int, str]]:
    """Write the last lines, a block for each hundred numbers: an old block never changes."""
    first = lines[-_SHOWN:][0][0] // _BLOCK if lines else 0
    for number, block in groupby(lines, lambda one: one[0] // _BLOCK):
        if number >= first:
            shown = lines_html((line for _, line in block), search, timestamps=timestamps)
            yield number, shown


def lines_html(lines: Iterable[LogLine], search: str = "", *, timestamps: bool = False) -> str:
    """Write lines as HTML; what a container writes is anybody's text."""
    pattern = _pattern(search)
    body = "".join(_line(line, pattern, timestamps=timestamps) for line in lines)
    return f'<div class="lk-lines">{body}</div>'


def _line(line: LogLine, pattern: re.Pattern[str] | None, *, timestamps: bool) -> str:
    plain = _NO_TEXT.sub("·", _ESCAPES.sub("", line.text))
    shown = plain if len(plain) <= _LONGEST else plain[:_LONGEST] + "…"
    when = f'<span class="lk-time">{escape(line.time[:23])}</span> ' if timestamps else ""
    return f"<span{_KINDS.get(line.stream, '')}>{when}{_marked(shown, pattern)}</span>"


def _pattern(search: str) -> re.Pattern[str] | None:
    words = sorted(search.split(), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)), re.IGNORECASE) if words else None


def _marked(shown: str, pattern: re.Pattern[str] | None) -> str:
    """Mark what was searched for; pieces are escaped one by one, so that no mark splits &lt;."""
    if not pattern:
        return escape(shown)
    pieces, end = [], 0
    for found in pattern.finditer(shown):
        pieces += [escape(shown[end : found.start()]), f"<mark>{escape(found.group())}</mark>"]
        end = found.end()
    return "".join([*pieces, escape(shown[end:])])


def save_link(name: str, lines: Sequence[LogLine], *, timestamps: bool) -> str:
    """Write a link that saves these lines as a file; it has them in itself."""
    data = text(lines, timestamps=timestamps).encode()
    file = re.sub(r"[^\w.-]", "_", name) + ".log"
    size = humanize.naturalsize(len(data))
    count = f"{len(lines)} line{'' if len(lines) == 1 else 's'}"
    return (
        f'<a download="{escape(file)}" href="data:text/plain;charset=utf-8;base64,'
        f'{b64encode(data).decode()}">Save {escape(file)}</a> '
        f'<span class="lk-quiet">{count}, {size}</span>'
    )
