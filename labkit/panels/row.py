"""One container's row on the page: its cells and its four buttons, updated in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

import ipywidgets

from labkit.live.container import ContainerRow

__all__ = ["COLUMNS", "Press", "RowLook", "RowView", "cells"]

Press = Callable[[str, str], None]
"""Called with what to do (``start``, ``stop``, ``remove``, ``inspect``) and a container's id."""

COLUMNS = ("Name", "Image", "State", "Status")
_BUTTONS = {"start": "play", "stop": "stop", "remove": "trash", "inspect": "search"}


@dataclass(frozen=True)
class RowLook:
    """What all rows share, so that a row costs six widgets and not fifteen."""

    layout: Any = field(default_factory=ipywidgets.Layout)
    html: Any = field(default_factory=ipywidgets.widgets.widget_string.HTMLStyle)
    button: Any = field(default_factory=ipywidgets.ButtonStyle)

    def close(self) -> None:
        """Give the shared widgets back."""
        for one in (self.layout, self.html, self.button):
            one.close()


class RowView:
    """The widgets of one row; :meth:`show` changes what has changed, and nothing else."""

    def __init__(self, look: RowLook, press: Press) -> None:
        self._look = look
        self._press = press
        self._shown: tuple[ContainerRow, bool] | None = None
        self._cells = ipywidgets.HTML(layout=look.layout, style=look.html)
        self.buttons = {action: self._button(action) for action in _BUTTONS}
        self._bar = ipywidgets.HBox(list(self.buttons.values()), layout=look.layout)
        self._bar.add_class("lk-buttons")
        self.widget = ipywidgets.HBox([self._cells, self._bar], layout=look.layout)
        self.widget.add_class("lk-row")

    def show(self, row: ContainerRow, *, live: bool) -> None:
        """Show the container as it is; its buttons are off while the engine is away."""
        if self._shown == (row, live):
            return
        self._shown = (row, live)
        self._cells.value = cells(row)
        possible = row.actions | {"inspect"}
        for action, button in self.buttons.items():
            button.disabled = not (live and action in possible)
            button.tooltip = f"{action.capitalize()} {row.name}"

    def close(self) -> None:
        """Take the row off the page, and its widgets out of the kernel."""
        for one in (self.widget, self._bar, self._cells, *self.buttons.values()):
            one.close()

    def _button(self, action: str) -> Any:
        button = ipywidgets.Button(
            description=action.capitalize(), icon=_BUTTONS[action],
            layout=self._look.layout, style=self._look.button,
        )  # fmt: skip
        button.on_click(lambda _: self._pressed(action))
        return button

    def _pressed(self, action: str) -> None:
        if self._shown:
            self._press(action, self._shown[0].id)


def cells(row: ContainerRow) -> str:
    """Write a row's cells as HTML; a container's name and image are anybody's text."""
    name, image, state, status = map(escape, (row.name, row.image, row.state, row.status))
    return (
        f'<div class="lk-cells"><span class="lk-name" title="{name}, id {escape(row.id[:12])}">'
        f'{name}</span><span title="{image}">{image}</span>'
        f'<span><span class="lk-dot" data-state="{state}"></span>{state}</span>'
        f'<span class="lk-quiet" title="{status}">{status}</span></div>'
    )
