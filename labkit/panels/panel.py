"""What all panels do: follow an engine, draw themselves, and end without a trace.

The one class that others inherit from: a panel shows itself as the last line of a cell, and what
IPython asks of an object it asks of its class.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from labkit.endpoint import Endpoint
from labkit.errors import LabError
from labkit.live.actions import Outcome
from labkit.live.feed import Feed
from labkit.live.pace import Pace
from labkit.live.topic import Change, Topic
from labkit.panels.frame import Frame

__all__ = ["Panel"]

_FIRST_LOOK = 2.0


class Panel:
    """A live panel of one engine. A context manager; as the last line of a cell it shows itself.

    An engine that goes away is waited for, and looked at afresh when it is back at the same
    address. Each panel has its own ``_draw``, ``_summary`` and ``_picture``; what it may have
    besides is ``_noticed``, ``_release`` and ``_end``.

    ``outcome`` is what came of the last action.

    :param step: seconds between two drawings, at least.
    """

    text: ClassVar[str] = "Panel"
    """What a cell's output says in plain text. It never changes: nbval compares it."""

    def __init__(self, frame: Frame, *, step: float = 0.1) -> None:
        self.outcome: Outcome | None = None
        self.frame = frame
        self._lock = threading.RLock()
        self._closed = False
        self._away = "It has not answered yet."
        self._feed: Feed | None = None
        self._due = False
        self._pace = Pace(self._catch_up, name="labkit-draw", step=step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = self.widget._repr_mimebundle_(**options) or {}
        return {**bundle, "text/plain": self.text}

    @property
    def widget(self) -> Any:
        """The root widget, to put into a layout of your own."""
        return self.frame.widget

    @property
    def away(self) -> str:
        """Why the engine does not answer; empty while it does."""
        return self._away

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """End threads and connections, and leave the last state on the page as a picture."""
        with self._lock:
            if self._closed:
                return
            picture = self._picture()
            self._closed = True
            self._release()
            self.frame.close(picture)
        self._pace.close()
        self._end()
        if self._feed:
            self._feed.close()

    def _follow(self, endpoint: Endpoint, topics: Sequence[Topic]) -> None:
        """Follow the engine with one feed for all these topics, and draw what there is."""
        self._paint()
        self._feed = Feed(endpoint, topics, changed=self._changed, away=self._gone_away)
        self._feed.wait(_FIRST_LOOK)
        self._catch_up()

    def _draw(self) -> None:
        """Show the state as it is. Called with the lock held."""
        raise NotImplementedError

    def _summary(self) -> str:
        """What the title says of the state, such as "5 containers"."""
        raise NotImplementedError

    def _picture(self) -> str:
        """The last state as HTML."""
        raise NotImplementedError

    def _release(self) -> None:
        """Close the widgets that are not on the page. Called with the lock held."""

    def _end(self) -> None:
        """End the threads that the panel started itself. Called without the lock."""

    def _noticed(self, _: Change) -> None:
        """Take note of a change before it is drawn. Called with the lock held."""

    def _do(
        self,
        doing: str,
        ask: Callable[[], Outcome],
        *,
        force: Callable[[], object] | None = None,
        what: str = "",
    ) -> Outcome:
        """Say what is being done, do it, and say what came of it.

        The lock is free meanwhile: a stop takes its time, and events go on arriving.

        :param force: does the same by force, where the engine says that force is needed.
        :param what: the name of what it is done to.
        """
        with self._lock:
            self._require_open()
            self.frame.say(doing)
        outcome = ask()
        with self._lock:
            self.outcome = outcome
            if not self._closed:
                self.frame.tell(outcome, force=force, what=what)
        return outcome

    def _require_open(self) -> None:
        if self._closed:
            raise LabError("This panel is closed.", hint="Make a new one, as its cell does.")

    def _paint(self) -> None:
        """Draw now, as a person expects who has just pressed something."""
        with self._lock:
            self._due = False
            if not self._closed:
                self.frame.headline(self._summary(), away=self._away)
                self._draw()

    def _nudge(self) -> None:
        """Draw soon: at once after a quiet moment, else in steps that a page can take."""
        self._due = True
        self._pace.nudge()

    def _catch_up(self) -> None:
        """Draw what is due."""
        with self._lock:
            if self._due:
                self._paint()

    def _changed(self, change: Change) -> None:
        with self._lock:
            if self._closed:
                return
            if change.kind == "load":
                self._away = ""
            self._noticed(change)
            self._nudge()

    def _gone_away(self, error: LabError) -> None:
        with self._lock:
            self._away = error.message
            self._nudge()
