"""How soon a panel of 200 containers shows what happened: ``make bench``.

Beside it, as its floor: how soon a bare feed tells of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import pytest

from labkit.engine.engine import Engine
from labkit.live.containers import ContainerList
from labkit.live.feed import Feed
from labkit.live.topic import Change
from labkit.panels import ContainersPanel
from labkit.raw import Client

pytestmark = pytest.mark.engine
CONTAINERS, ROUNDS, PAUSE = 200, 40, 0.3


@pytest.fixture(scope="module")
def full() -> Iterator[Engine]:
    """An engine with two hundred containers."""
    with Engine.start() as engine:

        def create(number: int) -> None:
            with Client(engine.endpoint) as client:
                client.post(
                    "/containers/create",
                    params={"name": f"bench-{number}"},
                    json={"Image": "busybox", "Cmd": ["sleep", "1000"]},
                )

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(create, range(CONTAINERS)))
        yield engine


class Renaming:
    """Renames a container, and says when its new name was seen."""

    def __init__(self, engine: Engine) -> None:
        self._client = engine.raw
        self.id = engine.raw.get("/containers/json?all=true").json()[CONTAINERS // 2]["Id"]
        self._names = cycle(["seen-a", "seen-b"])
        self.name = ""
        self.seen = threading.Event()

    def begin(self) -> None:
        """Choose the next name, and let what was before come to rest."""
        self.seen.clear()
        threading.Event().wait(PAUSE)
        self.name = next(self._names)

    def rename(self) -> None:
        """Have the engine rename it, and wait until that is seen."""
        self._client.post(f"/containers/{self.id}/rename", params={"name": self.name})
        assert self.seen.wait(10)


@pytest.mark.benchmark(group="panels: from the event to the row, 200 containers")
def test_row(benchmark: Any, full: Engine) -> None:
    """From the request that renames a container to the changed row of the panel."""
    renaming = Renaming(full)
    with ContainersPanel(full.endpoint) as panel:
        row = panel.button(renaming.id, "inspect")
        row.observe(
            lambda change: renaming.seen.set() if renaming.name in change["new"] else None,
            "tooltip",
        )
        benchmark.pedantic(renaming.rename, setup=renaming.begin, rounds=ROUNDS)


@pytest.mark.benchmark(group="panels: from the event to the row, 200 containers")
def test_feed_alone(benchmark: Any, full: Engine) -> None:
    """From the same request to the same news, with no widget."""
    renaming = Renaming(full)
    containers = ContainerList()

    def changed(change: Change) -> None:
        row = containers.find(change.id)
        if row and row.name == renaming.name:
            renaming.seen.set()

    feed = Feed(full.endpoint, [containers], changed=changed, away=lambda _: None)
    assert feed.wait(10)
    benchmark.pedantic(renaming.rename, setup=renaming.begin, rounds=ROUNDS)
    feed.close()


@pytest.mark.benchmark(group="panels: opening")
def test_open(benchmark: Any, full: Engine) -> None:
    """From nothing to two hundred rows."""
    panels: list[ContainersPanel] = []
    benchmark.pedantic(lambda: panels.append(ContainersPanel(full.endpoint)), rounds=5)
    assert all(len(panel.rows) == CONTAINERS for panel in panels)
    for panel in panels:
        panel.close()
