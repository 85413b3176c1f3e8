"""The program inside the sandbox: nbval runs the notebook, and a line tells of each cell.

What it tells helps to explain an outcome. It scores nothing: whoever rewrites this process from the
kernel can only tell lies about cells. A cell that takes too long is interrupted, and those after it
go on; when the kernel has died, nobody waits for it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sys
import time
from functools import partial
from pathlib import Path
from queue import Empty
from typing import Any
from urllib.parse import urlsplit

import pytest
from nbval import plugin as nbval_plugin
from nbval.kernel import RunningKernel

from labkit.grading import HUB, MARK, NOTEBOOK, relay

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
    """A pytest plugin that tells of each cell as soon as it has run."""

    def __init__(self) -> None:
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
        os.write(1, f"\n{MARK}{json.dumps(told)}\n".encode())


def _connect(path: Path) -> socket.socket:
    far = socket.socket(socket.AF_UNIX)
    far.connect(str(path))
    return far


def main(seat: str, seconds: str) -> None:
    """Run the notebook of the seat's folder; no cell may take more seconds than that."""
    here = Path(seat)
    if (here / HUB).exists():
        port = urlsplit(os.environ["LABKIT_HUB"]).port or 80
        relay.start(socket.create_server(("127.0.0.1", port)), partial(_connect, here / HUB))
    work = Path.home() / "work"
    work.mkdir()
    shutil.copy(here / NOTEBOOK, work)
    nbval_plugin.RunningKernel = Watched
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = f"""
        -p nbval.plugin -p no:cacheprovider --nbval-lax --nbval-current-env
        --nbval-cell-timeout={seconds} --nbval-kernel-startup-timeout=120
        --capture=no --quiet --tb=no --no-header --no-summary --rootdir={work} {work / NOTEBOOK}
    """
    pytest.main(options.split(), plugins=[Teller()])


if __name__ == "__main__":
    main(*sys.argv[1:])
