"""Rows on the page: cells, buttons and perhaps a checkbox for each, updated in place.

A row that has not changed sends nothing, and all rows share their layouts: two hundred of them
are opened and sorted without a wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import ipywidgets

from labkit.panels.frame import box

__all__ = ["Line", "Look", "Press", "Rows", "cell", "cells"]

Press = Callable[[str, str], object]
"""Called with what to do (``start``, ``remove``) and the id of the row."""


@dataclass(frozen=True)
class Line:
    """What one row shows. ``cells`` is HTML, escaped; ``enabled`` are the buttons that are on."""

    id: str
    name: str
    cells: str
    enabled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Look:
    """What all rows share, so that a row costs seven widgets and not twenty."""

    layout: Any = field(default_factory=ipywidgets.Layout)
    html: Any = field(default_factory=ipywidgets.widgets.widget_string.HTMLStyle)
    button: Any = field(default_factory=ipywidgets.ButtonStyle)
    check: Any = field(default_factory=ipywidgets.widgets.widget_bool.CheckboxStyle)

    def close(self) -> None:
        """Give the shared widgets back."""
        for one in (self.layout, self.html, self.button, self.check):
            one.close()


class Rows:
    """A head and rows under it, in :attr:`widget`.

    :param columns: the words in the head.
    :param buttons: what each row can do: the word on the button, and its icon. A word that begins
        with a dot is not shown, only the icon is.
    :param press: is told which button of which row was pressed.
    :param checked: is told that a row was checked or unchecked; without it rows have no checkbox.
    """

    def __init__(
        self,
        columns: Sequence[str],
        buttons: Mapping[str, tuple[str, str]],
        press: Press,
        *,
        checked: Callable[[], object] | None = None,
    ) -> None:
        self._columns = columns
        self.buttons = buttons
        self.press = press
        self.told_checked = checked
        self.look = Look()
        self._views: dict[str, _Row] = {}
        self._shown: tuple[str, ...] = ()
        self._rows = box(ipywidgets.VBox([]), "lk-rows")
        head = ipywidgets.HTML(cells(f"<span>{escape(one)}</span>" for one in columns))
        parts = [self._all(), head] if checked else [head]
        self.widget = box(ipywidgets.VBox([box(ipywidgets.HBox(parts), "lk-head"), self._rows]))
        self.widget.add_class("lk-list")

    def show(self, lines: Sequence[Line], keep: Collection[str], *, live: bool) -> None:
        """Show these lines, in this order; forget what is not in ``keep``, the ids of all."""
        for gone in [one for one in self._views if one not in keep]:
            self._views.pop(gone).close()
        for line in lines:
            self._show(line, live=live)
        shown = tuple(line.id for line in lines)
        widgets = tuple(self._views[one].widget for one in shown)
        if widgets != self._rows.children:
            self._rows.children = widgets
        self._shown = shown

    def button(self, row: str, action: str) -> Any:
        """Return a button of a row that is shown."""
        return self._views[row].buttons[action]

    @property
    def checked(self) -> list[str]:
        """The ids of the rows that are checked and shown, in their order."""
        return [one for one in self._shown if self._views[one].checked]

    def check(self, rows: Collection[str], *, on: bool = True) -> None:
        """Check rows that are shown, or uncheck them."""
        for one in self._shown:
            if one in rows:
                self._views[one].checked = on

    def close(self) -> None:
        """Close all rows, also those that are not shown now."""
        for view in self._views.values():
            view.close()
        self._views.clear()
        self.look.close()

    @staticmethod
    def picture(lines: Iterable[Line]) -> str:
        """Return lines as HTML without buttons."""
        return "".join(f'<div class="lk-row">{line.cells}</div>' for line in lines)

    def _show(self, line: Line, *, live: bool) -> None:
        if known := self._views.get(line.id):
            known.show(line, live=live)
        else:
            self._views[line.id] = _Row(self, line, live=live)

    def _all(self) -> Any:
        check = _checkbox("Check all rows that are shown", self.look)
        check.observe(lambda change: self.check(self._shown, on=bool(change["new"])), "value")
        return check


class _Row:
    """The widgets of one row; :meth:`show` changes what has changed, and nothing else.

    They are made as they are first shown: each change afterwards would be one more message, and
    JupyterLab takes a thousand a second.
    """

    def __init__(self, rows: Rows, line: Line, *, live: bool) -> None:
        self._press = rows.press
        self._shown = (line, live)
        self._cells = ipywidgets.HTML(line.cells, layout=rows.look.layout, style=rows.look.html)
        self._check = None
        if told := rows.told_checked:
            self._check = _checkbox(f"Check {line.name}", rows.look)
            self._check.observe(lambda _: told(), "value")
        self.buttons = {
            name: self._button(name, *one, rows.look) for name, one in rows.buttons.items()
        }
        self._parts = [*filter(None, [self._check]), self._cells, *self.buttons.values()]
        layout = rows.look.layout
        self.widget = ipywidgets.HBox(self._parts, layout=layout, _dom_classes=("lk-row",))

    @property
    def checked(self) -> bool:
        """Whether the row is checked."""
        return bool(self._check and self._check.value)

    @checked.setter
    def checked(self, wanted: bool) -> None:
        if self._check:
            self._check.value = wanted

    def show(self, line: Line, *, live: bool) -> None:
        """Show the line; its buttons are off while the engine is away."""
        if self._shown == (line, live):
            return
        self._shown = (line, live)
        self._cells.value = line.cells
        if self._check:
            self._check.description = f"Check {line.name}"
        for name, button in self.buttons.items():
            button.disabled, button.tooltip = self._possible(name)

    def close(self) -> None:
        """Take the row off the page, and its widgets out of the kernel."""
        for one in (self.widget, *self._parts):
            one.close()

    def _button(self, name: str, word: str, icon: str, look: Look) -> Any:
        disabled, tooltip = self._possible(name)
        button = ipywidgets.Button(
            description=word, icon=icon, disabled=disabled, tooltip=tooltip,
            layout=look.layout, style=look.button, _dom_classes=() if word else ("lk-icon",),
        )  # fmt: skip
        button.on_click(lambda _: self._press(name, self._shown[0].id))
        return button

    def _possible(self, name: str) -> tuple[bool, str]:
        """Return whether a button is off, and what it would do."""
        line, live = self._shown
        return not (live and name in line.enabled), f"{name.capitalize()} {line.name}"


def cell(text: str, *, kind: str = "", title: str = "") -> str:
    """Write one cell as HTML; the text is anybody's, and is seen whole by pointing at it."""
    seen = f' title="{escape(title or text)}"' if title or text else ""
    return f'<span class="{kind}"{seen}>{escape(text)}</span>'


def cells(several: Iterable[str]) -> str:
    """Write a row's cells, or its head's."""
    return f'<div class="lk-cells">{"".join(several)}</div>'


def _checkbox(description: str, look: Look) -> Any:
    return ipywidgets.Checkbox(
        description=description, indent=False, layout=look.layout, style=look.check,
        _dom_classes=("lk-check",),
    )  # fmt: skip
