"""The live panel of what containers use: CPU, memory and network, with a minute of each."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import ClassVar

import humanize
import ipywidgets

from labkit.endpoint import Endpoint
from labkit.live.container import ContainerRow
from labkit.live.containers import ContainerList
from labkit.live.stats import StatsFeed, Usage
from labkit.panels.frame import Frame
from labkit.panels.panel import Panel
from labkit.panels.spark import spark
from labkit.panels.track import Track

__all__ = ["StatsPanel"]

_MOST_ROWS = 40
_FULL_CPU, _LEAST_MEMORY, _LEAST_NETWORK = 20.0, 4e6, 2e3  # the least full heights of the plots
_HEADS = (
    '<th scope="col">Name</th><th scope="col" class="lk-number">CPU</th><th class="lk-plot"></th>'
    '<th scope="col" class="lk-number">Memory</th><th class="lk-plot"></th>'
    '<th scope="col" class="lk-number">Network in, out</th><th class="lk-plot"></th>'
    '<th scope="col" class="lk-number lk-spare">Processes</th>'
)
_ORDERS: dict[str, Callable[[Track], float]] = {
    "name": lambda _: 0.0,
    "cpu": lambda track: -(track.now.usage.cpu or 0.0),
    "memory": lambda track: -track.now.usage.memory,
    "network": lambda track: -(track.now.rx + track.now.tx),
}
_WORDS = {"cpu": "CPU"}


class StatsPanel(Panel):
    """What the running containers of an engine use, live, as ``docker stats`` reckons it.

    :param endpoint: where the engine listens.
    :param interval: seconds between two looks: ``GET /containers/{id}/stats`` for each of them.
    """

    text: ClassVar[str] = "StatsPanel: what the containers of this engine use, live"

    def __init__(self, endpoint: Endpoint, *, interval: float = 1.0) -> None:
        self._list = ContainerList()
        self._tracks: dict[str, Track] = {}
        self.search_field = ipywidgets.Text(placeholder="Search", tooltip="Search the containers")
        self.order = ipywidgets.Dropdown(
            description="Sort by",
            options=[(_WORDS.get(one, one.capitalize()), one) for one in _ORDERS],
        )
        for one in (self.search_field, self.order):
            one.observe(lambda _: self._paint(), "value")
        self._table = ipywidgets.HTML()
        frame = Frame(
            "stats",
            "Usage",
            tools=[self.search_field, self.order],
            body=[self._table],
        )
        super().__init__(frame, step=0.25)
        self._follow(endpoint, [self._list])
        self._stats = StatsFeed(endpoint, self._running, self._told, interval)

    @property
    def rows(self) -> list[tuple[ContainerRow, Usage]]:
        """The running containers that the panel shows, and what each uses now."""
        with self._lock:
            return [(row, self._track(row).now.usage) for row in self._shown()]

    @property
    def search(self) -> str:
        """The words that the shown containers have."""
        return str(self.search_field.value)

    @search.setter
    def search(self, words: str) -> None:
        self.search_field.value = words

    def sort(self, by: str) -> None:
        """Sort by name, or what uses most first.

        :param by: name, cpu, memory or network.
        """
        self.order.value = by

    def _running(self) -> list[str]:
        return [row.id for row in self._list.rows(all=False)]

    def _told(self, usages: dict[str, Usage]) -> None:
        """Take what the stats thread has found."""
        with self._lock:
            there = set(self._running())
            self._tracks = {one: track for one, track in self._tracks.items() if one in there}
            now = time.monotonic()
            for container, usage in usages.items():
                if container in there:
                    self._tracks.setdefault(container, Track()).add(usage, now)
            self._nudge()

    def _track(self, row: ContainerRow) -> Track:
        return self._tracks.get(row.id) or Track()

    def _shown(self) -> list[ContainerRow]:
        rows = self._list.rows(all=False, search=self.search, sort="name")
        return sorted(rows, key=lambda row: _ORDERS[self.order.value](self._track(row)))

    def _summary(self) -> str:
        total = sum(track.now.usage.cpu or 0.0 for track in self._tracks.values())
        return f"{len(self._running())} running, CPU {total:.1f} %"

    def _draw(self) -> None:
        rows = self._shown()
        self._table.value = self._picture()
        running = self._running()
        none = "No running container has these words." if running else "No container is running."
        self.frame.empty("" if rows or self._away else none)

    def _picture(self) -> str:
        rows = self._shown()
        body = "".join(_row(row, self._track(row)) for row in rows[:_MOST_ROWS])
        rest = len(rows) - _MOST_ROWS
        more = f"<tr><td colspan=8>… and {rest} more; search or sort to see them</td></tr>"
        return (
            f'<div class="lk-scroll" tabindex="0"><table><thead><tr>{_HEADS}</tr></thead>'
            f"<tbody>{body}{more if rest > 0 else ''}</tbody></table></div>"
        )

    def _end(self) -> None:
        self._stats.close()


def _row(row: ContainerRow, track: Track) -> str:
    now = track.now
    usage = now.usage
    cpu = "…" if usage.cpu is None else f"{usage.cpu:.1f} %"
    limit = f"{_size(usage.limit)}, {usage.memory_percent:.1f} %"
    return (
        f'<tr><th scope="row" title="{escape(row.id[:12])}">{escape(row.name)}</th>'
        f'<td class="lk-number">{cpu}</td>'
        + _plot(spark(track.plot(lambda one: one.usage.cpu or 0.0), top=_FULL_CPU))
        + f'<td class="lk-number" title="of {limit}">{_size(usage.memory)}</td>'
        + _plot(spark(track.plot(lambda one: one.usage.memory), top=_LEAST_MEMORY))
        + f'<td class="lk-number" title="{_size(usage.rx)} in, {_size(usage.tx)} out since it '
        f'started">{_size(now.rx)}/s, {_size(now.tx)}/s</td>'
        + _plot(spark(track.plot(lambda one: one.rx + one.tx), top=_LEAST_NETWORK))
        + f'<td class="lk-number lk-spare">{usage.pids}</td></tr>'
    )


def _plot(svg: str) -> str:
    return f'<td class="lk-plot">{svg}</td>'


def _size(amount: float) -> str:
    return str(humanize.naturalsize(amount)).replace(" Bytes", " B")
