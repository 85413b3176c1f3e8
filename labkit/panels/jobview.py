"""A pull or a build on the page: a bar for each layer or step, and a way to give it up."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import humanize
import ipywidgets

from labkit.live.progress import Part, Progress
from labkit.panels.frame import box, see

__all__ = ["JobView", "bars"]

_MOST_PARTS, _LINES = 60, 10
_DOING = {"pull": "Pulling", "build": "Building"}


class JobView:
    """The bars of one job; not to be seen until there is one.

    :param cancel: gives the job up.
    """

    def __init__(self, cancel: Callable[[], object]) -> None:
        self.widget: Any = ipywidgets.VBox([])
        self._title = ipywidgets.HTML()
        self.cancel = ipywidgets.Button(description="Cancel", icon="ban", button_style="warning")
        self.cancel.on_click(lambda _: cancel())
        self.close = ipywidgets.Button(description="Close", icon="times")
        self.close.on_click(lambda _: see(self.widget, on=False))
        self._bars = box(ipywidgets.HTML(), "lk-job")
        tools = box(ipywidgets.HBox([self._title, self.cancel, self.close]), "lk-job-tools")
        self.widget.children = (tools, self._bars)
        see(self.widget, on=False)

    def show(self, progress: Progress) -> None:
        """Show how far it is."""
        self._title.value = _title(progress)
        self._bars.value = bars(progress)
        see(self.cancel, on=not progress.done)
        see(self.close, on=progress.done)

    def open(self) -> None:
        """Put it on the page."""
        see(self.widget, on=True)


def bars(progress: Progress) -> str:
    """Write the bars and the latest output as HTML; all text is anybody's."""
    parts = progress.parts
    left_out = len(parts) - _MOST_PARTS
    shown = "".join(map(_bar, parts[-_MOST_PARTS:]))
    more = f"<span>{left_out} earlier ones are done</span>" if left_out > 0 else ""
    said = "\n".join(progress.output[-_LINES:])
    output = f'<pre class="lk-output">{escape(said)}</pre>' if said else ""
    return f'<div class="lk-progress">{more}{shown}</div>{output}'


def _title(progress: Progress) -> str:
    doing = f"{_DOING.get(progress.kind, progress.kind)} {progress.title}"
    done = progress.fraction
    value = "" if done is None else f' value="{done:.3f}"'
    percent = "" if done is None else f" {done:.0%}"
    state = " · failed" if progress.error else " · done" if progress.done else percent
    bar = f'<progress max="1"{value} aria-label="{escape(doing)}"></progress>'
    return f'<span class="lk-title">{escape(doing)}{state}</span>{bar}'


def _bar(part: Part) -> str:
    known = part.done or part.total
    value = f' value="{part.fraction:.3f}"' if known else ""
    size = f" {_size(part.current)} of {_size(part.total)}" if part.total > 1 else ""
    return (
        f'<span class="lk-part-name">{escape(part.id)}</span>'
        f'<progress max="1"{value} aria-label="{escape(part.id)}"></progress>'
        f'<span class="lk-part-text lk-quiet">{escape(part.text + size)}</span>'
    )


def _size(amount: int) -> Any:
    return humanize.naturalsize(amount)
