"""The live panel of an engine's events: what happens, as it happens."""

from __future__ import annotations

import re
from datetime import datetime
from html import escape
from typing import ClassVar

import ipywidgets

from labkit.endpoint import Endpoint
from labkit.live.journal import EventRow, Journal
from labkit.panels.frame import Frame
from labkit.panels.panel import Panel

__all__ = ["EventsPanel"]

_MOST_ROWS, _LONGEST = 150, 300
_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_HEADS = "".join(
    f'<th scope="col">{head}</th>' for head in ("Time", "Type", "Action", "Name", "Attributes")
)


class EventsPanel(Panel):
    """The events of an engine, live, the latest on top; search, and hold still to read.

    :param endpoint: where the engine listens.
    :param limit: how many events are kept.
    """

    text: ClassVar[str] = "EventsPanel: the events of this engine, live"

    def __init__(self, endpoint: Endpoint, *, limit: int = 500) -> None:
        self._journal = Journal(limit=limit)
        self._held: list[EventRow] | None = None
        self.search_field = ipywidgets.Text(
            placeholder="Search", tooltip="Search type, action, name and attributes"
        )
        self.search_field.observe(lambda _: self._paint(), "value")
        self.hold = ipywidgets.ToggleButton(
            description="Pause", icon="pause", tooltip="Hold the list still; events are kept"
        )
        self.hold.observe(lambda change: self._hold(on=bool(change["new"])), "value")
        self._table = ipywidgets.HTML()
        frame = Frame("events", "Events", tools=[self.search_field, self.hold], body=[self._table])
        super().__init__(frame, step=0.25)
        self._follow(endpoint, [self._journal])

    @property
    def rows(self) -> list[EventRow]:
        """The events that the panel shows, oldest first."""
        with self._lock:
            if self._held is None:
                return self._journal.rows(search=self.search)
            return [row for row in self._held if row.matches(self.search)]

    @property
    def search(self) -> str:
        """The words that the shown events have: of type, action, name, id or attributes."""
        return str(self.search_field.value)

    @search.setter
    def search(self, words: str) -> None:
        self.search_field.value = words

    @property
    def paused(self) -> bool:
        """Whether the list is held still."""
        return bool(self.hold.value)

    @paused.setter
    def paused(self, wanted: bool) -> None:
        self.hold.value = wanted

    def _hold(self, *, on: bool) -> None:
        with self._lock:
            self._held = self._journal.rows() if on else None
            self._paint()

    def _summary(self) -> str:
        every = self._journal.rows()
        count = f"{len(every)} event{'' if len(every) == 1 else 's'}"
        if self._held is None:
            return count
        last = self._held[-1].id if self._held else ""
        newer = sum(1 for row in every if not last or int(row.id) > int(last))
        return f"{count}, held: {newer} new"

    def _draw(self) -> None:
        rows = self.rows
        self._table.value = _table(rows) if rows else ""
        some = self._held or self._journal.rows()
        none = "No event has these words." if some else "Nothing has happened yet."
        self.frame.empty("" if rows or self._away else none)

    def _picture(self) -> str:
        return _table(self.rows)


def _table(rows: list[EventRow]) -> str:
    body = "".join(map(_row, reversed(rows[-_MOST_ROWS:])))
    rest = len(rows) - _MOST_ROWS
    more = f"<tr><td colspan=5>… and {rest} older ones; search to see them</td></tr>"
    return (
        f'<div class="lk-scroll" tabindex="0" role="region" aria-label="Events"><table><thead><tr>'
        f"{_HEADS}</tr></thead><tbody>{body}{more if rest > 0 else ''}</tbody></table></div>"
    )


def _row(row: EventRow) -> str:
    when = datetime.fromtimestamp(row.time).astimezone()
    clock = f"{when:%H:%M:%S}.{when.microsecond // 1000:03}"
    told = sorted(row.attributes.items(), key=lambda pair: "." in pair[0])  # labels come last
    more = ", ".join(f"{key}={_short(value)}" for key, value in told if key != "name")[:_LONGEST]
    return (
        f'<tr><td class="lk-time" title="{when:%c %Z}">{clock}</td>'
        f'<td class="lk-quiet">{escape(row.type)}</td><td>{escape(row.action[:_LONGEST])}</td>'
        f'<td class="lk-name lk-long" title="{escape(row.actor)}">'
        f"{escape(row.name[:_LONGEST])}</td>"
        f'<td class="lk-quiet lk-more" title="{escape(more)}">{escape(more)}</td></tr>'
    )


def _short(value: str) -> str:
    """Shorten a long id, as the docker command does."""
    return value.removeprefix("sha256:")[:12] if _ID.fullmatch(value) else value
