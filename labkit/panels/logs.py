"""The live panel of a container's log: follow it, search it, save it; of a stopped one, too."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import ClassVar

import ipywidgets

from labkit.endpoint import Endpoint
from labkit.errors import LabError
from labkit.live.containers import ContainerList
from labkit.live.logs import LogFeed, LogLine, read
from labkit.live.topic import Change
from labkit.panels.frame import Frame, box, see
from labkit.panels.logs_view import LogView, lines_html, save_link
from labkit.panels.panel import Panel

__all__ = ["LogsPanel"]

_KEPT = 5_000
_MOST_SAVED = 50_000  # lines: what a link in a page can carry
_TAILS = (50, 200, 1000, _KEPT)
_PICTURE = 50


class LogsPanel(Panel):
    """The log of a container, live, over its stops and starts; stderr is marked.

    :param endpoint: where the engine listens.
    :param container: whose log, by id or name; the first container where none is given.
    :param tail: with how many of the lines that there are it begins: 50, 200, 1000 or 5000, which
        are the most that it keeps.
    :param follow: also show what comes.
    """

    text: ClassVar[str] = "LogsPanel: the log of a container, live"

    def __init__(
        self, endpoint: Endpoint, container: str = "", *, tail: int = 200, follow: bool = True
    ) -> None:
        self._endpoint = endpoint
        self._list = ContainerList()
        self._lines: deque[tuple[int, LogLine]] = deque(maxlen=_KEPT)
        self._log: LogFeed | None = None
        self._turn = 0
        self._container = ""
        self._offering = False
        self._why = ""
        self._make_tools(tail, follow=follow)
        self._view = LogView()
        self._saved = box(ipywidgets.HTML(), "lk-save")
        see(self._saved, on=False)
        tools = [self.chooser, self.tail, self.follow, self.stamps, self.search_field]
        frame = Frame(
            "logs", "Log", tools=[*tools, self.save_button, self._saved], body=[self._view.widget]
        )
        super().__init__(frame, step=0.25)
        self._follow(endpoint, [self._list])
        self._observe()
        self.open(container)

    @property
    def container(self) -> str:
        """The name of the container whose log it is; empty where there is none."""
        row = self._list.find(self._container)
        return row.name if row else self._container[:12]

    @property
    def lines(self) -> list[LogLine]:
        """The lines that the panel has and that have the searched words, oldest first."""
        with self._lock:
            return [line for _, line in self._found()]

    @property
    def search(self) -> str:
        """The words that the shown lines have."""
        return str(self.search_field.value)

    @search.setter
    def search(self, words: str) -> None:
        self.search_field.value = words

    def open(self, container: str = "") -> None:
        """Show the log of a container; of the first one where none is named."""
        with self._lock:
            self._require_open()
            rows = self._list.rows()
            row = self._list.find(container) if container else next(iter(rows), None)
            self._container = row.id if row else container
            self._offer()
        self._load()

    def save(self) -> str:
        """Put a link on the page that saves the log as it is now, with times if they are shown.

        It has all lines that the engine has, up to 50000, and those words that are searched for.
        Return the link, as HTML.
        """
        try:
            found = read(self._endpoint, self._container, tail=_MOST_SAVED, search=self.search)
        except LabError as error:
            self.frame.complain(error.message, error.hint)
            return ""
        link = save_link(self.container, found, timestamps=self.stamps.value)
        with self._lock:
            if not self._closed:
                self._saved.value = link
                see(self._saved, on=True)
        return link

    def _make_tools(self, tail: int, *, follow: bool) -> None:
        self.chooser = ipywidgets.Dropdown(description="Container", options=[])
        tails = sorted({*_TAILS, tail})
        self.tail = ipywidgets.Dropdown(
            description="Last", options=[(f"{one} lines", one) for one in tails], value=tail
        )
        self.follow = ipywidgets.ToggleButton(
            value=follow, description="Follow", icon="play", tooltip="Show what comes, too"
        )
        self.stamps = ipywidgets.ToggleButton(
            description="Times", icon="clock-o", tooltip="Show when each line was written (UTC)"
        )
        self.search_field = ipywidgets.Text(placeholder="Search", tooltip="Search the lines")
        self.save_button = ipywidgets.Button(
            description="Save…", icon="download", tooltip="Make a link that saves the log"
        )

    def _observe(self) -> None:
        self.chooser.observe(self._chosen, "value")
        for one in (self.tail, self.follow):
            one.observe(lambda _: self._load(), "value")
        for one in (self.stamps, self.search_field):
            one.observe(lambda _: self._paint(), "value")
        self.save_button.on_click(lambda _: self.save())

    def _chosen(self, change: dict[str, object]) -> None:
        if not self._offering and change["new"] not in (None, self._container):
            self.open(str(change["new"]))

    def _load(self) -> None:
        """Begin anew: forget the lines, read or follow."""
        with self._lock:
            self._turn += 1
            self._lines.clear()
            self._why, turn, old, self._log = "", self._turn, self._log, None
            see(self._saved, on=False)
        if old:
            old.close()  # without the lock, which the feed's threads may wait for
        if self._container and self.follow.value:
            self._log = LogFeed(
                self._endpoint,
                self._container,
                tail=self.tail.value,
                told=partial(self._take, turn),
                ended=partial(self._ended, turn),
            )
        elif self._container:
            self._read(turn)
        self._paint()

    def _read(self, turn: int) -> None:
        try:
            self._take(turn, read(self._endpoint, self._container, tail=self.tail.value))
            self._ended(turn, "Not followed: this is how it was.")
        except LabError as error:
            self._ended(turn, error.message)

    def _take(self, turn: int, lines: list[LogLine]) -> None:
        with self._lock:
            if turn == self._turn:
                last = self._lines[-1][0] if self._lines else -1
                self._lines.extend(enumerate(lines, last + 1))
                self._why = ""
                self._nudge()

    def _ended(self, turn: int, why: str) -> None:
        with self._lock:
            if turn == self._turn:
                self._why = why
                self._nudge()

    def _noticed(self, _: Change) -> None:
        self._offer()

    def _offer(self) -> None:
        """Offer the containers that there are, and the one whose log it is."""
        options = [(f"{row.name} · {row.state}", row.id) for row in self._list.rows()]
        if self._container and all(one != self._container for _, one in options):
            options.append((f"{self._container[:12]} · not there", self._container))
        if tuple(options) != tuple(self.chooser.options):
            self._offering = True
            with self.chooser.hold_sync():
                self.chooser.options = options
                self.chooser.value = self._container or None
            self._offering = False

    def _found(self) -> list[tuple[int, LogLine]]:
        return [one for one in self._lines if one[1].matches(self.search)]

    def _summary(self) -> str:
        count = f"{len(self._lines)} line{'' if len(self._lines) == 1 else 's'}"
        return " · ".join(filter(None, (count, self._why)))

    def _draw(self) -> None:
        found = self._found()
        self._view.show(found, search=self.search, timestamps=self.stamps.value)
        if found or self._away:
            self.frame.empty("")
        elif not self._container:
            self.frame.empty("No container yet.")
        else:
            has = "No line has these words." if self._lines else "It has written nothing yet."
            self.frame.empty(has)

    def _picture(self) -> str:
        return lines_html((line for _, line in self._found()[-_PICTURE:]), self.search)

    def _release(self) -> None:
        self._turn += 1
        self._view.close()

    def _end(self) -> None:
        if self._log:
            self._log.close()
