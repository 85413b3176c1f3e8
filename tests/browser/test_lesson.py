"""A lesson in the browser: what a learner does, and what they see."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.engine import fleet, host
from labkit.raw import Client

if TYPE_CHECKING:
    from tests.browser.conftest import LabServer, Notebook

pytestmark = pytest.mark.engine

FIRST, LESSON = "00-start-here", "01-list-containers"


@pytest.fixture(scope="module")
def lesson(running_lab: LabServer, open_lesson: Callable[[str], Notebook]) -> Notebook:
    """The lesson on containers, run from its top to the live panel.

    The lab opens with the first lesson; a double click opens this one.
    """
    first = open_lesson(FIRST)  # all of it is there: it won't come forward again
    first.page.get_by_role("listitem", name=re.compile(f"{LESSON}.ipynb")).dblclick()
    lesson = first.beside(running_lab.workspace / f"{LESSON}.ipynb")
    lesson.run_to("panel")
    expect(lesson.cell("panel").locator(".lk-row")).to_have_count(5)
    return lesson


@pytest.fixture(scope="module")
def engine(running_lab: LabServer, lesson: Notebook) -> Iterator[Client]:
    """A connection of our own to the engine that the open lesson has."""
    expect(lesson.cell("start-lab")).to_contain_text("is ready for 01-list-containers")
    (name,) = engines_of(running_lab)
    with Client(Endpoint(unix=fleet.folder(name) / "docker.sock")) as client:
        yield client


def engines_of(server: LabServer) -> list[str]:
    """The names of the engines that a server's kernels have."""
    pids = {str(process.pid) for process in server.processes}
    with host.find(start=False).client() as client:
        found = fleet.engines(client)
    return [engine.name for engine in found if engine.owner.split(":")[-2] in pids]


def row(lesson: Notebook, name: str) -> Locator:
    """The row of a container in the panel."""
    exactly = lesson.page.locator(".lk-name").get_by_text(name, exact=True)
    return lesson.cell("panel").locator(".labkit-containers .lk-row").filter(has=exactly)


def dot(state: str, row: Locator) -> Locator:
    """The mark of a state in a row."""
    return row.locator(f'.lk-dot[data-state="{state}"]')


def test_stop_in_the_panel_stops_the_container(lesson: Notebook, engine: Client) -> None:
    """A press on Stop ends the container, and the page and the engine both say so."""
    web = row(lesson, "web")
    expect(dot("running", web)).to_be_visible()
    web.get_by_role("button", name="Stop").click()
    expect(dot("exited", web)).to_be_visible()
    expect(lesson.cell("panel").locator(".lk-said")).to_contain_text("204 No Content")
    assert engine.get("/containers/web/json").json()["State"]["Status"] == "exited"
    expect(web.get_by_role("button", name="Stop")).to_be_disabled()
    expect(web.get_by_role("button", name="Start")).to_be_enabled()


def test_the_panel_shows_what_others_do(lesson: Notebook, engine: Client) -> None:
    """A container that somebody else makes, starts and removes comes, changes and goes."""
    body = {"Image": "busybox", "Cmd": ["sleep", "600"]}
    engine.post("/containers/create", params={"name": "visitor"}, json=body)
    visitor = row(lesson, "visitor")
    expect(dot("created", visitor)).to_be_visible()
    engine.post("/containers/visitor/start")
    expect(dot("running", visitor)).to_be_visible()
    engine.delete("/containers/visitor", params={"force": True})
    expect(visitor).to_have_count(0)


def test_a_check_asks_and_then_says_well_done(lesson: Notebook, running_lab: LabServer) -> None:
    """A wrong answer gets the tutor's question, the right one its points, noted as progress."""
    passed = running_lab.workspace / ".labkit" / "progress" / LESSON / "list-running.json"
    task, check = "solution-list-running", "check-list-running"
    wrong = "return [one.name for one in client.containers.list(all=True)]"
    lesson.write(task, "raise NotImplementedError", wrong)
    lesson.run(task)
    lesson.run(check)
    expect(lesson.cell(check)).to_contain_text("✗ list-running: 0 of 3 points")
    expect(lesson.cell(check)).to_contain_text("Seen: In your list, but wrong:")
    expect(lesson.cell(check)).to_contain_text("Or were they created, or have they ended?")
    expect(lesson.cell(check)).not_to_contain_text("Traceback")
    assert not passed.exists()

    lesson.write(task, "return", wrong.replace("all=True", ""))
    lesson.run(task)
    lesson.run(check)
    expect(lesson.cell(check)).to_contain_text("✓ list-running: 3 of 3 points")
    assert json.loads(passed.read_text())["points"] == 3


def test_nobody_else_gets_in(running_lab: LabServer, new_page: Callable[[], Page]) -> None:
    """The server and its kernels listen on loopback alone, and the server wants the token."""
    listening = {
        connection.laddr.ip
        for process in running_lab.processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    stranger = new_page()
    answer = stranger.request.get(f"{running_lab.address}/api/contents")
    assert answer.status == HTTPStatus.FORBIDDEN
    stranger.goto(f"{running_lab.address}/lab")
    expect(stranger.get_by_label("Password or token")).to_be_visible()


def test_it_writes_into_its_own_folders_only(running_lab: LabServer, lesson: Notebook) -> None:
    """What server and kernels have open for writing is in the workspace or their home folder."""
    expect(lesson.cell("panel")).to_be_visible()
    written = [
        Path(file.path)
        for process in running_lab.processes
        for file in process.open_files()
        if file.mode != "r"
    ]
    assert written
    assert [path for path in written if not path.is_relative_to(running_lab.folder)] == []


def test_the_end_loses_no_work_and_leaves_nothing(running_lab: LabServer, lesson: Notebook) -> None:
    """Ctrl-C twice ends server, kernels and engine; the next start has the notebook as it was.

    The last test of this module, for it ends the server.
    """
    path = running_lab.workspace / f"{LESSON}.ipynb"
    lesson.click("start-client", "client =")
    lesson.page.keyboard.press("End")
    lesson.page.keyboard.type("  # my own words")
    lesson.page.keyboard.press("Control+S")
    wait.until(lambda: "my own words" in path.read_text(), what="the saved notebook")
    processes, (engine,) = running_lab.processes, engines_of(running_lab)
    lesson.page.close()
    running_lab.end()
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []
    wait.until(lambda: not fleet.folder(engine).exists(), what="the engine's end")
    mine = path.read_bytes()
    with running_lab:
        assert path.read_bytes() == mine
