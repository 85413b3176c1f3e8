"""A learner's panel of widgets, operated as a person would: by the buttons in its rows."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ipywidgets

from labkit import sdk
from labkit.course.caller import told
from labkit.endpoint import Endpoint
from labkit.errors import CourseError

__all__ = ["ROW", "operated", "press", "row"]

Answer = dict[str, Any]
ROW = "Has each container an HBox of its own, with its name and the buttons Start, Stop, Remove?"


@contextmanager
def operated(make_panel: Callable[..., Any], endpoint: Endpoint) -> Iterator[Callable[..., Answer]]:
    """Yield what makes the panel once, presses a button if asked to, and tells what a row shows.

    ``ask(name)`` answers ``{"row": "its text"}``, or None in its place where the panel has no row
    for that container; ``ask(name, "stop")`` presses first.
    """
    made: list[Any] = []
    with ExitStack() as stack:

        def ask(name: str, button: str = "") -> Answer:
            if not made:
                client = sdk.client(endpoint)
                stack.callback(client.close)
                made.append(_panel(make_panel(client)))
            if button:
                press(made[0], name, button)
            found = row(made[0], name)
            return {"row": None if found is None else _text(found)}

        yield told(ask)


def row(panel: ipywidgets.Widget, name: str) -> ipywidgets.Box | None:
    """The smallest box that has the container's name and one Remove button in it."""
    alone = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    found = [
        box
        for box in _boxes(panel)
        if alone.search(_text(box)) and len(_buttons(box, "remove")) == 1
    ]
    return min(found, key=lambda box: len(list(_leaves(box))), default=None)


def press(panel: ipywidgets.Widget, name: str, button: str) -> None:
    """Press a button in the row of a container, as a click does.

    :raises CourseError: there is no such row, or no such button in it.
    """
    found = row(panel, name)
    if found is None:
        raise CourseError(f"Your panel shows no row for {name}.", hint=ROW)
    buttons = _buttons(found, button)
    if not buttons:
        raise CourseError(f"The row of {name} has no button {button.capitalize()}.", hint=ROW)
    buttons[0].click()


def _panel(made: Any) -> ipywidgets.Widget:
    if not isinstance(made, ipywidgets.Widget):
        raise CourseError(
            f"Your function returned {made!r:.100}, which is no widget.",
            hint="Does it end by returning the box that holds the rows?",
        )
    return made


def _boxes(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Box]:
    if isinstance(widget, ipywidgets.Box):
        yield widget
        for child in widget.children:
            yield from _boxes(child)


def _leaves(box: ipywidgets.Box) -> Iterator[ipywidgets.Widget]:
    for child in box.children:
        if isinstance(child, ipywidgets.Box):
            yield from _leaves(child)
        else:
            yield child


def _text(box: ipywidgets.Box) -> str:
    """What the labels in a box say, without the tags."""
    texts = [getattr(leaf, "value", "") for leaf in _leaves(box)]
    words = " ".join(text for text in texts if isinstance(text, str))
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", words)).split())


def _buttons(box: ipywidgets.Box, word: str) -> list[ipywidgets.Button]:
    """The buttons that say a word: on them, or in their tooltip where there is only a picture."""
    buttons = [leaf for leaf in _leaves(box) if isinstance(leaf, ipywidgets.Button)]
    return [one for one in buttons if word in str(one.description or one.tooltip).lower()]
