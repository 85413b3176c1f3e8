"""The program inside the sandbox: nbval runs the notebook, and a line tells of each cell.

What it tells helps to explain an outcome. It scores nothing: whoever rewrites this process from the
kernel can only tell lies about cells. A cell that takes too long is interrupted, and those after it
go on; when the kernel has died, nobody waits for it.

A program of its own, run by its path: to import labkit would take it a second.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sys
import time
from pathlib import Path
from queue import Empty
from typing import Any
from urllib.parse import urlsplit

import pytest
from nbval import plugin as nbval_plugin
from nbval.kernel import RunningKernel

_SAID = 600  # letters of what a cell raised
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Watched(RunningKernel):  # type: ignore[misc]  # nbval ships no types
    """A kernel whose death is noticed at once; nbval itself would wait for its answer in vain."""

    def await_reply(self, msg_id: str, timeout: float | None = None) -> Any:
        """The reply to a request.

        :raises Empty: it did not come in time, in seconds.
        :raises RuntimeError: the kernel has died.
        """
        end = time.monotonic() + (timeout or 60)
        while True:
            try:
                return super().await_reply(msg_id, timeout=1)
            except Empty:
                if not self.is_alive():
                    raise RuntimeError("The kernel died.") from None
                if time.monotonic() > end:
                    raise


class Teller:
    """A pytest plugin that tells of each cell as soon as it has run, in lines with a mark."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._raised = ""

    def pytest_runtest_setup(self, item: Any) -> None:
        """Let a cell run although one before it took too long: that one was interrupted."""
        item.parent.timed_out = False

    def pytest_runtest_makereport(self, call: Any) -> None:
        """Note what a cell raised: the last line of its traceback, and of our own words."""
        if not call.excinfo:
            return
        error = call.excinfo.value
        lines = _COLOUR.sub("", getattr(error, "inner_traceback", "") or "").strip().splitlines()
        words = str(error.args[1]) if len(error.args) > 1 else str(error)
        self._raised = f"{words.splitlines()[0] if words else ''} {lines[-1] if lines else ''}"

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Tell of a cell."""
        if report.when != "call" and report.passed:
            return
        told = {
            "cell": int(report.nodeid.rpartition(" ")[2]),
            "outcome": report.outcome,
            "seconds": round(report.duration, 3),
            "said": self._raised.strip()[:_SAID],
        }
        self._raised = ""
        os.write(1, f"\n{self._mark}{json.dumps(told)}\n".encode())


def reach(hub: Path) -> None:
    """Have the hub answer where ``LABKIT_HUB`` says, though there is no network."""
    from labkit.grading import relay  # noqa: PLC0415 - a second, which few lessons need

    def connect() -> socket.socket:
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(hub))
        return far

    port = urlsplit(os.environ["LABKIT_HUB"]).port or 80
    relay.start(socket.create_server(("127.0.0.1", port)), connect)


def main(notebook: str, hub: str, seconds: str, mark: str) -> None:
    """Run a notebook, as soon as it is there.

    :param hub: the socket that leads to the lesson's hub, if it is there.
    :param seconds: no cell may take longer.
    :param mark: how a line begins that tells of a cell.
    """
    if Path(hub).exists():
        reach(Path(hub))
    work = Path.home() / "work"
    work.mkdir()
    while not Path(notebook).exists():
        time.sleep(0.02)
    path = Path(shutil.copy(notebook, work))
    nbval_plugin.RunningKernel = Watched
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = f"""
        -p nbval.plugin -p no:cacheprovider --nbval-lax --nbval-current-env
        --nbval-cell-timeout={seconds} --nbval-kernel-startup-timeout=120
        --capture=no --quiet --tb=no --no-header --no-summary --rootdir={work} {path}
    """
    pytest.main(options.split(), plugins=[Teller(mark)])


if __name__ == "__main__":
    main(*sys.argv[1:])
