"""Panels in a storm of events: right afterwards, and no bigger than before."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import psutil
import pytest
from ipywidgets.widgets.widget import _instances

from labkit import wait
from labkit.engine.engine import Engine
from labkit.panels import ContainersPanel, EventsPanel, NetworksPanel, StatsPanel
from labkit.raw import Client

pytestmark = pytest.mark.engine
RATE, SIDES = 50, 4  # events a second
MEGABYTE = 1_000_000


class Storm:
    """Causes about fifty events a second, from four sides, as fast as the engine can take them."""

    def __init__(self, engine: Engine, hand: Callable[[Client], Any]) -> None:
        self._engine = engine
        self._hand = hand

    def blow(self, name: str, seconds: int) -> str:
        """Let containers come and go, and one that stays be renamed; return its last name."""
        with Client(self._engine.endpoint) as client:
            stays = self._hand(client).create(f"{name}-stays")
            with ThreadPoolExecutor(SIDES) as pool:
                list(pool.map(partial(self._side, name, seconds), range(SIDES - 1)))
            for number in range(RATE * seconds // 4):
                path = f"/containers/{stays}/rename"
                client.post(path, params={"name": f"{name}-{number}-new"})
        return f"{name}-{number}-new"

    def _side(self, name: str, seconds: int, side: int) -> None:
        """Create and remove on a connection of its own: two events a turn."""
        began = time.monotonic()
        turns = RATE * seconds * 3 // 4 // (SIDES - 1) // 2
        with Client(self._engine.endpoint) as client:
            for turn in range(turns):
                passing = self._hand(client).create(f"{name}-{side}-{turn}")
                client.delete(f"/containers/{passing}")
                time.sleep(max(0.0, began + seconds * turn / turns - time.monotonic()))


@pytest.fixture
def storm(engine: Engine, other_hand: Callable[[Client], Any]) -> Storm:
    """A storm on the shared engine."""
    return Storm(engine, other_hand)


@pytest.mark.slow
def test_storm(engine: Engine, storm: Storm, hand: Any, page: Any) -> None:
    """After fifty events a second the panels show what there is, and have not grown."""
    hand.run("storm-runs")
    with ExitStack() as stack:
        panel = stack.enter_context(ContainersPanel(engine.endpoint))
        events = stack.enter_context(EventsPanel(engine.endpoint, limit=100))
        for kind in (NetworksPanel, StatsPanel):
            stack.enter_context(kind(engine.endpoint))
        storm.blow("storm-warm", 2)
        until_right(panel, hand)
        threads, widgets, memory = threading.active_count(), set(_instances), grown()
        last = storm.blow("storm", 30)
        until_right(panel, hand)
        new = set(_instances) - widgets
        assert len(new) <= 8, "the row of the one container that stays"
        assert threading.active_count() == threads
        assert grown() - memory < 8 * MEGABYTE
        assert page(panel).count(f">{last}</span>") == 1
        assert events.rows[-1].name == last
        assert len(events.rows) == 100


def until_right(panel: ContainersPanel, hand: Any) -> None:
    """Wait until the panel has the engine's containers, under their names."""

    def right() -> bool:
        listed = hand.client.get("/containers/json", params={"all": True}).json()
        return {(one["Id"], one["Names"][0][1:], one["State"]) for one in listed} == {
            (row.id, row.name, row.state) for row in panel.rows
        }

    wait.until(right, what="the rows to be the engine's", timeout=20)


def grown() -> int:
    """Return the bytes that this process has in memory, after what nobody needs was let go."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)
