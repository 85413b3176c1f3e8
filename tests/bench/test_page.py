"""From an address typed to 200 containers on the web app's page: ``make bench``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from labkit.app.serve import App
from labkit.engine.engine import Engine

pytestmark = pytest.mark.engine

MANY, ROUNDS = 200, 10
FIRST = "performance.getEntriesByName('containers-shown')[0].startTime / 1000"


@pytest.fixture(scope="module")
def crowd(engine: Engine) -> Iterator[None]:
    """200 containers that were created and not started."""

    def create(_: int) -> str:
        body = {"Image": "busybox", "Cmd": ["true"]}
        return str(engine.raw.post("/containers/create", json=body).json()["Id"])

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(create, range(MANY)))
        yield
        list(pool.map(lambda one: engine.raw.delete(f"/containers/{one}"), made))


@pytest.fixture
def page() -> Iterator[Page]:
    """A page in headless Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    flags = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser.new_page()
        browser.close()


@pytest.mark.benchmark(group="200 containers on the page")
@pytest.mark.usefixtures("crowd")
def test_first_rows(engine: Engine, page: Page, benchmark: Any) -> None:
    """To the frame after which all rows are painted; ``shown`` is the page's own clock at it."""
    shown = []
    with App(engine.endpoint) as app:
        page.goto(app.url)

        def visit() -> None:
            page.goto(app.origin)
            page.locator("main tbody tr").nth(MANY - 1).wait_for()

        def note() -> None:
            shown.append(page.evaluate(FIRST))

        benchmark.pedantic(visit, rounds=ROUNDS, teardown=note)
        assert page.locator("main tbody tr").count() == MANY
    benchmark.extra_info["shown"] = sorted(shown)[len(shown) // 2]
