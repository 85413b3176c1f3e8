"""What all panels look like: a title that says whether it is live, tools, a body, an outcome.

It shows what it is told and knows nothing of an engine. Its caller sees to it that one thread at a
time talks to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any

import ipywidgets

from labkit.live.actions import Outcome

__all__ = ["Frame", "box", "dot", "release", "see", "style"]

_CSS = Path(__file__).with_name("panels.css").read_text(encoding="utf-8")
_LONGEST_LIST = 12


class Frame:
    """The root of a panel's widgets, under :attr:`widget`.

    :param kind: of what; the root has the CSS class ``labkit-KIND``.
    :param tools: widgets that stand beside the title.
    :param body: widgets between them and the line that says what came of an action.
    :param tail: widgets after that line.
    :param whom: who is looked at, and may be away.
    """

    def __init__(
        self,
        kind: str,
        title: str,
        *,
        tools: Sequence[Any] = (),
        body: Sequence[Any] = (),
        tail: Sequence[Any] = (),
        whom: str = "engine",
    ) -> None:
        self._whom = whom
        self._title = escape(title)
        self._headline = box(ipywidgets.HTML(), "lk-headline")
        self._empty = box(ipywidgets.HTML(), "lk-empty")
        self._said = ipywidgets.HTML()
        self.force = ipywidgets.Button(description="Remove by force", icon="bolt")
        self.force.button_style = "danger"
        self.force.on_click(lambda _: self._forced())
        self._by_force: Callable[[], object] | None = None
        bar = box(ipywidgets.HBox([self._headline, *tools]), "lk-bar")
        outcome = box(ipywidgets.HBox([self._said, self.force]), "lk-outcome")
        self._outcome = outcome
        parts = [style(), bar, *body, self._empty, outcome, *tail]
        self.widget = box(ipywidgets.VBox(parts), "labkit-panel", f"labkit-{kind}")
        self.empty("")
        self.say("")

    def headline(self, text: str, *, away: str = "") -> None:
        """Say how things are; ``away`` says why whom it looks at does not answer."""
        if away:
            text = f"The {self._whom} is away; trying again… {away.partition('What to do:')[0]}"
        self.force.disabled = bool(away)
        self._headline.value = (
            f'<span class="lk-title">{self._title}</span>{dot("away" if away else "live")}'
            f'<span role="status">{escape(text) if away else f"live · {escape(text)}"}</span>'
        )

    def empty(self, text: str) -> None:
        """Say why there is nothing to see; without a text there is something."""
        self._empty.value = escape(text)
        see(self._empty, on=bool(text))

    def say(self, text: str) -> None:
        """Say what is being done."""
        self._say(escape(text))

    def complain(self, message: str, hint: str = "") -> None:
        """Say what is wrong with what was asked."""
        self._say(f"<b>{escape(message)}</b> {escape(hint)}", "lk-bad")

    def praise(self, message: str) -> None:
        """Say what is done."""
        self._say(f"<b>{escape(message)}</b>", "lk-good")

    def tell(
        self, outcome: Outcome, *, force: Callable[[], object] | None = None, what: str = ""
    ) -> None:
        """Say what was asked and what came of it; offer force where that would help.

        :param force: does the same by force.
        :param what: the name of what force would remove.
        """
        self._say(_answer(outcome), _kind(outcome))
        if outcome.forcible and force:
            self._by_force = force
            self.force.tooltip = f"Remove {what} by force: DELETE with force=true"
            see(self.force, on=True)

    def sum_up(self, doing: str, outcomes: Sequence[tuple[str, Outcome]]) -> None:
        """Say what came of the same request for many; what failed comes first."""
        failed = [one for one in outcomes if not one[1].ok]
        sorted_out = failed + [one for one in outcomes if one[1].ok]
        shown = "".join(f"<li>{_line(name, one)}</li>" for name, one in sorted_out[:_LONGEST_LIST])
        rest = len(outcomes) - _LONGEST_LIST
        more = f"<li>… and {rest} more</li>" if rest > 0 else ""
        done = f"<b>{escape(doing)}: {len(outcomes) - len(failed)} of {len(outcomes)} done</b>"
        self._say(f"{done}<ul>{shown}{more}</ul>", "lk-bad" if failed else "lk-good")

    def close(self, picture: str) -> None:
        """Leave a picture of the last state on the page, and no widget but the one it is in."""
        bar = f'<span class="lk-title">{self._title}</span><span class="lk-quiet">closed: '
        bar += "this is how it was</span>"
        left = box(ipywidgets.HTML(), "lk-closed")
        left.value = f'<style>{_CSS}</style><div class="lk-bar">{bar}</div>{picture}'
        parts, self.widget.children = self.widget.children, (left,)
        for part in parts:
            release(part)

    def _say(self, html: str, kind: str = "") -> None:
        self._said.value = f'<div class="lk-said {kind}" role="status">{html}</div>' if html else ""
        see(self._outcome, on=bool(html))
        see(self.force, on=False)
        self._by_force = None

    def _forced(self) -> None:
        if self._by_force:
            self._by_force()


def style() -> Any:
    """The style sheet of all panels, as a widget that is not seen itself."""
    return ipywidgets.HTML(f"<style>{_CSS}</style>", layout={"display": "none"})


def box(widget: Any, *names: str) -> Any:
    """Give a widget CSS classes, and return it."""
    for name in names:
        widget.add_class(name)
    return widget


def see(widget: Any, *, on: bool) -> None:
    """Put a widget on the page, or take it off; its place is kept."""
    widget.layout.display = None if on else "none"


def dot(state: str) -> str:
    """The mark of a state; its colour says nothing that no word beside it says."""
    return f'<span class="lk-dot" data-state="{escape(state)}"></span>'


def release(widget: Any) -> None:
    """Take a widget out of the kernel with all that belongs to it."""
    for child in getattr(widget, "children", ()):
        release(child)
    for own in ("layout", "style"):
        if hasattr(widget, own):
            getattr(widget, own).close()
    widget.close()


def _kind(outcome: Outcome) -> str:
    if outcome.status == HTTPStatus.NOT_MODIFIED:
        return "lk-same"
    return "lk-good" if outcome.ok else "lk-bad"


def _answer(outcome: Outcome) -> str:
    request = f"<code>{escape(outcome.shown)}</code>"
    return f"{request} → <b>{_status(outcome)}</b><br>{_words(outcome)}"


def _line(name: str, outcome: Outcome) -> str:
    return f"<b>{escape(name)}</b> → {_status(outcome)} · {_words(outcome)}"


def _words(outcome: Outcome) -> str:
    return escape(" ".join(filter(None, (outcome.text, outcome.hint))))


def _status(outcome: Outcome) -> str:
    return f"{outcome.status} {_phrase(outcome.status)}" if outcome.status else "no answer"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
