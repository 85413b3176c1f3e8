"""JupyterLab and the web app as a learner starts them, and a browser to look at them."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from playwright.sync_api import Browser, Error, Locator, Page, expect, sync_playwright

from labkit import wait
from labkit.app.serve import App
from labkit.engine.engine import Engine

FIRST = "00-start-here"
COURSE = Path(__file__).parents[2] / "notebooks"
LABKIT = Path(sys.executable).with_name("labkit")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 60.0  # seconds: a busy machine with two cores starts kernels slowly


class LabServer:
    """``labkit lab`` in a process group and a home folder of its own.

    :param folder: all that it writes is in here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self._home = folder / "home"
        self._log = folder / "server.log"

    def __enter__(self) -> Self:
        self._home.mkdir(exist_ok=True)
        # With a terminal, as a learner has one: without, the first Ctrl-C ends the server unasked.
        master, slave = pty.openpty()
        self._terminal = os.fdopen(master)
        with self._log.open("w") as log, os.fdopen(slave) as stdin:
            self._process = subprocess.Popen(
                [
                    *(LABKIT, "lab", "--workspace", self.workspace, "--course", COURSE),
                    *("--no-browser", "--port=0"),
                ],
                cwd=self.folder,
                env=_environment(self._home),
                start_new_session=True,
                stdin=stdin,
                stdout=log,
                stderr=log,
            )
        try:
            self.url = self._until_said(r"http://127\.0\.0\.1:\d+/\S+[?]token=\w+")
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.end()
        finally:
            self._kill()

    @property
    def address(self) -> str:
        """The server's URL without the token."""
        return re.sub(r"/lab/.*", "", self.url)

    @property
    def processes(self) -> list[psutil.Process]:
        """The server, its kernels, and whatever else they have started."""
        server = psutil.Process(self._process.pid)
        return [server, *server.children(recursive=True)]

    def end(self) -> None:
        """Press Ctrl-C twice, and wait until the server has ended."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
            self._until_said("Shut down this Jupyter server")
            os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(PATIENCE)
        self._terminal.close()

    def _until_said(self, pattern: str) -> str:
        def said() -> re.Match[str] | None:
            if self._process.poll() is not None:
                pytest.fail(f"labkit lab has ended:\n{self._log.read_text()}")
            return re.search(pattern, self._log.read_text())

        return wait.until(said, what=pattern, timeout=PATIENCE, hint=str(self._log)).group()

    def _kill(self) -> None:
        """Leave no process, whatever happened."""
        if self._process.poll() is None:
            for process in reversed(self.processes):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.wait()
        self._terminal.close()


class Notebook:
    """A notebook that is open on the page; cells are called by their ids."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self._ids = [cell["id"] for cell in json.loads(path.read_text())["cells"]]
        self._panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        expect(page.get_by_role("tab", name=path.name, selected=True)).to_be_visible()
        expect(self._panel.locator(".jp-Cell")).to_have_count(len(self._ids))
        expect(self._panel.locator(".jp-Toolbar-kernelName")).to_contain_text("Python 3")
        status = self._panel.locator(".jp-Notebook-ExecutionIndicator")
        expect(status).to_have_attribute("data-status", "idle")

    def beside(self, path: Path) -> Notebook:
        """Another notebook, on the same page."""
        return Notebook(self.page, path)

    def cell(self, name: str) -> Locator:
        """The cell of that id."""
        number = self._ids.index(name)
        return self._panel.locator(f'.jp-Cell[data-windowed-list-index="{number}"]')

    def click(self, name: str, line: str = "") -> None:
        """Put the cursor into a cell, at the first line that has these words."""
        self.cell(name).scroll_into_view_if_needed()
        self.cell(name).locator(".cm-line", has_text=line).first.click()

    def run(self, name: str) -> None:
        """Run a cell with Shift + Enter."""
        self.click(name)
        self.page.keyboard.press("Shift+Enter")

    def run_to(self, name: str) -> None:
        """Run all cells to this one."""
        self.click(name)
        self.menu("Run", "Run All Above Selected Cell")
        self.run(name)

    def menu(self, *names: str) -> None:
        """Choose from the menus."""
        for name in names:
            self.page.get_by_role("menuitem", name=name, exact=True).click()

    def write(self, name: str, line: str, text: str) -> None:
        """Type over a line of a cell, its indentation kept."""
        self.click(name, line)
        for key in ("Home", "Shift+End"):
            self.page.keyboard.press(key)
        self.page.keyboard.type(text)


def _environment(home: Path) -> Mapping[str, str]:
    """The environment, without what would lead Jupyter or the learner's progress elsewhere."""
    ours = ("JUPYTER", "IPYTHON", "XDG_CONFIG", "XDG_CACHE", "XDG_DATA", "LABKIT_PROGRESS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    docker = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    return {**kept, "HOME": str(home), "DOCKER_CONFIG": docker}


@pytest.fixture(scope="module")
def running_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A server that the tests of a module share."""
    with LabServer(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    expect.set_options(timeout=PATIENCE * 1000)
    program = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *root])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def new_page(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Open a page as a browser does that has never been here."""
    with ExitStack() as pages:

        def opened() -> Page:
            context = pages.enter_context(
                browser.new_context(viewport={"width": 1400, "height": 900})
            )
            context.set_default_timeout(PATIENCE * 1000)
            return context.new_page()

        yield opened


class Screen:
    """The web app's page as a person has it open; what the browser complains of is kept."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self._hear("error", f"dialog: {dialog.message}"))

    def open(self, app: App) -> Self:
        """Open the address that ``labkit app`` prints."""
        wait.until(lambda: self._goes_to(app.url), what="the page", timeout=PATIENCE)
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        return self

    def view(self, name: str) -> None:
        """Go to a view."""
        self.page.get_by_label("Views").get_by_role("link", name=name).click()
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()

    def row(self, name: str) -> Locator:
        """The row of a thing, by its name."""
        exactly = self.page.locator("td.name").get_by_text(name, exact=True)
        return self.page.locator("main tbody tr").filter(has=exactly)

    def press(self, words: str, within: Locator | None = None) -> None:
        """Press the button with exactly these words."""
        (within or self.page).get_by_role("button", name=words, exact=True).click()

    def search(self, words: str) -> None:
        """Type into the view's search field."""
        self.page.locator("main").get_by_role("searchbox").fill(words)

    @property
    def names(self) -> list[str]:
        """The names in the table, from its top to its bottom."""
        return self.page.locator("main td.name a").all_inner_texts()

    @property
    def said(self) -> Locator:
        """The messages that say what came of something."""
        return self.page.get_by_role("status", name="What came of it")

    @property
    def dialog(self) -> Locator:
        """The dialog that is open."""
        return self.page.get_by_role("dialog")

    def _goes_to(self, url: str) -> bool:
        """Go there; an engine that starts elsewhere changes the network, and that cuts it off."""
        try:
            self.page.goto(url)
        except Error as cause:
            if "ERR_NETWORK_CHANGED" in cause.message:
                return False
            raise
        return True

    def _hear(self, kind: str, text: str) -> None:
        # that an answer was 409 is in the console, too: the tests look at what the page makes of it
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.complaints.append(text)


Run = Callable[..., str]


@pytest.fixture
def run(engine: Engine) -> Iterator[Run]:
    """Yield what starts a container: its name, its command, and more of its create body."""
    made: list[str] = []

    def start(name: str, *command: str, running: bool = True, **more: Any) -> str:
        body = {"Image": "busybox", "Cmd": command or ("sleep", "600"), **more}
        params = {"name": name}
        created = engine.raw.post("/containers/create", params=params, json=body).json()["Id"]
        made.append(created)
        if running:
            engine.raw.post(f"/containers/{created}/start")
        return str(created)

    yield start
    for one in engine.raw.get("/containers/json", params={"all": True}).json():
        if one["Id"] in made:
            engine.raw.delete(f"/containers/{one['Id']}", params={"force": True})


@pytest.fixture(scope="module")
def app(engine: Engine) -> Iterator[App]:
    """The web app for the engine that the tests share."""
    with App(engine.endpoint) as app:
        yield app


@pytest.fixture
def blank(new_page: Callable[[], Page]) -> Iterator[Screen]:
    """A page that has nothing open yet; in the end the browser has complained of nothing."""
    screen = Screen(new_page())
    yield screen
    screen.page.close()
    assert screen.complaints == []


@pytest.fixture
def screen(blank: Screen, app: App) -> Screen:
    """The page of the web app, open in a browser that has never been here."""
    return blank.open(app)


@pytest.fixture(scope="module")
def open_lesson(running_lab: LabServer, new_page: Callable[[], Page]) -> Callable[[str], Notebook]:
    """Open a lesson at its own address."""

    def opened(name: str) -> Notebook:
        page = new_page()
        page.goto(running_lab.url.replace(FIRST, name))
        return Notebook(page, running_lab.workspace / f"{name}.ipynb")

    return opened
