"""The web app with many containers and many events: it stays right, and it does not grow."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from labkit import wait
from labkit.app.serve import App
from labkit.engine.engine import Engine
from labkit.raw import Client

if TYPE_CHECKING:
    from tests.browser.conftest import Screen

pytestmark = [pytest.mark.engine, pytest.mark.slow]

MANY = 200
EVENTS_A_SECOND = 50
WORKERS = 4
RUNNING = 3


@pytest.fixture(scope="module")
def crowd(engine: Engine) -> Iterator[list[str]]:
    """Yield the ids of 200 containers that were created, of which the first few run."""

    def create(number: int) -> str:
        body = {"Image": "busybox", "Cmd": ["sleep", "600"]}
        params = {"name": f"crowd-{number:03}"}
        made = engine.raw.post("/containers/create", params=params, json=body).json()["Id"]
        if number < RUNNING:
            engine.raw.post(f"/containers/{made}/start")
        return str(made)

    def remove(container: str) -> None:
        engine.raw.delete(f"/containers/{container}", params={"force": True})

    with ThreadPoolExecutor(WORKERS) as pool:
        made = list(pool.map(create, range(MANY)))
        yield made
        list(pool.map(remove, made))


def test_200_containers_are_all_there(screen: Screen, crowd: list[str]) -> None:
    """Each of 200 containers has its row, and the browser notes when they were first shown."""
    expect(screen.page.locator("main tbody tr")).to_have_count(len(crowd))
    expect(screen.page.get_by_text(f"{MANY} containers, {RUNNING} running")).to_be_visible()
    first = "performance.getEntriesByName('containers-shown').map(one => one.startTime)"
    assert len(screen.page.evaluate(first)) == 1


def test_the_focus_stays_in_a_crowd(screen: Screen, engine: Engine, crowd: list[str]) -> None:
    """A row that has the focus keeps it while it changes, moves, and others come and go."""
    screen.press("State")
    pause = screen.page.get_by_role("button", name="Pause crowd-001")
    unpause = screen.page.get_by_role("button", name="Unpause crowd-001")
    pause.focus()
    engine.raw.post(f"/containers/{crowd[1]}/pause")
    expect(unpause).to_be_focused()
    engine.raw.post(f"/containers/{crowd[1]}/unpause")
    expect(pause).to_be_focused()


@pytest.mark.parametrize("seconds", [5, 30])
def test_fifty_events_a_second(
    screen: Screen, engine: Engine, app: App, crowd: list[str], seconds: int
) -> None:
    """Afterwards the rows are the engine's own, and page, nodes and heap are what they were."""
    expect(screen.page.locator("main tbody tr")).to_have_count(len(crowd))
    storm(engine, crowd, events=EVENTS_A_SECOND * 2)  # what is made once is made now
    until_right(screen.page, engine)
    nodes, heap = size(screen.page)
    storm(engine, crowd, events=EVENTS_A_SECOND * seconds)
    until_right(screen.page, engine)
    assert app.streams == 1
    nodes_after, heap_after = size(screen.page)
    assert nodes_after <= nodes * 1.05
    assert heap_after <= heap + 2_000_000  # the latest 500 events are kept, and they are small


def storm(engine: Engine, crowd: list[str], *, events: int) -> None:
    """Make things happen in the engine, fifty a second."""
    numbers = itertools.count()
    lock, begun = threading.Lock(), time.monotonic()

    def work(_: int) -> None:
        with Client(engine.endpoint) as client:
            while True:
                with lock:
                    number = next(numbers)
                if number >= events // 2:
                    return
                time.sleep(max(0.0, begun + 2 * number / EVENTS_A_SECOND - time.monotonic()))
                happen(client, crowd, number)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))


def happen(client: Client, crowd: list[str], number: int) -> None:
    """Cause two events: two new names, or a container that comes and goes."""
    if number % 2:
        container = crowd[number % len(crowd)]
        for name in (f"renamed-{number}", f"renamed-{number}-again"):
            client.post(f"/containers/{container}/rename", params={"name": name})
    else:
        body = {"Image": "busybox", "Cmd": ["true"]}
        made = client.post("/containers/create", json=body).json()["Id"]
        client.delete(f"/containers/{made}")


def until_right(page: Page, engine: Engine) -> None:
    """Wait until the page shows what the engine has."""
    every = engine.raw.get("/containers/json", params={"all": True}).json()
    wanted = {one["Id"]: [one["Names"][0][1:], one["State"]] for one in every}
    wait.until(lambda: shown(page) == wanted, what="the rows to be the engine's", timeout=30)


def shown(page: Page) -> dict[str, list[str]]:
    """The name and the state of each row, by id."""
    script = """rows => Object.fromEntries(rows.map(row => [
        row.dataset.id, ["td.name a", ".word"].map(one => row.querySelector(one).textContent),
    ]))"""
    found: dict[str, list[str]] = page.locator("main tbody tr").evaluate_all(script)
    return found


def size(page: Page) -> tuple[int, int]:
    """How many nodes and how many bytes of heap the page has, without what is garbage."""
    session: Any = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    found = {one["name"]: one["value"] for one in metrics}
    session.detach()
    return int(found["Nodes"]), int(found["JSHeapUsedSize"])
