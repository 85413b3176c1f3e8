"""The other views of the web app: stats, images, networks, volumes, events, requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from labkit.engine.engine import Engine

if TYPE_CHECKING:
    from tests.browser.conftest import Run, Screen

pytestmark = pytest.mark.engine

BUSY = ("sh", "-c", "while true; do :; done")
DOCKERFILE = "FROM busybox\nRUN echo built-here\nLABEL labkit.test=page\n"


@pytest.fixture
def clean(engine: Engine) -> Iterator[None]:
    """Take away what a test makes besides containers."""
    yield
    for kind in ("containers", "networks", "volumes"):
        every = {"all": ["true"]} if kind == "volumes" else {}
        engine.raw.post(f"/{kind}/prune", params={"filters": every})
    for image in engine.raw.get("/images/json").json():
        if (image["Labels"] or {}).get("labkit.test"):
            engine.raw.delete(f"/images/{image['Id']}", params={"force": True})


@pytest.mark.slow
def test_stats_show_who_is_busy(screen: Screen, run: Run) -> None:
    """What runs is measured once a second; what does not is not there."""
    run("busy", *BUSY, HostConfig={"NanoCpus": 200_000_000})
    run("calm")
    run("off", "true", running=False)
    screen.view("Stats")
    busy = screen.row("busy")
    expect(busy.locator("td.cpu .number")).to_have_text(re.compile(r"^[1-9]\d*\.\d %$"))
    expect(busy.locator("td.memory .number")).to_have_text(re.compile(r"^[\d.]+ [kM]B$"))
    expect(screen.row("off")).to_have_count(0)
    assert screen.names == ["busy", "calm"]
    busy.get_by_role("link", name="busy").click()
    figures = screen.page.locator("figure")  # the table that was there has such pictures, too
    expect(figures.get_by_role("img", name="CPU over the last minute")).to_be_visible()
    expect(figures.locator(".big").first).to_have_text(re.compile(r"^[1-9][\d.]* %$"))


@pytest.mark.usefixtures("clean")
def test_build_and_remove_an_image(screen: Screen, engine: Engine) -> None:
    """A build shows a bar for each step and what it says; the image can be removed again."""
    screen.view("Images")
    screen.press("Build")
    screen.dialog.get_by_label("Name").fill("page-test:1")
    screen.dialog.get_by_label("Dockerfile").fill(DOCKERFILE)
    screen.press("Build", screen.dialog)
    job = screen.page.get_by_role("article", name="Build page-test:1")
    expect(job.get_by_role("status")).to_have_text("done")
    expect(job.get_by_role("progressbar")).to_have_count(3)
    expect(job).to_contain_text("built-here")
    expect(screen.page.get_by_text("page-test:1", exact=True)).to_be_visible()
    screen.press("Put away", job)
    expect(job).to_have_count(0)
    screen.press("Remove page-test:1")
    screen.press("Remove", screen.dialog)
    expect(screen.page.get_by_text("page-test:1", exact=True)).to_have_count(0)
    tags = [tag for one in engine.raw.get("/images/json").json() for tag in one["RepoTags"] or []]
    assert "page-test:1" not in tags


@pytest.mark.usefixtures("clean")
def test_a_build_that_fails_says_why(screen: Screen) -> None:
    """The last words of a build that fails stand under its bars."""
    screen.view("Images")
    screen.press("Build")
    screen.dialog.get_by_label("Dockerfile").fill("FROM busybox\nRUN exit 7\n")
    screen.press("Build", screen.dialog)
    job = screen.page.get_by_role("article", name="Build mine:1")
    expect(job.get_by_role("alert")).to_contain_text("returned a non-zero code: 7")
    expect(job.get_by_role("status")).to_have_text("failed")


def test_a_pull_that_fails_says_why(screen: Screen) -> None:
    """Where no registry answers, Docker's words stand on the page."""
    screen.view("Images")
    screen.press("Pull")
    screen.dialog.get_by_label("Image").fill("127.0.0.1:1/nobody/here:1")
    screen.press("Pull", screen.dialog)
    job = screen.page.get_by_role("article", name="Pull 127.0.0.1:1/nobody/here:1")
    expect(job.get_by_role("alert")).to_contain_text("127.0.0.1:1")


@pytest.mark.slow
@pytest.mark.usefixtures("clean")
def test_connect_a_container_to_a_network(screen: Screen, engine: Engine, run: Run) -> None:
    """A network is created, a container joins and leaves it, and it is removed."""
    container = run("web")
    screen.view("Networks")
    screen.press("Create")
    screen.dialog.get_by_label("Name").fill("backend")
    screen.dialog.get_by_label("Subnet").fill("172.30.7.0/24")
    screen.press("Create", screen.dialog)
    expect(screen.row("backend")).to_contain_text("172.30.7.0/24")
    expect(screen.page.get_by_role("button", name="Remove bridge")).to_be_disabled()
    screen.row("backend").get_by_role("link", name="backend").click()
    screen.page.get_by_label("Which container to connect").select_option("web")
    screen.press("Connect")
    expect(screen.page.get_by_role("listitem").filter(has_text="web")).to_be_visible()
    expect(screen.page.get_by_role("cell", name="web", exact=True)).to_be_visible()
    assert container in engine.raw.get("/networks/backend").json()["Containers"]
    screen.press("Disconnect web")
    expect(screen.page.get_by_text("None.")).to_be_visible()
    screen.view("Networks")
    screen.press("Remove backend")
    screen.press("Remove", screen.dialog)
    expect(screen.row("backend")).to_have_count(0)


@pytest.mark.usefixtures("clean")
def test_volumes_say_who_uses_them(screen: Screen, run: Run) -> None:
    """A volume in use names its container, and Docker's refusal to remove it is shown."""
    screen.view("Volumes")
    screen.press("Create")
    screen.dialog.get_by_label("Name").fill("data")
    screen.press("Create", screen.dialog)
    expect(screen.row("data").locator("td.users")).to_have_text("none")
    run("db", HostConfig={"Binds": ["data:/data"]})
    expect(screen.row("data").locator("td.users")).to_have_text("db")
    screen.press("Remove data")
    screen.press("Remove", screen.dialog)
    expect(screen.dialog.get_by_role("alert")).to_contain_text("volume is in use")


def test_events_come_and_can_be_held(screen: Screen, engine: Engine, run: Run) -> None:
    """Events appear as they happen, newest first; a pause holds them, and says how many wait."""
    run("web")
    screen.view("Events")
    screen.search("container web")
    rows = screen.page.locator("main tbody tr")
    expect(rows.first).to_contain_text("start")
    screen.press("Pause")
    engine.raw.post("/containers/web/pause")
    expect(screen.page.get_by_text("paused; 1 new event since")).to_be_visible()
    expect(rows.first).to_contain_text("start")
    screen.press("Go on")
    expect(rows.first.locator("td.action")).to_have_text("pause")


def test_requests_are_kept(screen: Screen, run: Run) -> None:
    """What the page asked of the engine is listed, with what was answered."""
    run("web")
    screen.press("Pause web")
    expect(screen.said).to_contain_text("Paused web.")
    screen.press("Remove web")
    screen.press("Remove", screen.dialog)
    expect(screen.dialog).to_contain_text("409 Conflict")
    screen.page.keyboard.press("Escape")
    screen.view("Requests")
    rows = screen.page.locator("main tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("DELETE /containers/web")
    expect(rows.first).to_contain_text("409 Conflict")
    expect(rows.last).to_contain_text("POST /containers/web/pause")
    expect(rows.last).to_contain_text("204 No Content")
