"""The terminal, headless, in a real container."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import LabError
from labkit.panels.terminal import TerminalPanel

Page = Callable[[Any], str]
TEXT = "TerminalPanel: a shell in a container"


@pytest.fixture
def panel(engine: Engine, hand: Any, name: str) -> Iterator[TerminalPanel]:
    """Open a shell in a container."""
    hand.run(name)
    with TerminalPanel(engine.endpoint, name) as panel:
        yield panel


def press_enter(panel: TerminalPanel, line: str) -> None:
    """Type a line, and what the browser sends for Enter."""
    panel.line.value = line
    panel.line._handle_custom_msg({"event": "submit"}, [])  # noqa: SLF001  # a browser's message


def said(panel: TerminalPanel, stream: str, text: str) -> None:
    """Wait until a line was printed on a stream."""
    wait.until(
        lambda: any(one.stream == stream and one.text == text for one in panel.lines),
        what=f"{text!r} on {stream}",
    )


@pytest.mark.engine
def test_lines_are_typed_and_answered(panel: TerminalPanel, page: Page) -> None:
    """Enter sends a line and empties the field; both streams come, apart; the shell remembers."""
    press_enter(panel, "cd /etc && pwd")
    assert panel.line.value == ""
    said(panel, "stdin", "$ cd /etc && pwd")
    said(panel, "stdout", "/etc")
    panel.type("echo $((6*7)); ls /nowhere")
    said(panel, "stdout", "42")
    said(panel, "stderr", "ls: /nowhere: No such file or directory")
    wait.until(lambda: 'class="lk-stderr"' in page(panel), what="the line on the page")
    assert "sh runs" in page(panel)


@pytest.mark.engine
def test_what_is_typed_is_told_apart_and_nothing_empty_takes_room(
    panel: TerminalPanel, page: Page
) -> None:
    """A line that was typed looks unlike one that was printed; no blank strip is on the page."""
    panel.type("pwd")
    wait.until(lambda: '<span class="lk-stdin">$ pwd</span>' in page(panel), what="the line")

    def blank(widget: Any) -> list[Any]:
        if widget.layout.display == "none":
            return []
        mine = [widget] if getattr(widget, "value", None) == "" and widget is not panel.line else []
        return mine + [one for child in getattr(widget, "children", ()) for one in blank(child)]

    assert blank(panel.widget) == []


@pytest.mark.engine
def test_the_end_of_the_input_ends_the_shell(panel: TerminalPanel, page: Page) -> None:
    """Its exit code is shown, nothing can be typed any more, and Start begins anew."""
    panel.type("x=1; false")
    panel.end.click()
    wait.until(lambda: panel.exit_code == 1, what="the end")
    wait.until(lambda: "sh ended with exit code 1" in page(panel), what="the code on the page")
    assert panel.line.disabled
    panel.type("echo nobody")
    assert "The command has ended." in page(panel)
    panel.again.click()
    assert panel.running
    panel.type("echo again")
    said(panel, "stdout", "again")


@pytest.mark.engine
def test_output_without_an_end_of_line_is_shown(panel: TerminalPanel) -> None:
    """Also half a line, and letters of several bytes that come in pieces."""
    panel.type("printf 'half ä'")
    said(panel, "stdout", "half ä")


@pytest.mark.engine
def test_what_is_printed_is_text(panel: TerminalPanel, page: Page) -> None:
    """Nothing of it is HTML on the page."""
    panel.type("echo '<img src=x>'")
    said(panel, "stdout", "<img src=x>")
    wait.until(lambda: "&lt;img" in page(panel), what="the line")
    assert "<img" not in page(panel)


@pytest.mark.engine
def test_much_output_is_bounded(panel: TerminalPanel) -> None:
    """The last lines are kept, and the panel stays quick."""
    panel.type("seq 20000")
    said(panel, "stdout", "20000")
    assert len(panel.lines) <= 500


@pytest.mark.engine
def test_closing_leaves_a_picture(engine: Engine, hand: Any, name: str, page: Page) -> None:
    """No thread, and of its widgets the picture alone; the shell in the container ends."""
    hand.run(name)
    threads, widgets = set(threading.enumerate()), set(_instances)
    panel = TerminalPanel(engine.endpoint, name)
    assert repr(panel) == panel._repr_mimebundle_()["text/plain"] == TEXT
    panel.type("echo last")
    said(panel, "stdout", "last")
    panel.close()
    panel.close()
    wait.until(lambda: set(threading.enumerate()) <= threads, what="the threads to end")
    assert len(set(_instances) - widgets) == 5, "the root, the picture, their layouts and a style"
    assert "last" in page(panel)
    container = engine.docker.containers.get(name)
    wait.until(lambda: len(container.top()["Processes"]) == 1, what="the shell to end")
    with pytest.raises(LabError, match="closed"):
        panel.type("ls")


@pytest.mark.engine
def test_no_such_container(engine: Engine, name: str, page: Page) -> None:
    """It says what the engine says, and can be closed."""
    with TerminalPanel(engine.endpoint, name) as panel:
        assert "No such container" in page(panel)
        assert not panel.running


def test_no_engine(tmp_path: Path, page: Page) -> None:
    """A panel for an engine that is not there opens, says so, and closes."""
    with TerminalPanel(Endpoint(unix=tmp_path / "docker.sock"), "web") as panel:
        assert "there is no such socket" in page(panel)
