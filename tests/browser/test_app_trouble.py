"""The web app when its engine, or the app itself, dies and comes back while the page is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route, expect

from labkit.app.serve import App
from labkit.engine.engine import Engine

if TYPE_CHECKING:
    from tests.browser.conftest import Run, Screen

pytestmark = pytest.mark.engine


def make(engine: Engine, name: str) -> None:
    """Start a container that sleeps."""
    body = {"Image": "busybox", "Cmd": ["sleep", "600"]}
    engine.raw.post("/containers/create", params={"name": name}, json=body)
    engine.raw.post(f"/containers/{name}/start")


def kill(engine: Engine) -> None:
    """End dockerd as the power cut does."""
    with engine.host.client() as client:
        client.containers.get(engine.container_id).kill()


def test_an_engine_dies_and_comes_back(blank: Screen, fresh_engine: Engine) -> None:
    """The page says that it waits, turns its buttons off, and then goes on by itself."""
    make(fresh_engine, "before")
    with App(fresh_engine.endpoint) as app:
        screen = blank.open(app)
        stop = screen.page.get_by_role("button", name="Stop before")
        banner = screen.page.get_by_role("alert").filter(has_text="The engine does not answer")
        expect(stop).to_be_enabled()
        expect(banner).to_have_count(0)
        kill(fresh_engine)
        expect(banner).to_be_visible()
        expect(stop).to_be_disabled()
        expect(screen.page.get_by_role("button", name="Create", exact=True)).to_be_disabled()
        fresh_engine.reset()
        expect(banner).to_have_count(0)
        expect(screen.row("before")).to_have_count(0)
        make(fresh_engine, "after")
        expect(screen.page.get_by_role("button", name="Stop after")).to_be_enabled()
        screen.press("Stop after")
        expect(screen.said).to_contain_text("Stopped after.")


@pytest.mark.slow
def test_a_log_survives_a_reset(blank: Screen, fresh_engine: Engine) -> None:
    """A page on a container that is gone with its engine says so, and leads back."""
    make(fresh_engine, "web")
    with App(fresh_engine.endpoint) as app:
        screen = blank.open(app)
        screen.row("web").get_by_role("link", name="web").click()
        expect(screen.page.get_by_role("log")).to_be_visible()
        fresh_engine.reset()
        expect(screen.page.get_by_text("There is no such container any more")).to_be_visible()
        expect(screen.page.get_by_role("button", name="Stop")).to_be_disabled()
        screen.page.locator("main").get_by_role("link", name="Containers").click()
        expect(screen.page.get_by_text("No containers yet.")).to_be_visible()


def test_the_app_ends_and_is_started_anew(blank: Screen, engine: Engine) -> None:
    """Without its server the page waits; a new run of the app wants its own link."""
    with App(engine.endpoint) as app:
        screen = blank.open(app)
        expect(screen.page.locator("#pulse[data-state=live]")).to_be_visible()
        port = app.guard.port
    expect(screen.page.get_by_role("alert")).to_contain_text("server does not answer")
    with App(engine.endpoint, port=port) as app:
        expect(screen.page.get_by_role("alert")).to_contain_text("The app was started anew")
        screen.open(app)
        expect(screen.page.locator("#pulse[data-state=live]")).to_be_visible()
        expect(screen.page.get_by_role("alert")).to_have_count(0)


@pytest.mark.slow
def test_a_cut_connection_is_made_good(blank: Screen, app: App, run: Run) -> None:
    """A file or an answer that the network loses is asked for again, and nobody notices.

    Browsers cut every connection when an engine that starts changes the machine's network.
    """
    run("web")
    cut: set[str] = set()

    def lose(route: Route) -> None:
        address = route.request.url
        first = address not in cut
        cut.add(address)
        if first:
            route.abort("connectionreset")
        else:
            route.continue_()

    for lost in ("**/static/table.js", "**/stop?*"):
        blank.page.route(lost, lose)
    screen = blank.open(app)
    screen.press("Stop web")
    expect(screen.said).to_contain_text("Stopped web.")
    assert len(cut) == 2
