"""The panels of events and of the wire log, headless, on a real engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from labkit import wait
from labkit.engine.engine import Engine
from labkit.panels import EventsPanel, WirePanel
from labkit.raw import Client

pytestmark = pytest.mark.engine


def test_events_appear(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """What happens is listed in order, the latest on top, and the search narrows it."""
    with EventsPanel(engine.endpoint) as panel:
        panel.search = name
        assert "has these words" in page(panel) or "Nothing has happened" in page(panel)
        hand.run(name)
        wait.until(
            lambda: {"create", "start"} <= {row.action for row in panel.rows},
            what="the panel to follow",
        )
        wait.until(lambda: "<td>start</td>" in page(panel), what="the event on the page")
        shown = page(panel)
        assert shown.index("<td>start</td>") < shown.index("<td>create</td>")
        panel.search = f"{name} create"
        assert [row.action for row in panel.rows if row.type == "container"] == ["create"]


def test_events_hold_still(
    engine: Engine, hand: Any, name: str, page: Callable[[Any], str]
) -> None:
    """While it is paused the list stays as it is, says how many came, and has them afterwards."""
    with EventsPanel(engine.endpoint) as panel:
        panel.paused = True
        before = panel.rows
        hand.create(name)
        # The engine is other tests' too: what they did a moment ago may be told late.
        wait.until(lambda: re.search(r"held: [1-9]\d* new", page(panel)), what="the count")
        assert panel.rows == before
        panel.paused = False
        assert name in [row.name for row in panel.rows]


def test_wire_shows_what_is_sent(engine: Engine, page: Callable[[Any], str]) -> None:
    """Each request of a client is a row; the chosen one has its curl below."""
    with Client(engine.endpoint) as client, WirePanel(client) as panel:
        assert "Nothing was sent yet" in page(panel)
        client.get("/version")
        client.get("/containers/json", params={"all": True})
        assert [call.path for call in panel.calls] == ["/version", "/containers/json?all=true"]
        wait.until(lambda: len(panel.list.options) == 2, what="the rows")
        assert panel.choose() == panel.calls[-1].as_curl()
        assert "curl --unix-socket &quot;$DOCKER_SOCK&quot;" in page(panel)
        panel.list.value = panel.list.options[1][1]
        assert "http://localhost/version" in page(panel)
        panel.search = "containers"
        assert [call.path for call in panel.calls] == ["/containers/json?all=true"]


def test_the_chosen_call_stays(engine: Engine, page: Callable[[Any], str]) -> None:
    """While calls come in, the chosen one stays chosen."""
    with Client(engine.endpoint) as client, WirePanel(client) as panel:
        client.get("/version")
        panel.choose()
        client.get("/info")
        wait.until(lambda: len(panel.list.options) == 2, what="the second row")
        assert panel.list.label.strip("\N{NO-BREAK SPACE}").startswith("GET")
        assert "http://localhost/version" in page(panel)


def test_wire_of_several_clients(engine: Engine) -> None:
    """A client that is recorded later, or twice, is recorded once; a closed panel records none."""
    with Client(engine.endpoint) as first, Client(engine.endpoint) as second:
        with WirePanel(first) as panel:
            panel.record(second, first)
            panel.record(second)
            first.get("/_ping")
            second.get("/_ping")
            assert len(panel.calls) == 2
        first.get("/_ping")
        assert len(panel.calls) == 2
        assert first.session.hooks["response"] == second.session.hooks["response"] == []


def test_wire_keeps_a_bounded_number(engine: Engine) -> None:
    """Of many calls the latest are kept."""
    with Client(engine.endpoint) as client, WirePanel(client) as panel:
        for _ in range(520):
            client.get("/_ping")
        assert len(panel.calls) == 500
        wait.until(lambda: len(panel.list.options) == 200, what="the rows")
