"""A shell in a container, line by line: type, read both streams apart, end the input."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import ipywidgets

from labkit.endpoint import Endpoint
from labkit.errors import LabError
from labkit.live.lines import LogLine
from labkit.live.session import Session
from labkit.panels.frame import Frame, box
from labkit.panels.logs_view import LogView, Numbered, lines_html
from labkit.panels.panel import Panel
from labkit.streams import StreamName

__all__ = ["TerminalPanel"]

_KEPT = 500  # lines


class TerminalPanel(Panel):
    """A command in a running container, a shell as a rule, to which lines can be sent.

    It has no TTY: no prompt, no colours, and what is printed on stderr is told apart. Closing it
    ends the shell's input, and so the shell; what it left running in the background runs on.

    :param endpoint: where the engine listens.
    :param container: its name or id.
    :param command: the command and its arguments.
    """

    text: ClassVar[str] = "TerminalPanel: a shell in a container"

    def __init__(
        self, endpoint: Endpoint, container: str, *, command: Sequence[str] = ("sh",)
    ) -> None:
        self._endpoint = endpoint
        self.container = container
        self._command = tuple(command)
        self._session: Session | None = None
        self._code: int | None = None
        self._turn = 0
        self._lines: list[LogLine] = []
        self._dropped = 0
        self._rest: dict[StreamName, str] = {}
        self._decoders: dict[StreamName, Any] = {}
        self._make_widgets()
        view = box(ipywidgets.HBox([self.line, self.end, self.again]), "lk-prompt")
        frame = Frame("terminal", f"Shell in {container}", body=[self._view.widget, view])
        super().__init__(frame)
        self.start()

    def _make_widgets(self) -> None:
        self._view = LogView()
        self.line = ipywidgets.Text(
            placeholder="ls -l /, and Enter", tooltip="A line for the shell; Enter sends it"
        )
        self.line.on_msg(self._submitted)
        self.end = ipywidgets.Button(
            description="End input", icon="level-down", tooltip="As Ctrl-D does: no more input"
        )
        self.end.on_click(lambda _: self.finish())
        self.again = ipywidgets.Button(
            description="Start", icon="play", tooltip="Start the command again"
        )
        self.again.on_click(lambda _: self.start())

    @property
    def running(self) -> bool:
        """Whether the command runs."""
        return self._session is not None

    @property
    def exit_code(self) -> int | None:
        """How the command ended; None while it runs, and where it could not be known."""
        return self._code

    @property
    def lines(self) -> list[LogLine]:
        """What was typed (stream stdin) and printed (stdout, stderr), the last 500 lines."""
        with self._lock:
            rest = [LogLine(stream, "", text) for stream, text in self._rest.items() if text]
            return [*self._lines, *rest]

    def start(self) -> None:
        """Start the command, if it does not run."""
        with self._lock:
            self._require_open()
            if self._session:
                return
            self._turn += 1
            self._code = None
            self._rest.clear()
            self._decoders.clear()
            said, ended = partial(self._said, self._turn), partial(self._has_ended, self._turn)
            try:
                self._session = Session(
                    self._endpoint, self.container, self._command, said=said, ended=ended
                )
                self._away = ""
            except LabError as error:
                self._away = error.message
        self._paint()

    def type(self, line: str) -> None:
        """Send a line to the command's input."""
        with self._lock:
            self._require_open()
            if not self._session:
                self.frame.complain("The command has ended.", "Start begins anew.")
                return
            self._keep(LogLine("stdin", "", f"$ {line}"))
            try:
                self._session.send(f"{line}\n")
            except LabError as error:
                self.frame.complain(error.message, error.hint)
        self._paint()

    def finish(self) -> None:
        """End the command's input, as Ctrl-D does."""
        with self._lock:
            self._require_open()
            if self._session:
                self._session.finish()

    def _submitted(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("event") == "submit":
            line, self.line.value = str(self.line.value), ""
            self.type(line)

    def _said(self, turn: int, stream: StreamName, data: bytes) -> None:
        with self._lock:
            if turn != self._turn or self._closed:
                return
            if stream not in self._decoders:
                self._decoders[stream] = codecs.getincrementaldecoder("utf-8")("replace")
            text = self._rest.get(stream, "") + self._decoders[stream].decode(data)
            *whole, self._rest[stream] = text.split("\n")
            for one in whole:
                self._keep(LogLine(stream, "", one))
            self._nudge()

    def _keep(self, line: LogLine) -> None:
        self._lines.append(line)
        extra = len(self._lines) - _KEPT
        if extra > 0:
            del self._lines[:extra]
            self._dropped += extra

    def _has_ended(self, turn: int, code: int | None) -> None:
        with self._lock:
            if turn != self._turn:
                return
            session, self._session, self._code = self._session, None, code
            for stream, text in self._rest.items():
                if text:
                    self._keep(LogLine(stream, "", text))
            self._rest.clear()
            if not self._closed:
                self._nudge()
        if session:
            session.close()

    def _summary(self) -> str:
        command = " ".join(self._command)
        if self._session:
            return f"{command} runs"
        known = self._code is not None
        return f"{command} ended{f' with exit code {self._code}' if known else ''}"

    def _numbered(self) -> list[Numbered]:
        return list(enumerate(self.lines, self._dropped))

    def _draw(self) -> None:
        self._view.show(self._numbered(), search="", timestamps=False)
        on = self._session is not None
        self.line.disabled = self.end.disabled = not on
        self.again.disabled = on

    def _picture(self) -> str:
        lines = [line for _, line in self._numbered()]
        return f'<div class="lk-log">{lines_html(lines, "", timestamps=False)}</div>'

    def _release(self) -> None:
        self._view.close()

    def _end(self) -> None:
        with self._lock:
            session, self._session = self._session, None
        if session:
            session.close()
