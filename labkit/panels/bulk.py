"""Buttons for whatever is checked: one press, and each of them is asked for the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ipywidgets

from labkit.live.actions import Outcome
from labkit.panels.frame import box

__all__ = ["BulkBar", "ask_all"]

_AT_ONCE = 8


class BulkBar:
    """A button for each verb, off while nothing is checked; how to remove; how many are checked.

    :param verbs: the word on each button's face, and its icon, by verb.
    :param press: is told which verb was pressed.
    """

    def __init__(
        self, verbs: Mapping[str, tuple[str, str]], press: Callable[[str], object]
    ) -> None:
        self._count = box(ipywidgets.HTML(), "lk-count")
        self.buttons = {verb: _button(verb, *one, press) for verb, one in verbs.items()}
        self.force = _check("force", "Kill what runs, then remove it: force=true")
        self.volumes = _check("and volumes", "Remove its anonymous volumes too: v=true")
        parts = [self._count, *self.buttons.values(), self.force, self.volumes]
        self.widget = box(ipywidgets.HBox(parts), "lk-bulk")
        self.show(0, frozenset(), live=False)

    def show(self, count: int, possible: Collection[str], *, live: bool) -> None:
        """Say how many are checked; put the buttons on whose verb is possible for one of them."""
        self._count.value = f"{count} checked" if count else "Check rows to act on them at once:"
        for verb, button in self.buttons.items():
            button.disabled = not (live and verb in possible)


def ask_all(asks: Sequence[Callable[[], Outcome]]) -> list[Outcome]:
    """Send these requests, some at a time, and return what came of them in the same order."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="labkit-bulk") as pool:
        return list(pool.map(lambda ask: ask(), asks))


def _button(verb: str, word: str, icon: str, press: Callable[[str], object]) -> Any:
    button = ipywidgets.Button(
        description=word, icon=icon, tooltip=f"{word} all checked containers"
    )
    button.on_click(lambda _: press(verb))
    return button


def _check(word: str, tooltip: str) -> Any:
    check = ipywidgets.Checkbox(description=word, indent=False, tooltip=tooltip)
    return box(check, "lk-option")
