"""All that an inspect found, as a table to search in."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets

from labkit import tables
from labkit.panels.frame import box, see

__all__ = ["InspectView"]


class InspectView:
    """A table of keys and values with a search field; not to be seen until it has something."""

    def __init__(self) -> None:
        self._table = tables.inspect({})
        self._name = ""
        self._title = ipywidgets.HTML()
        self.search = ipywidgets.Text(
            placeholder="Search keys and values",
            tooltip="Search the keys and the values of this inspect",
            continuous_update=True,
        )
        self.search.observe(lambda _: self._show(), "value")
        self._hide = ipywidgets.Button(
            description="Close", icon="times", tooltip="Close the inspect table"
        )
        self._hide.on_click(lambda _: self.hide())
        self._found = ipywidgets.HTML()
        tools = box(ipywidgets.HBox([self._title, self.search, self._hide]), "lk-tools")
        self.widget = box(ipywidgets.VBox([tools, self._found]), "lk-inspect")
        self.hide()

    def show(self, name: str, attrs: Mapping[str, Any]) -> None:
        """Show what the engine answered about something of that name."""
        self._table = tables.inspect(attrs)
        self._name = name
        self._show()
        see(self.widget, on=True)

    def hide(self) -> None:
        """Take the table off the page and forget it."""
        see(self.widget, on=False)
        self._table = tables.inspect({})
        self._found.value = ""

    def _show(self) -> None:
        found = self._table.search(self.search.value)
        self._title.value = (
            f'<span class="lk-title">Inspect {escape(self._name)}</span><span class="lk-quiet">'
            f"{len(found)} of {len(self._table)} values</span>"
        )
        pairs = zip(found["key"], found["value"], strict=True)
        rows = "".join(
            f'<tr><th scope="row">{escape(str(key))}</th><td>{escape(str(value))}</td></tr>'
            for key, value in pairs
        )
        self._found.value = (
            '<div class="lk-found" tabindex="0"><table><thead><tr><th scope="col">Key</th>'
            f'<th scope="col">Value</th></tr></thead><tbody>{rows}</tbody></table></div>'
        )
