"""The page of the containers panel: a bar, the rows, the last outcome, an inspect.

It shows what it is told and knows nothing of an engine. Its caller sees to it that one thread at a
time talks to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any

import ipywidgets

from labkit.live.actions import Outcome
from labkit.live.container import ContainerRow
from labkit.panels.inspection import InspectView
from labkit.panels.row import COLUMNS, Press, RowLook, RowView, cells

__all__ = ["ContainersView", "Handlers"]

_CSS = Path(__file__).with_name("containers.css").read_text(encoding="utf-8")
_NONE = "No containers yet: the next one that is created appears here."
_NONE_RUNNING = "No container is running. “All” shows the others too."


@dataclass(frozen=True)
class Handlers:
    """Whom the page tells what a person did."""

    press: Press
    force: Callable[[], None]
    toggle: Callable[[], None]


class ContainersView:
    """The widgets of the panel, under :attr:`widget`."""

    def __init__(self, handlers: Handlers, *, all: bool) -> None:  # noqa: A002 - as the API
        self._handlers = handlers
        self._look = RowLook()
        self._views: dict[str, RowView] = {}
        self._bar = ipywidgets.HTML()
        self.toggle = ipywidgets.ToggleButtons(
            options=[("All", True), ("Running only", False)], value=all,
            tooltips=["Show stopped containers too", "Show what docker ps shows"],
        )  # fmt: skip
        self.toggle.observe(lambda _: handlers.toggle(), "value")
        self._rows = _box(ipywidgets.VBox([]), "lk-rows")
        self._empty = _box(ipywidgets.HTML(), "lk-empty")
        self._said = ipywidgets.HTML()
        self.force = ipywidgets.Button(description="Remove by force", icon="bolt")
        self.force.button_style = "danger"
        self.force.on_click(lambda _: handlers.force())
        self.inspection = InspectView()
        self.widget = _box(ipywidgets.VBox(self._parts()), "labkit-containers")
        self.say("")

    def button(self, container: str, action: str) -> Any:
        """Return a button of a row: ``start``, ``stop``, ``remove`` or ``inspect``."""
        return self._views[container].buttons[action]

    def show(self, rows: Sequence[ContainerRow], every: Sequence[ContainerRow], away: str) -> None:
        """Show these rows of all there are; ``away`` says why the engine does not answer."""
        self._forget({row.id for row in every})
        for row in rows:
            if row.id not in self._views:
                self._views[row.id] = RowView(self._look, self._handlers.press)
            self._views[row.id].show(row, live=not away)
        shown = tuple(self._views[row.id].widget for row in rows)
        if shown != self._rows.children:
            self._rows.children = shown
        self._empty.value = "" if rows or away else _NONE_RUNNING if every else _NONE
        self._empty.layout.display = None if self._empty.value else "none"
        self.force.disabled = bool(away)
        self._bar.value = _away(away) if away else _live(every)

    def say(self, text: str) -> None:
        """Say what is being done."""
        self._say(escape(text) if text else "Press a button: the engine's answer appears here.")

    def tell(self, outcome: Outcome, *, name: str = "") -> None:
        """Say what was asked and what came of it; offer force where that would help."""
        self._say(_answer(outcome), _kind(outcome))
        if outcome.forcible:
            self.force.tooltip = f"Kill and remove {name}: DELETE with force=true"
            self.force.layout.display = None

    def close(self, rows: Sequence[ContainerRow]) -> None:
        """Leave a picture of the last state on the page, and no widget but the one it is in."""
        picture = "".join(f'<div class="lk-row">{cells(row)}</div>' for row in rows)
        bar = '<span class="lk-title">Containers</span><span class="lk-quiet">closed: '
        bar += "this is how they were</span>"
        left = _box(ipywidgets.HTML(), "lk-closed")
        left.value = f'<style>{_CSS}</style><div class="lk-bar">{bar}</div>{picture}'
        parts, self.widget.children = self.widget.children, (left,)
        self._forget(set())
        self._look.close()
        for part in parts:
            _close(part)

    def _parts(self) -> list[Any]:
        head = "".join(f"<span>{column}</span>" for column in COLUMNS)
        cell_heads = ipywidgets.HTML(f'<div class="lk-cells">{head}</div>')
        return [
            ipywidgets.HTML(f"<style>{_CSS}</style>", layout={"display": "none"}),
            _box(ipywidgets.HBox([self._bar, self.toggle]), "lk-bar"),
            _box(cell_heads, "lk-head"),
            self._rows,
            self._empty,
            _box(ipywidgets.HBox([self._said, self.force]), "lk-outcome"),
            self.inspection.widget,
        ]

    def _say(self, html: str, kind: str = "") -> None:
        self._said.value = f'<div class="lk-said {kind}" role="status">{html}</div>'
        self.force.layout.display = "none"

    def _forget(self, still_there: set[str]) -> None:
        for container in [one for one in self._views if one not in still_there]:
            self._views.pop(container).close()


def _box(widget: Any, name: str) -> Any:
    widget.add_class(name)
    return widget


def _close(widget: Any) -> None:
    """Take a widget out of the kernel with all that belongs to it."""
    for child in getattr(widget, "children", ()):
        _close(child)
    for own in ("layout", "style"):
        if hasattr(widget, own):
            getattr(widget, own).close()
    widget.close()


def _live(every: Sequence[ContainerRow]) -> str:
    running = sum(row.running for row in every)
    count = f"{len(every)} container{'' if len(every) == 1 else 's'}, {running} running"
    return _headline("live", f"live · {count}")


def _away(why: str) -> str:
    text = f"The engine is away; trying again… {why.partition('What to do:')[0]}"
    return _headline("away", escape(text))


def _headline(state: str, text: str) -> str:
    return (
        '<span class="lk-title">Containers</span>'
        f'<span class="lk-dot" data-state="{state}"></span><span role="status">{text}</span>'
    )


def _kind(outcome: Outcome) -> str:
    if outcome.status == HTTPStatus.NOT_MODIFIED:
        return "lk-same"
    return "lk-good" if outcome.ok else "lk-bad"


def _answer(outcome: Outcome) -> str:
    request = f"<code>{escape(outcome.shown)}</code>"
    status = f"{outcome.status} {_phrase(outcome.status)}" if outcome.status else "no answer"
    words = " ".join(filter(None, (outcome.text, outcome.hint)))
    return f"{request} → <b>{status}</b><br>{escape(words)}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
