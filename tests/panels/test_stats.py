"""The stats panel, headless, on a real engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from labkit import wait
from labkit.engine.engine import Engine
from labkit.live.stats import Usage
from labkit.panels import StatsPanel
from labkit.panels.spark import spark
from labkit.panels.track import Track


@pytest.mark.engine
def test_busy_and_idle(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """A busy container shows much CPU, an idle one none, and each has its plots."""
    hand.run(f"{name}-busy", "sh", "-c", "while :; do :; done")
    hand.run(f"{name}-idle")
    with StatsPanel(engine.endpoint, interval=0.2) as panel:
        panel.search = name

        def known() -> dict[str, Usage]:
            usages = {row.name: usage for row, usage in panel.rows}
            return usages if all(one.cpu is not None for one in usages.values()) else {}

        usages = wait.until(known, what="the CPU")
        assert (usages[f"{name}-busy"].cpu or 0) > (usages[f"{name}-idle"].cpu or 0) + 5
        assert all(one.memory > 0 for one in usages.values())
        panel.sort("cpu")
        wait.until(lambda: "<polyline" in page(panel), what="a plot")
        assert next(row.name for row, _ in panel.rows) == f"{name}-busy"
        assert page(panel).count('<svg class="lk-spark"') == 6


@pytest.mark.slow
@pytest.mark.engine
def test_one_thread_for_many(engine: Engine, hand: Any, name: str) -> None:
    """Ten containers cost no more threads than one; who stops leaves, who starts comes."""
    with StatsPanel(engine.endpoint, interval=0.1) as panel:
        panel.search = name
        threads = set(threading.enumerate())
        for number in range(10):
            hand.run(f"{name}-{number}")
        wait.until(
            lambda: len(panel.rows) == 10 and all(one.memory for _, one in panel.rows),
            what="the panel to follow",
            timeout=30,
        )
        assert set(threading.enumerate()) == threads
        hand.client.post(f"/containers/{name}-3/kill")
        wait.until(lambda: len(panel.rows) == 9, what="the panel to follow")
        assert f"{name}-3" not in [row.name for row, _ in panel.rows]


def test_rates() -> None:
    """The network's rates are what came since the look before, by the time that passed."""
    track = Track()
    track.add(Usage(rx=1000, tx=50), 10.0)
    assert (track.now.rx, track.now.tx) == (0.0, 0.0)
    track.add(Usage(rx=3000, tx=150), 12.0)
    assert (track.now.rx, track.now.tx) == (1000.0, 50.0)
    track.add(Usage(rx=0, tx=0), 13.0)
    assert track.now.rx == 0.0, "it was started again, and counts from zero"


def test_spark() -> None:
    """A plot goes from left to right, its highest value at the top, and is there from two on."""
    assert "polyline" not in spark([1.0])
    assert '<polyline points="0.0,20.0 30.0,10.5 60.0,1.0"/>' in spark([0, 1, 2], slots=3)
    assert '<polyline points="0.0,20.0 60.0,20.0"/>' in spark([0, 0], slots=2)
