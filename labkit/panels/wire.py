"""The live panel of a wire log: what clients send, and the curl that would do the same."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from html import escape
from typing import ClassVar

import ipywidgets

from labkit.panels.frame import Frame, box, see
from labkit.panels.panel import Panel
from labkit.wire import Call, Recordable, listen

__all__ = ["WirePanel"]

_KEPT, _SHOWN, _LONGEST = 500, 200, 300
_NONE = "Nothing was sent yet: call a method of the client."
_HEAD = "method  status        ms      sent  received  path"


class WirePanel(Panel):
    """What clients send to an engine, live; choose a call to see the curl that does the same.

    :param clients: any of ``labkit.raw.Client``, ``docker.DockerClient``, ``docker.APIClient``.
    """

    text: ClassVar[str] = "WirePanel: the requests of these clients, live"

    def __init__(self, *clients: Recordable) -> None:
        self._calls: deque[tuple[int, Call]] = deque(maxlen=_KEPT)
        self._number = 0
        self._chosen: int | None = None
        self._clients: list[Recordable] = []
        self._listening = ExitStack()
        self.search_field = ipywidgets.Text(
            placeholder="Search", tooltip="Search method, path and status"
        )
        self.list = box(ipywidgets.Select(rows=12, options=[]), "lk-calls")
        self._head = box(ipywidgets.HTML(f"<pre>{_HEAD}</pre>"), "lk-calls-head")
        self._curl = box(ipywidgets.HTML(), "lk-curl")
        frame = Frame(
            "wire",
            "Wire log",
            tools=[self.search_field],
            body=[self._head, self.list],
            tail=[self._curl],
        )
        super().__init__(frame, step=0.25)
        self._away = ""
        self.search_field.observe(lambda _: self._paint(), "value")
        self.list.observe(lambda change: self._choose(change["new"]), "value")
        see(self._curl, on=False)
        self.record(*clients)
        self._paint()

    def record(self, *clients: Recordable) -> None:
        """Record what these clients send, too."""
        self._require_open()
        new = [one for one in clients if all(one is not known for known in self._clients)]
        self._clients += new
        self._listening.enter_context(listen(*new, told=self._take))

    @property
    def calls(self) -> list[Call]:
        """The calls that the panel shows, oldest first."""
        return [call for _, call in self._found()]

    @property
    def search(self) -> str:
        """The words that the shown calls have: of method, path or status."""
        return str(self.search_field.value)

    @search.setter
    def search(self, words: str) -> None:
        self.search_field.value = words

    def choose(self, index: int = -1) -> str:
        """Show the curl of one of the shown calls, and return it.

        :raises IndexError: there is no such call.
        """
        with self._lock:
            self._require_open()
            self._paint()
            number, call = self._found()[-_SHOWN:][index]
            self.list.value = number
            self._choose(number)
            return call.as_curl()

    def _take(self, call: Call) -> None:
        with self._lock:
            if not self._closed:
                self._number += 1
                self._calls.append((self._number, call))
                self._nudge()

    def _found(self) -> list[tuple[int, Call]]:
        words = self.search.casefold().split()
        with self._lock:
            calls = list(self._calls)
        return [
            (number, call)
            for number, call in calls
            if all(one in f"{call.method} {call.path} {call.status}".casefold() for one in words)
        ]

    def _choose(self, number: int | None) -> None:
        if number is not None:  # new options choose none for a moment
            self._chosen = number
            self._show_curl(number)

    def _show_curl(self, number: int | None) -> None:
        call = next((call for known, call in self._calls if known == number), None)
        see(self._curl, on=call is not None)
        if call:
            title = f"{call.method} {call.path.partition('?')[0]}"
            self._curl.value = (
                f'<span class="lk-title">The same by curl</span><span class="lk-quiet">'
                f"{escape(title)}</span><pre tabindex=0>{escape(call.as_curl())}</pre>"
            )

    def _summary(self) -> str:
        return f"{self._number} request{'' if self._number == 1 else 's'}"

    def _draw(self) -> None:
        found = self._found()[-_SHOWN:]
        options = tuple((_row(call), number) for number, call in reversed(found))
        if options != tuple(self.list.options):
            chosen = self._chosen
            with self.list.hold_sync():
                self.list.options = options
                self.list.value = chosen if any(chosen == one for _, one in options) else None
            self._show_curl(self.list.value)
        see(self.list, on=bool(found))
        see(self._head, on=bool(found))
        self.frame.empty("" if found else "No call has these words." if self._calls else _NONE)

    def _picture(self) -> str:
        rows = "\n".join(_row(call) for _, call in self._found()[-_SHOWN:])
        shown = escape(f"{_HEAD}\n{rows}")
        return f'<div class="lk-scroll"><pre class="lk-output">{shown}</pre></div>'

    def _end(self) -> None:
        self._listening.close()


def _row(call: Call) -> str:
    path = call.path if len(call.path) <= _LONGEST else call.path[:_LONGEST] + "…"
    received = "stream" if call.received is None else str(call.received)
    numbers = f"{call.status:>6}  {call.ms:>8.1f}  {call.sent:>8}  {received:>8}"
    return f"{call.method:<7} {numbers}  {path}".replace(" ", "\N{NO-BREAK SPACE}")
