"""Panels by name, as a notebook opens them."""

from __future__ import annotations

import threading

import pytest

from labkit import wait
from labkit.engine.engine import Engine
from labkit.errors import CourseError
from labkit.panels import ContainersPanel, LogsPanel, WirePanel
from labkit.panels.shelf import Shelf

NAMES = ("containers", "events", "images", "logs", "networks", "stats", "volumes", "wire")

pytestmark = pytest.mark.engine


def test_every_name(engine: Engine) -> None:
    """Each panel opens by its name, and all are closed together."""
    threads = set(threading.enumerate())
    shelf = Shelf(engine)
    panels = [shelf.open(name) for name in NAMES]
    assert [repr(panel).partition("Panel")[0].lower() for panel in panels] == list(NAMES)
    shelf.close()
    assert all(panel.closed for panel in panels)
    wait.until(lambda: set(threading.enumerate()) <= threads, what="the threads to end")


def test_unknown_name(engine: Engine) -> None:
    """Another name is refused with those that there are."""
    with pytest.raises(CourseError, match=r"containers, events, .*images, logs"):
        Shelf(engine).open("nodes")


def test_options(engine: Engine) -> None:
    """What the panel takes is passed on."""
    shelf = Shelf(engine)
    logs = shelf.open("logs", container="none-such", follow=False)
    containers = shelf.open("containers", all=False)
    assert isinstance(logs, LogsPanel)
    assert isinstance(containers, ContainersPanel)
    assert logs.follow.value is containers.all is False
    shelf.close()


def test_wire_after_a_reset(fresh_engine: Engine) -> None:
    """After a reset the wire log shows what the engine's new clients send."""
    shelf = Shelf(fresh_engine)
    panel = shelf.open("wire")
    assert isinstance(panel, WirePanel)
    fresh_engine.reset()
    shelf.refresh()
    fresh_engine.raw.get("/_ping")
    assert [call.path for call in panel.calls] == ["/_ping"]
    shelf.close()
