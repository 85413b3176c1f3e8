"""The app starts at once, ends without a trace, and outlives its engine."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from labkit.app import command
from labkit.app.serve import App
from labkit.endpoint import Endpoint
from labkit.engine import fleet, host
from labkit.engine.engine import Engine
from labkit.errors import EngineError, LabError
from labkit.wait import until

pytestmark = pytest.mark.engine

LABKIT = [str(Path(sys.executable).with_name("labkit"))]


def _sockets() -> set[tuple[int, str]]:
    """The sockets of this process that are open; the word tells one from another."""
    return {
        (one.fd, f"{one.laddr}{one.raddr}")
        for one in psutil.Process().net_connections("all")
        if one.status != psutil.CONN_CLOSE_WAIT
    }


def _threads() -> set[str]:
    names = {one.name for one in threading.enumerate()}
    return {name for name in names if name.startswith(("labkit", "waitress"))}


def test_nothing_is_left(engine: Engine, connect: Callable[[App], Any], container: str) -> None:
    """Closing ends each thread and socket, also with streams of every kind open and unread."""
    assert _threads() == set()
    before = _sockets()
    with ExitStack() as stack:
        with App(engine.endpoint) as app:
            client = connect(app)
            paths = ("live", "live", "stats/stream", f"containers/{container}/logs/stream")
            for path in paths:
                stack.enter_context(client.listen(f"/api/{path}"))
            client.post(
                "/api/images/build", {"dockerfile": "FROM busybox\nRUN sleep 99", "tag": "x"}
            )
            assert app.streams == len(paths)
        until(lambda: not _threads(), what="the end of all threads")
        assert app.streams == 0
    client.session.close()
    until(lambda: _sockets() <= before, what="the end of all sockets")
    with pytest.raises(requests.ConnectionError):
        requests.get(app.origin, timeout=5)


def test_streams_end_at_once(engine: Engine, connect: Callable[[App], Any]) -> None:
    """A page that is open when the app ends sees the end of its streams."""
    with App(engine.endpoint) as app:
        stack = ExitStack()
        listener = stack.enter_context(connect(app).listen("/api/live"))
        next(iter(listener))
    with stack:
        rest = list(listener)
    assert all(event in ("load", "put") for event, _ in rest)


def test_close_twice(engine: Engine) -> None:
    """Closing again does nothing."""
    app = App(engine.endpoint)
    app.close()
    app.close()


def test_a_port_of_one_s_own(engine: Engine) -> None:
    """It listens where it is told to; where somebody else does, it says so and leaves nothing."""
    with App(engine.endpoint) as app:
        with pytest.raises(LabError, match=f"Port {app.guard.port} can't be used"):
            App(engine.endpoint, port=app.guard.port)
        assert app.url.startswith(f"http://127.0.0.1:{app.guard.port}/?token=")
    with App(engine.endpoint, port=app.guard.port) as again:
        assert again.guard.port == app.guard.port


def test_without_an_engine(tmp_path: Path, connect: Callable[[App], Any]) -> None:
    """The app starts where no engine is, and says so."""
    with App(Endpoint(unix=tmp_path / "docker.sock")) as app:
        client = connect(app)
        answer = client.get("/api/containers")
        assert (answer.status_code, client.get("/").status_code) == (503, 200)
        assert "No Docker Engine is at" in answer.json()["error"]
        with client.listen("/api/live") as listener:
            assert listener.until(lambda event, _: event == "away")["why"]


def test_fifty_clients_at_once(engine: Engine, connect: Callable[[App], Any]) -> None:
    """More requests at once than there are threads are all answered."""
    with App(engine.endpoint) as app:
        statuses: list[int] = []
        clients = [connect(app) for _ in range(50)]

        def ask(client: Any) -> None:
            statuses.append(client.get("/api/engine").status_code)

        threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 50


def test_an_engine_by_its_name(engine: Engine) -> None:
    """The engine that is named is the one; a name that nobody has is an error that helps."""
    with command.an_engine(engine.name, say=print) as found:
        assert found.socket == engine.socket
    with (
        pytest.raises(EngineError, match="There is no engine 'nobody'"),
        command.an_engine("nobody", say=print),
    ):
        pass
    assert engine.alive


@contextlib.contextmanager
def _command(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run `labkit app` as a user does."""
    process = subprocess.Popen(
        [*LABKIT, "app", "--no-browser"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment,
    )  # fmt: skip
    try:
        with process:
            yield process
            process.kill()
    finally:
        process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line):
            return found[0]
    raise AssertionError("It printed no address.")


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user who has no engine yet, on the same host engine."""
    home = tmp_path_factory.mktemp("h", numbered=True)
    return {"LABKIT_HOME": str(home), "LABKIT_HOST": host.find().endpoint.url}


@pytest.mark.parametrize(
    "signal_sent", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_the_command_leaves_nothing(
    elsewhere: dict[str, str], signal_sent: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no engine runs, one is started; Ctrl-C ends the app, its streams and that engine."""
    with _command(elsewhere) as process:
        address = _address(process)
        with requests.Session() as session:
            session.trust_env = False
            assert session.get(address, timeout=10).status_code == 200
            origin = address.partition("/?")[0]
            name = session.get(f"{origin}/api/engine", timeout=10).json()["endpoint"]
            assert name.endswith("/run/app/docker.sock")
            with session.get(f"{origin}/api/live", stream=True, timeout=10):
                process.send_signal(signal_sent)
                assert process.wait(30) == 0
    assert not Path(name.removeprefix("unix://")).exists()
    for variable, value in elsewhere.items():
        monkeypatch.setenv(variable, value)
    with host.find().client() as client:
        assert fleet.engines(client) == []


def test_the_browser_is_opened(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page opens signed in, and the app goes on until Ctrl-C."""
    opened: list[str] = []

    def visit(address: str) -> None:
        answer = requests.get(address, timeout=10, allow_redirects=False)
        opened.append(f"{answer.status_code} {answer.headers['Location']}")
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(command.webbrowser, "open", visit)
    said: list[str] = []
    command.run(engine.name, port=0, browser=True, say=said.append)
    assert opened == ["303 /"]
    assert engine.name in said[0]
    assert engine.alive


def test_the_engine_that_runs_is_taken(
    elsewhere: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only engine, then the one called lab, is taken, and stays; two others are a question."""
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)

    def taken() -> str:
        with command.an_engine(None, say=print) as engine:
            return engine.name

    with Engine.start(name="one") as one:
        assert taken() == "one"
        with Engine.start(name="two"):
            with pytest.raises(EngineError, match=r"Several engines run: one, two\."):
                taken()
            with Engine.start(name="lab"):
                assert taken() == "lab"
        assert one.alive
