"""The logs panel, headless, on a real engine."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

from labkit import wait
from labkit.engine.engine import Engine
from labkit.live.logs import LogLine
from labkit.panels import LogsPanel
from labkit.panels.logs_view import lines_html

pytestmark = pytest.mark.engine


def texts(panel: LogsPanel) -> list[str]:
    """Return the text of the lines that a panel shows."""
    return [line.text for line in panel.lines]


def until_lines(panel: LogsPanel, *wanted: str) -> None:
    """Wait until a panel shows exactly these lines, in any order of the two streams."""
    wait.until(lambda: sorted(texts(panel)) == sorted(wanted), what=f"{wanted}")


def test_follows(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """What is written appears, stderr marked, and the title counts it."""
    hand.run(name, "sh", "-c", "echo out; echo err >&2; sleep 1000")
    with LogsPanel(engine.endpoint, name) as panel:
        until_lines(panel, "out", "err")
        wait.until(lambda: "live · 2 lines" in page(panel), what="the count")
        assert '<span class="lk-stderr" title="stderr">err</span>' in page(panel)
        assert panel.container == name


def test_over_a_restart(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """A container that ends and is started again goes on in the same panel."""
    hand.run(name, "sh", "-c", "echo once")
    with LogsPanel(engine.endpoint, name) as panel:
        until_lines(panel, "once")
        wait.until(lambda: "has exited with code 0" in page(panel), what="the end to be told")
        hand.client.post(f"/containers/{name}/start")
        until_lines(panel, "once", "once")


def test_stopped_and_not_followed(engine: Engine, hand: Any, name: str, page: Any) -> None:
    """The log of a stopped container is read once when it is not followed."""
    hand.run(name, "sh", "-c", "echo last words; exit 3")
    wait.until(lambda: hand.state(name) == "exited", what="the end")
    with LogsPanel(engine.endpoint, name, follow=False) as panel:
        assert texts(panel) == ["last words"]
        wait.until(lambda: "Not followed" in page(panel), what="the panel to say so")
        hand.client.post(f"/containers/{name}/start")
        wait.until(lambda: hand.state(name) == "exited", what="the second end")
        assert texts(panel) == ["last words"]
        panel.follow.value = True
        until_lines(panel, "last words", "last words")


def test_tail_and_search(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """The tail says how many lines to begin with; the search leaves and marks what has words."""
    hand.run(name, "sh", "-c", "for i in $(seq 300); do echo line $i; done")
    wait.until(lambda: hand.state(name) == "exited", what="the end")
    with LogsPanel(engine.endpoint, name, tail=50, follow=False) as panel:
        assert texts(panel) == [f"line {number}" for number in range(251, 301)]
        panel.tail.value = 1000
        assert len(panel.lines) == 300
        panel.search = "LINE 29"
        assert len(panel.lines) == 13, "29, 129, 229 and 290 to 299"
        assert "<mark>29</mark>9" in page(panel)
        panel.search = "no such words"
        assert "No line has these words." in page(panel)


def test_timestamps(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """With times on, each line has the engine's time before it."""
    hand.run(name, "sh", "-c", "echo hello; sleep 1000")
    with LogsPanel(engine.endpoint, name) as panel:
        until_lines(panel, "hello")
        panel.stamps.value = True
        pattern = r'<span class="lk-time">\d{4}-\d\d-\d\dT[\d:.]+</span> hello'
        wait.until(lambda: re.search(pattern, page(panel)), what="the time")


def test_save(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """Save makes a link that has the log in itself, as a file named after the container."""
    hand.run(name, "sh", "-c", "echo 'a < b'; sleep 1000")
    with LogsPanel(engine.endpoint, name) as panel:
        until_lines(panel, "a < b")
        panel.save_button.click()
        link = re.search(r'<a download="([^"]+)" href="[^"]+base64,([^"]+)"', page(panel))
        assert link
        assert link[1] == f"{name}.log"
        assert b64decode(link[2]).decode() == "a < b\n"


def test_choose_another(engine: Engine, hand: Any, name: str) -> None:
    """Another container is chosen from the list, and lines of the first one stay away."""
    hand.run(name, "sh", "-c", "echo one; sleep 1000")
    second = hand.run(f"{name}-2", "sh", "-c", "echo two; sleep 1000")
    with LogsPanel(engine.endpoint, name) as panel:
        until_lines(panel, "one")
        panel.chooser.value = second
        until_lines(panel, "two")
        assert panel.container == f"{name}-2"


def test_first_container_comes_later(engine: Engine, hand: Any, name: str) -> None:
    """A container that is created after the panel was opened can be chosen."""
    with LogsPanel(engine.endpoint) as panel:
        late = hand.run(name, "sh", "-c", "echo late; sleep 1000")
        wait.until(lambda: late in [one for _, one in panel.chooser.options], what="the new option")
        panel.open(name)
        until_lines(panel, "late")


def test_flood(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """Of a flood the last lines are kept, in a bounded number of widgets, and the end is right."""
    before = len(_instances)
    hand.run(name, "sh", "-c", "seq 30000; echo THE END; sleep 1000")
    with LogsPanel(engine.endpoint, name) as panel:
        wait.until(lambda: texts(panel)[-1:] == ["THE END"], what="the end", timeout=30)
        wait.until(lambda: "<span>THE END</span>" in page(panel), what="the end on the page")
        assert len(panel.lines) <= 5000
        assert texts(panel)[-2] == "30000"
        assert len(page(panel)) < 60_000
        assert len(_instances) - before < 200


def test_lines_escape() -> None:
    """Log text is text on the page, the searched words marked in it, cursor movements left out."""
    line = LogLine("stdout", "<t>", "a\x1b[31m <b> & \x07 lt")
    shown = lines_html([line], "b lt", timestamps=True)
    assert "&lt;<mark>b</mark>&gt; &amp; · <mark>lt</mark>" in shown
    assert "<b>" not in shown
    assert "\x1b" not in shown
    assert "&lt;t&gt;" in shown
