"""JupyterLab as a learner starts it, and a browser to look at it."""

from __future__ import annotations

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
from typing import Self

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from labkit import wait

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
