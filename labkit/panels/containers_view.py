"""The page of the containers panel: tools, a form, what to do with checked rows, the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets

from labkit.live.container import ContainerRow
from labkit.live.containers import SORTS
from labkit.panels.bulk import BulkBar
from labkit.panels.form import CreateForm, opener
from labkit.panels.frame import Frame, box, dot
from labkit.panels.inspection import InspectView
from labkit.panels.rows import Line, Press, Rows, cell, cells

__all__ = ["ContainersView", "Handlers", "line"]

_COLUMNS = ("Name", "Image", "State", "Status", "Ports")
_BUTTONS = {
    "start": ("Start", "play"),
    "stop": ("Stop", "stop"),
    "inspect": ("", "search"),
    "remove": ("", "trash"),
}
_BULK = {
    "start": ("Start", "play"),
    "stop": ("Stop", "stop"),
    "restart": ("Restart", "refresh"),
    "pause": ("Pause", "pause"),
    "unpause": ("Unpause", "forward"),
    "kill": ("Kill", "bolt"),
    "remove": ("Remove", "trash"),
}


@dataclass(frozen=True)
class Handlers:
    """Whom the page tells what a person did."""

    press: Press
    bulk: Callable[[str], object]
    create: Callable[[], object]
    redraw: Callable[[], object]


class ContainersView:
    """The widgets of the panel, in :attr:`frame`."""

    def __init__(self, handlers: Handlers, *, all: bool) -> None:  # noqa: A002 - as the API
        self.toggle = ipywidgets.ToggleButtons(
            options=[("All", True), ("Running only", False)], value=all,
            tooltips=["Show stopped containers too", "Show what docker ps shows"],
        )  # fmt: skip
        self.search = ipywidgets.Text(
            placeholder="Search", tooltip="Search name, id, image, state, status and ports"
        )
        self.sort = ipywidgets.Dropdown(
            description="Sort by", options=[(one.capitalize(), one) for one in SORTS]
        )
        self.descending = ipywidgets.ToggleButton(
            icon="sort-amount-desc", tooltip="The other way round"
        )
        for one in (self.toggle, self.search, self.sort, self.descending):
            one.observe(lambda _: handlers.redraw(), "value")
        self.form = CreateForm(handlers.create)
        self.opener = opener("New", "plus", self.form.widget, "Create a container")
        self.bulk = BulkBar(_BULK, handlers.bulk)
        self.rows = Rows(_COLUMNS, _BUTTONS, handlers.press, checked=self._checked)
        self.inspection = InspectView()
        self._states: dict[str, ContainerRow] = {}
        self._live = False
        sorting = box(ipywidgets.HBox([self.sort, box(self.descending, "lk-icon")]), "lk-sort")
        self.frame = Frame(
            "containers", "Containers",
            tools=[self.toggle, self.search, sorting, self.opener],
            body=[self.form.widget, self.bulk.widget, self.rows.widget],
            tail=[self.inspection.widget],
        )  # fmt: skip

    @property
    def choice(self) -> dict[str, Any]:
        """Which rows are to be shown, and in what order."""
        return {
            "all": self.toggle.value, "search": self.search.value,
            "sort": self.sort.value, "descending": self.descending.value,
        }  # fmt: skip

    def show(
        self, rows: Sequence[ContainerRow], every: Sequence[ContainerRow], *, live: bool
    ) -> None:
        """Show these rows of all there are; their buttons are off while the engine is away."""
        self._states = {row.id: row for row in every}
        self._live = live
        self.rows.show([line(row) for row in rows], self._states.keys(), live=live)
        self._checked()

    def offer_images(self, names: Sequence[str]) -> None:
        """Offer these images in the form."""
        if tuple(names) != self.form.image.options:
            self.form.image.options = tuple(names)

    def _checked(self) -> None:
        checked = self.rows.checked
        possible = frozenset[str]().union(*(self._states[one].actions for one in checked))
        self.bulk.show(len(checked), possible, live=self._live)


def line(row: ContainerRow) -> Line:
    """Write a container's row; its name and image are anybody's text."""
    written = cells(
        (
            cell(row.name, kind="lk-name", title=f"{row.name}, id {row.id[:12]}"),
            cell(row.image, kind="lk-image"),
            f"<span>{dot(row.state)}{cell(row.state)}</span>",
            cell(row.status, kind=_kind(row)),
            cell(", ".join(row.ports), kind="lk-ports"),
        )
    )
    return Line(row.id, row.name, written, row.actions | {"inspect"})


def _kind(row: ContainerRow) -> str:
    return {"healthy": "lk-healthy", "unhealthy": "lk-unhealthy"}.get(row.health, "lk-quiet")
