"""The HTTP of a plugin, by a process of its own on a unix socket, as an engine sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.plugins.bundle import SERVER
from labkit.raw import Client

PROGRAM = """\
from server import calls, serve

def fail(asked):
    raise OSError(f"no room for {asked['Name']}")

serve({
    "/VolumeDriver.Mount": lambda asked: {"Mountpoint": asked["Name"]},
    "/VolumeDriver.Unmount": lambda asked: None,
    "/VolumeDriver.Create": fail,
    "/VolumeDriver.Remove": lambda asked: 1 / 0,
    "/VolumeDriver.Get": lambda asked: {"calls": list(calls)},
})
"""


class Plugin:
    """A running program, and whoever asks it."""

    def __init__(self, folder: Path) -> None:
        (folder / "driver.py").write_text(PROGRAM)
        (folder / "server.py").write_text(SERVER)
        self.socket = folder / "sockets" / "driver.sock"
        self.start = lambda: subprocess.Popen(
            [sys.executable, "driver.py"],
            cwd=folder,
            env={**os.environ, "PLUGIN_SOCKET": str(self.socket)},
        )
        self.process = self.start()
        self.wait()
        self.client = Client(Endpoint(unix=self.socket), timeout=10)

    def wait(self) -> None:
        """Wait until it listens."""
        wait.until(self.socket.exists, what="the plugin to listen")

    def ask(self, call: str, asked: Any = None, **options: Any) -> Any:
        """Ask as an engine does."""
        return self.client.post(f"/VolumeDriver.{call}", json=asked, **options).json()


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Plugin]:
    """A plugin that runs."""
    plugin = Plugin(tmp_path)
    yield plugin
    plugin.client.close()
    plugin.process.kill()
    plugin.process.wait()


def test_a_call_is_answered_in_json(plugin: Plugin) -> None:
    """What answers a call gets what came with it; None is an empty answer."""
    assert plugin.ask("Mount", {"Name": "here"}) == {"Mountpoint": "here"}
    assert plugin.ask("Unmount", {"Name": "here"}) == {}


def test_a_body_may_be_missing(plugin: Plugin) -> None:
    """Some calls come with nothing; they are answered all the same."""
    assert plugin.ask("Unmount") == {}
    assert plugin.ask("Unmount", data=b"") == {}


def test_what_goes_wrong_is_told_as_err(plugin: Plugin) -> None:
    """An exception, with words or without, and a call that nobody answers; and it goes on."""
    assert plugin.ask("Create", {"Name": "it"}) == {"Err": "no room for it"}
    assert plugin.ask("Remove", {"Name": "it"}) == {"Err": "division by zero"}
    assert plugin.ask("Path", {}) == {"Err": "this plugin does not know /VolumeDriver.Path"}
    assert plugin.ask("Unmount") == {}


def test_calls_are_written_down(plugin: Plugin) -> None:
    """In their order, with what came with them and what went wrong; the question itself, too."""
    plugin.ask("Mount", {"Name": "here"})
    plugin.ask("Create", {"Name": "it"})
    assert plugin.ask("Get")["calls"] == [
        {"call": "/VolumeDriver.Mount", "asked": {"Name": "here"}, "error": ""},
        {"call": "/VolumeDriver.Create", "asked": {"Name": "it"}, "error": "no room for it"},
        {"call": "/VolumeDriver.Get", "asked": {}, "error": ""},
    ]


def test_it_ends_when_it_is_told_to(plugin: Plugin) -> None:
    """SIGTERM ends it, with exit code 0; an engine does not have to kill it."""
    plugin.process.send_signal(signal.SIGTERM)
    assert plugin.process.wait(timeout=5) == 0


def test_it_starts_where_another_was_killed(plugin: Plugin) -> None:
    """A socket that was left behind is not in its way."""
    plugin.process.kill()
    plugin.process.wait()
    assert plugin.socket.exists()
    plugin.process = plugin.start()
    answering = wait.until(lambda: _answers(plugin), what="the second to answer")
    assert answering == {"Mountpoint": "again"}


def _answers(plugin: Plugin) -> Any:
    try:
        return plugin.ask("Mount", {"Name": "again"})
    except Exception:  # noqa: BLE001  # the first one's socket is dead; the probe is asked again
        return None
