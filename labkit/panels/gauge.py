"""The live gauge of a registry's limit: what is left of how much, and for whom."""

from __future__ import annotations

import math
import threading
from collections import deque
from html import escape
from typing import ClassVar

import humanize
import ipywidgets

from labkit.errors import LabError
from labkit.hub.limits import Registry
from labkit.live.poll import Poll
from labkit.panels.frame import Frame
from labkit.panels.panel import Panel
from labkit.panels.spark import spark
from labkit.ratelimit import Limit

__all__ = ["GaugePanel"]

_KEPT = 120
_RADIUS, _WIDTH = 80, 200
_LENGTH = math.pi * _RADIUS
_LOW, _OUT = 0.5, 0.1


class GaugePanel(Panel):
    """What a registry says is left of the pull limit, asked for with HEAD, which costs nothing.

    :param url: the registry's: a lab hub's, or ``https://registry-1.docker.io``.
    :param account: user name and password, for an account's budget instead of the address's.
    :param interval: seconds between two looks; 0 looks only on :meth:`look` and at its button.
    """

    text: ClassVar[str] = "GaugePanel: what is left of this registry's pull limit, live"

    def __init__(
        self, url: str, *, account: tuple[str, str] | None = None, interval: float = 1.0
    ) -> None:
        self._registry = Registry(url.rstrip("/"), account)
        self._looks = 0
        self._limit: Limit | None = None
        self._history: deque[float] = deque(maxlen=_KEPT)
        self._looking = threading.Lock()
        self.button = ipywidgets.Button(description="Look now", icon="refresh")
        self.button.on_click(lambda _: self.look())
        self._gauge = ipywidgets.HTML()
        frame = Frame(
            "gauge", "Pull limit", tools=[self.button], body=[self._gauge], whom="registry"
        )
        super().__init__(frame, step=0.1)
        self.look()
        self._poll = Poll(self._look_again, interval=interval, name="labkit-gauge")

    @property
    def limit(self) -> Limit | None:
        """What the registry said last; None when it told of no limit."""
        return self._limit

    @property
    def looks(self) -> int:
        """How often it has asked."""
        return self._looks

    def look(self) -> Limit | None:
        """Ask the registry now, and show what it says; what was said before, where it is away."""
        self._require_open()
        with self._looking:
            try:
                limit, away = self._registry.limit(), ""
            except LabError as error:
                limit, away = self._limit, error.message
        with self._lock:
            self._looks += 1
            self._limit, self._away = limit, away
            if limit and limit.remaining is not None and not away:
                self._history.append(limit.remaining)
        self._paint()
        return limit

    def _look_again(self) -> None:
        if not self._closed:
            self.look()

    def _summary(self) -> str:
        return str(self._limit) if self._limit else "no limit"

    def _draw(self) -> None:
        self.frame.empty("")
        self._gauge.value = self._picture()

    def _picture(self) -> str:
        if self._limit is None:
            said = "has not answered yet" if self._away else "sends no ratelimit-limit header"
            return f'<div class="lk-gauge">{_arc(1.0, "∞", "no limit")}<div>{said}</div></div>'
        limit = self._limit
        left = "?" if limit.remaining is None else str(limit.remaining)
        facts = {
            "limit": f"{limit.limit} pulls",
            "window": humanize.precisedelta(limit.window) if limit.window else "not said",
            "counted for": limit.source or "not said",
            "asked": f"{self._looks} times by HEAD, which is free",
        }
        rows = "".join(f"<dt>{name}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items())
        line = spark(list(self._history), top=limit.limit, slots=_KEPT)
        arc = _arc(limit.fraction, left, f"of {limit.limit} left")
        return f'<div class="lk-gauge">{arc}<div><dl>{rows}</dl>{line}</div></div>'

    def _end(self) -> None:
        self._poll.close()


def _arc(fraction: float, number: str, words: str) -> str:
    """Half a circle, filled from the left as far as the fraction; green, yellow, red."""
    state = "good" if fraction > _LOW else "warn" if fraction > _OUT else "bad"
    path = f"M20 100 A{_RADIUS} {_RADIUS} 0 0 1 180 100"
    filled = f"{fraction * _LENGTH:.1f} {_LENGTH:.1f}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} 112" role="img" aria-label="{escape(number)} {escape(words)}">'
        f'<path class="lk-rest" d="{path}"/>'
        f'<path class="lk-{state}" d="{path}" stroke-dasharray="{filled}"/>'
        f'<text x="100" y="88" class="lk-gauge-number">{escape(number)}</text>'
        f'<text x="100" y="108" class="lk-gauge-words">{escape(words)}</text></svg>'
    )
