"""The web app in the browser: what a person does to containers, and what they see."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Download, Error, Locator, expect

from labkit import wait
from labkit.engine.engine import Engine
from labkit.errors import NotFound

if TYPE_CHECKING:
    from tests.browser.conftest import Run, Screen

pytestmark = pytest.mark.engine

# what would run if a page took an engine's text for markup
MARKUP = "<img src=x onerror=\"document.title='hacked'\"><script>alert('hacked')</script>"


def state(engine: Engine, name: str) -> str:
    """The state of a container in Docker's word."""
    return str(engine.raw.get(f"/containers/{name}/json").json()["State"]["Status"])


def dot(row: Locator, word: str) -> Locator:
    """The mark of a state in a row."""
    return row.locator(f'.dot[data-state="{word}"]')


def test_stop_and_start(screen: Screen, engine: Engine, run: Run) -> None:
    """Stop and start do what they say, and the page shows the requests that they are."""
    run("web")
    web = screen.row("web")
    expect(dot(web, "running")).to_be_visible()
    screen.press("Stop web")
    expect(dot(web, "exited")).to_be_visible()
    expect(screen.said).to_contain_text("Stopped web.")
    expect(screen.said).to_contain_text("POST /containers/web/stop?t=1 → 204 No Content")
    assert state(engine, "web") == "exited"
    expect(web.get_by_role("button", name="Pause web")).to_be_disabled()
    screen.press("Start web")
    expect(dot(web, "running")).to_be_visible()
    assert state(engine, "web") == "running"


def test_pause_is_a_toggle(screen: Screen, engine: Engine, run: Run) -> None:
    """A paused container offers to go on, at the button that paused it."""
    run("web")
    screen.press("Pause web")
    expect(dot(screen.row("web"), "paused")).to_be_visible()
    assert state(engine, "web") == "paused"
    screen.press("Unpause web")
    expect(dot(screen.row("web"), "running")).to_be_visible()


def test_remove_is_refused_and_then_forced(screen: Screen, engine: Engine, run: Run) -> None:
    """Docker's 409 stands in the dialog, with what to do; with Force the container goes."""
    run("web")
    screen.press("Remove web")
    screen.press("Remove", screen.dialog)
    expect(screen.dialog).to_contain_text("409 Conflict")
    expect(screen.dialog).to_contain_text("container is running")
    assert state(engine, "web") == "running"
    force = screen.dialog.get_by_role("checkbox", name="Force")
    expect(force).to_be_focused()
    force.check()
    screen.press("Remove", screen.dialog)
    expect(screen.row("web")).to_have_count(0)
    expect(screen.dialog).to_have_count(0)
    expect(screen.said).to_contain_text("DELETE /containers/web?force=true → 204 No Content")
    with pytest.raises(NotFound):
        engine.raw.get("/containers/web/json")


def test_what_others_do_appears(screen: Screen, engine: Engine, run: Run) -> None:
    """A container that somebody else makes, renames and removes comes, changes and goes."""
    container = run("visitor")
    expect(dot(screen.row("visitor"), "running")).to_be_visible()
    engine.raw.post(f"/containers/{container}/rename", params={"name": "guest"})
    expect(screen.row("guest")).to_be_visible()
    engine.raw.delete(f"/containers/{container}", params={"force": True})
    expect(screen.row("guest")).to_have_count(0)


def test_a_log_is_followed(screen: Screen, engine: Engine, run: Run) -> None:
    """Lines appear as they are written, errors stand out, and a search marks and counts."""
    run("web")
    screen.row("web").get_by_role("link", name="web").click()
    log = screen.page.get_by_role("log")
    expect(screen.page.get_by_text("It has written nothing yet.")).to_be_visible()
    write(engine, "web", "echo one apple > /proc/1/fd/1")
    expect(log.locator(".line").get_by_text("one apple")).to_be_visible()
    write(engine, "web", "echo a pear > /proc/1/fd/2")
    expect(log.locator('.line[data-stream="stderr"]')).to_contain_text("a pear")
    screen.search("apple")
    expect(log.locator("mark")).to_have_text(["apple"])
    expect(log.get_by_text("a pear")).to_be_hidden()
    expect(screen.page.get_by_text("1 of 2 lines")).to_be_visible()
    write(engine, "web", "echo another apple > /proc/1/fd/1")
    expect(log.locator("mark")).to_have_count(2)
    screen.page.get_by_role("checkbox", name="Timestamps").check()
    expect(log.locator("time").first).to_have_text(re.compile(r"^\d{4}-\d\d-\d\dT"))


def write(engine: Engine, container: str, command: str) -> None:
    """Have a container's first process write, as it were."""
    engine.docker.containers.get(container).exec_run(["sh", "-c", command])


def test_a_log_goes_on_when_its_container_runs_again(
    screen: Screen, engine: Engine, run: Run
) -> None:
    """A log that has ended says so, and begins anew with the container."""
    run("web", "sh", "-c", "echo hello; exit 3")
    screen.row("web").get_by_role("link", name="web").click()
    expect(screen.page.locator(".logs .note")).to_contain_text("1 line · ended")
    engine.raw.post("/containers/web/start")
    expect(screen.page.locator(".line")).to_have_count(2)


def test_a_log_can_be_kept(screen: Screen, run: Run) -> None:
    """Download gives a file with the log in it."""
    run("web", "sh", "-c", "echo hello")
    screen.row("web").get_by_role("link", name="web").click()
    download = wait.until(lambda: _downloaded(screen), what="the download", timeout=60)
    assert download.suggested_filename == "web.log"
    assert download.path().read_text() == "hello\n"


def _downloaded(screen: Screen) -> Download | None:
    """Press the link; Chromium drops a download while a neighbour's engine comes or goes."""
    with suppress(Error), screen.page.expect_download(timeout=5000) as download:
        screen.page.get_by_role("link", name="Download").click()
        return download.value
    return None


def test_create_from_the_dialog(screen: Screen, engine: Engine) -> None:
    """A mistake is told at its field; then the container is there, as it was asked for."""
    screen.press("Create")
    fill = {"Image": "busybox", "Name": "made", "Command": "sleep 600", "Ports": "eighty"}
    for label, text in fill.items():
        screen.dialog.get_by_label(label, exact=True).fill(text)
    screen.dialog.get_by_label("Environment").fill("COLOUR=blue\nSIZE=2")
    screen.dialog.get_by_label("Restart it").select_option("on-failure")
    screen.press("Create", screen.dialog)
    ports = screen.dialog.get_by_label("Ports", exact=True)
    expect(ports).to_be_focused()
    expect(ports).to_have_attribute("aria-invalid", "true")
    expect(screen.dialog.locator("#field-ports-error")).to_contain_text("8080:80")
    ports.fill("18080:80")
    screen.press("Create", screen.dialog)
    expect(dot(screen.row("made"), "running")).to_be_visible()
    expect(screen.said).to_contain_text("POST /containers/create?name=made → 201 Created")
    made = engine.raw.get("/containers/made/json").json()
    engine.raw.delete("/containers/made", params={"force": True})
    assert {"COLOUR=blue", "SIZE=2"} <= set(made["Config"]["Env"])
    assert made["Config"]["Cmd"] == ["sleep", "600"]
    assert made["HostConfig"]["RestartPolicy"]["Name"] == "on-failure"
    assert made["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"] == "18080"


@pytest.mark.slow
def test_many_are_stopped_at_once(screen: Screen, engine: Engine, run: Run) -> None:
    """What is selected is stopped, what is not goes on, and the message sums it up."""
    for name in ("one", "two", "three", "bystander"):
        run(name)
    run("tired", "true")
    for name in ("one", "two", "three", "tired"):
        screen.row(name).get_by_role("checkbox").check()
    bulk = screen.page.get_by_role("group", name="With the selected containers")
    expect(bulk).to_contain_text("4 selected")
    screen.press("Stop", bulk)
    expect(screen.said).to_contain_text("Stopped 3 containers, 1 was already stopped.")
    states = [state(engine, name) for name in ("one", "two", "three", "bystander")]
    assert states == ["exited", "exited", "exited", "running"]


def test_many_removals_say_what_was_refused(screen: Screen, run: Run) -> None:
    """Those that Docker refuses to remove are named, in Docker's words."""
    run("old", "true", running=False)
    run("busy")
    for name in ("old", "busy"):
        screen.row(name).get_by_role("checkbox").check()
    bulk = screen.page.get_by_role("group", name="With the selected containers")
    screen.press("Remove", bulk)
    screen.press("Remove", screen.dialog)
    expect(screen.said).to_contain_text("Removed 1 container, 1 refused.")
    expect(screen.said.get_by_role("listitem")).to_contain_text("busy: ")
    expect(screen.row("old")).to_have_count(0)
    expect(bulk).to_contain_text("1 selected")


def test_search_and_sort(screen: Screen, run: Run) -> None:
    """A search narrows the rows, a heading orders them, and both stay for what comes later."""
    for name in ("crow-2", "crow-10", "ant"):
        run(name, "true", running=False)
    screen.search("crow CREATED")
    expect(screen.page.locator("main tbody tr")).to_have_count(2)
    heading = screen.page.get_by_role("columnheader", name="Name")
    screen.press("Name")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert screen.names == ["crow-2", "crow-10"]
    screen.press("Name")
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert screen.names == ["crow-10", "crow-2"]
    run("crow-7", "true", running=False)
    expect(screen.row("crow-7")).to_be_visible()
    assert screen.names == ["crow-10", "crow-7", "crow-2"]
    screen.search("nobody")
    expect(screen.page.get_by_text("No container matches the search.")).to_be_visible()


def test_only_the_running_ones(screen: Screen, engine: Engine, run: Run) -> None:
    """Running shows what docker ps shows, and a container that ends leaves it."""
    run("alive")
    run("done", "true", running=False)
    screen.page.get_by_text("Running", exact=True).click()
    expect(screen.row("alive")).to_be_visible()
    expect(screen.row("done")).to_have_count(0)
    engine.raw.post("/containers/alive/kill")
    expect(screen.row("alive")).to_have_count(0)


def test_text_of_an_engine_is_only_text(screen: Screen, engine: Engine, run: Run) -> None:
    """HTML in a label, a variable, a command or a log is shown as it is, and never runs."""
    command = ("sh", "-c", f"echo '{MARKUP.replace(chr(39), chr(34))}'; sleep 600")
    evil = run("evil", *command, Labels={MARKUP: MARKUP}, Env=[f"BAD={MARKUP}"])
    screen.row("evil").get_by_role("link", name="evil").click()
    expect(screen.page.get_by_role("log")).to_contain_text("<img src=x")
    screen.page.get_by_role("link", name="Inspect").click()
    screen.search("BAD=")
    expect(screen.page.get_by_role("cell", name=f"BAD={MARKUP}")).to_be_visible()
    screen.view("Events")
    engine.raw.post(f"/containers/{evil}/pause")
    screen.search("pause evil")
    expect(screen.page.get_by_role("cell", name=MARKUP)).not_to_have_count(0)
    screen.view("Networks")
    wait.until(lambda: "hacked" not in screen.page.title(), what="the title as it was")
    assert screen.page.locator("main img, main script").count() == 0


def test_the_keyboard_is_enough(screen: Screen, engine: Engine, run: Run) -> None:
    """Slash, Tab and Enter stop a container, and the focus stays where it was."""
    run("web")
    run("other")
    keys = screen.page.keyboard
    expect(screen.row("web")).to_be_visible()
    keys.press("/")
    keys.type("web")
    expect(screen.row("other")).to_have_count(0)
    stop = screen.page.get_by_role("button", name="Stop web", exact=True)
    for _ in range(20):
        keys.press("Tab")
        if stop.evaluate("node => node === document.activeElement"):
            break
    keys.press("Enter")
    expect(dot(screen.row("web"), "exited")).to_be_visible()
    expect(stop).to_be_focused()
    assert state(engine, "web") == "exited"
    keys.press("Shift+Tab")
    keys.press("Enter")
    expect(dot(screen.row("web"), "running")).to_be_visible()
    keys.press("?")
    expect(screen.dialog).to_contain_text("Keys")
    keys.press("Escape")
    expect(screen.dialog).to_have_count(0)
