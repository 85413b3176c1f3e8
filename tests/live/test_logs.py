"""The log of a container, read and followed on a real engine."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import pytest

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import NotFound
from labkit.live.logs import LogFeed, LogLine, read
from labkit.raw import Client

pytestmark = pytest.mark.engine

COUNT = 'i=0; while [ $i -lt {} ]; do i=$((i+1)); echo "out $i"; echo "err $i" >&2; done'
Make = Callable[..., str]


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    with Client(engine.endpoint) as made:
        yield made


@pytest.fixture
def make(client: Client) -> Iterator[Make]:
    """Yield what creates a container that runs a shell command, and return its name."""
    names: list[str] = []

    def create(command: str, *, started: bool = True, **options: Any) -> str:
        names.append(name := f"logs-{uuid4().hex[:8]}")
        body = {"Image": "busybox", "Cmd": ["sh", "-c", command]} | options
        client.post("/containers/create", params={"name": name}, json=body)
        if started:
            client.post(f"/containers/{name}/start")
        return name

    yield create
    for name in names:
        with suppress(NotFound):
            client.delete(f"/containers/{name}", params={"force": True})


class Listener:
    """What a feed has told, and the feed itself, closed at the end."""

    def __init__(self, endpoint: Endpoint, container: str, **options: Any) -> None:
        self.calls: list[list[LogLine]] = []
        self.ends: list[str] = []
        self.order: list[str] = []
        self.feed = LogFeed(endpoint, container, told=self._told, ended=self._ended, **options)

    def _told(self, lines: list[LogLine]) -> None:
        self.calls.append(lines)
        self.order += [line.text for line in lines]

    def _ended(self, words: str) -> None:
        self.ends.append(words)
        self.order.append(words)

    @property
    def lines(self) -> list[LogLine]:
        """All lines."""
        return [line for call in self.calls for line in call]

    @property
    def texts(self) -> list[str]:
        """The texts of all lines."""
        return [line.text for line in self.lines]

    def until(self, *order: str) -> None:
        """Wait until just these lines and ends have been told."""
        wait.until(lambda: self.order == list(order), what=f"{order}, not {self.order}")

    def until_end(self, words: str, *, times: int = 1) -> None:
        """Wait until this end has been told that often."""
        wait.until(lambda: self.ends.count(words) == times, what=f"{words!r} in {self.ends}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.feed.close()


class Relay(threading.Thread):
    """Stands between a feed and the engine, and cuts their connections when it is told to."""

    def __init__(self, path: Path, engine: Endpoint) -> None:
        super().__init__()
        self.endpoint = Endpoint(unix=path)
        self._engine = engine
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self.start()

    def run(self) -> None:
        """Take connections, and carry bytes both ways."""
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            far.connect(str(self._engine.unix))
            self._sockets += [near, far]
            for one, other in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=_carry, args=(one, other)))
                self._threads[-1].start()

    def cut(self) -> None:
        """Cut all connections; new ones are taken."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.join()
        self.cut()
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._sockets):
            one.close()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(4096):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


def test_read(engine: Engine, make: Make, client: Client) -> None:
    """A log is read with its streams and times, also of a container that has ended."""
    name = make("echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three")
    client.post(f"/containers/{name}/wait")
    lines = read(engine.endpoint, name)
    assert [(one.stream, one.text) for one in lines] == [
        ("stdout", "one"),
        ("stderr", "two"),
        ("stdout", "three"),
    ]
    assert [one.text for one in read(engine.endpoint, name, tail=2)] == ["two", "three"]
    assert [one.text for one in read(engine.endpoint, name, search="T")] == ["two", "three"]
    assert read(engine.endpoint, name, tail=None, since=lines[1].time) == lines[1:]


def test_read_nothing(engine: Engine, make: Make) -> None:
    """A container that was never started has an empty log; one that is not there has none."""
    assert read(engine.endpoint, make("echo", started=False)) == []
    with pytest.raises(NotFound):
        read(engine.endpoint, "no-such-container")


def test_follow(engine: Engine, make: Make) -> None:
    """First comes what there is, then what is written, each line when it is; then why it ends."""
    name = make("echo one; until [ -e /go ]; do sleep 0.02; done; echo two; exit 3")
    with Listener(engine.endpoint, name) as listener:
        listener.until("one")
        engine.docker.containers.get(name).exec_run("touch /go")
        listener.until("one", "two", f"{name} has exited with code 3.")


def test_tail(engine: Engine, make: Make, client: Client) -> None:
    """Of what there is only the last lines come, if so asked; after a start, all that is new."""
    name = make("echo 1; echo 2; echo 3")
    client.post(f"/containers/{name}/wait")
    ended = f"{name} has exited with code 0."
    with Listener(engine.endpoint, name, tail=1) as listener:
        listener.until("3", ended)
        client.post(f"/containers/{name}/start")
        listener.until("3", ended, "1", "2", "3", ended)


def test_starts_again(engine: Engine, make: Make, client: Client) -> None:
    """It goes on over stops and starts: no line is lost, none comes twice, all in their order."""
    name = make("echo one; printf half", started=False)
    ended = f"{name} has exited with code 0."
    with Listener(engine.endpoint, name) as listener:
        listener.until(f"{name} has not been started yet.")
        for times in range(1, 4):
            client.post(f"/containers/{name}/start")
            listener.until_end(ended, times=times)
        listener.until(f"{name} has not been started yet.", *(["one", "half", ended] * 3))
        assert listener.lines == read(engine.endpoint, name)


def test_silent(engine: Engine, make: Make, client: Client) -> None:
    """The end of a container is told each time, also when it has written nothing."""
    name = make("exit 1")
    ended = f"{name} has exited with code 1."
    with Listener(engine.endpoint, name) as listener:
        listener.until(ended)
        client.post(f"/containers/{name}/start")
        listener.until(ended, ended)


def test_restarts_by_itself(engine: Engine, make: Make) -> None:
    """A container that the engine restarts again and again loses no line."""
    policy = {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}
    name = make("echo out; echo err >&2; exit 1", HostConfig=policy)
    with Listener(engine.endpoint, name, tail=None) as listener:
        wait.until(lambda: len(listener.lines) == 8, what="the lines of four runs")
        assert Counter(listener.lines) == Counter(read(engine.endpoint, name))


def test_restart(engine: Engine, make: Make, client: Client) -> None:
    """A restart on request is followed at once, and what is written meanwhile comes."""
    name = make("echo begun; exec sleep 60")
    with Listener(engine.endpoint, name) as listener:
        wait.until(lambda: listener.texts == ["begun"], what="the first line")
        client.post(f"/containers/{name}/restart?t=0")
        wait.until(lambda: listener.texts == ["begun"] * 2, what="the line of the second run")


def test_tty(engine: Engine, make: Make, client: Client) -> None:
    """The log of a container with a TTY comes as lines too, and goes on after a start."""
    name = make("echo one; echo two >&2; printf '\\377'", Tty=True)
    ended = f"{name} has exited with code 0."
    with Listener(engine.endpoint, name) as listener:
        listener.until("one", "two", "\ufffd", ended)
        client.post(f"/containers/{name}/start")
        listener.until("one", "two", "\ufffd", ended, "one", "two", "\ufffd", ended)
    assert {line.stream for line in listener.lines} == {"stdout"}


def test_flood(engine: Engine, make: Make) -> None:
    """What comes thick and fast is told many lines at a time, and all of it."""
    name = make(COUNT.format(10_000))
    with Listener(engine.endpoint, name, tail=None) as listener:
        wait.until(lambda: listener.ends, what="the end of the flood", timeout=60)
        assert [text for text in listener.texts if "out" in text] == [
            f"out {n}" for n in range(1, 10_001)
        ]
        assert len(listener.lines) == 20_000
        assert len(listener.calls) < 2000


def test_cut_connection(engine: Engine, make: Make, tmp_path: Path) -> None:
    """However often the connection is cut while lines come, each line comes once, in its order."""
    name = make("until [ -e /go ]; do sleep 0.02; done; " + COUNT.format(8000))
    with (
        Relay(tmp_path / "r.sock", engine.endpoint) as relay,
        Listener(relay.endpoint, name, tail=None) as listener,
    ):
        engine.docker.containers.get(name).exec_run("touch /go")
        for some in range(1000, 14_000, 2000):
            wait.until(lambda some=some: len(listener.lines) > some, what="lines", timeout=30)
            relay.cut()
        listener.until_end(f"{name} has exited with code 0.")
        assert listener.lines == read(engine.endpoint, name, tail=None)
        assert len(listener.lines) == 16_000


def test_removed(engine: Engine, make: Make, client: Client) -> None:
    """When the container is removed, this is told and the threads end; so if there never was."""
    threads = threading.active_count()
    name = make("echo one; exec sleep 60")
    with Listener(engine.endpoint, name) as listener:
        wait.until(lambda: listener.texts == ["one"], what="the line")
        client.delete(f"/containers/{name}", params={"force": True})
        listener.until_end(f"{name} was removed.")
        wait.until(lambda: threading.active_count() == threads, what="the end of the threads")
    with Listener(engine.endpoint, name) as listener:
        listener.until(f"There is no container {name}.")
        wait.until(lambda: threading.active_count() == threads, what="the end of the threads")


def test_removed_while_stopped(engine: Engine, make: Make, client: Client) -> None:
    """A container that has ended is waited for; when it is removed, that is told."""
    name = make("echo one")
    with Listener(engine.endpoint, name) as listener:
        listener.until_end(f"{name} has exited with code 0.")
        client.delete(f"/containers/{name}")
        listener.until("one", f"{name} has exited with code 0.", f"{name} was removed.")


def test_no_log(engine: Engine, make: Make) -> None:
    """When the log cannot be read, the engine's own words are told."""
    threads = threading.active_count()
    name = make("echo one", HostConfig={"LogConfig": {"Type": "none"}})
    with Listener(engine.endpoint, name) as listener:
        wait.until(lambda: listener.ends, what="the engine's words")
        assert "does not support reading" in listener.ends[0]
        wait.until(lambda: threading.active_count() == threads, what="the end of the threads")


def test_close(engine: Engine, make: Make) -> None:
    """Closing ends both threads, whatever they wait for; nothing is told after it."""
    threads = threading.active_count()
    writes, has_ended = make("while :; do echo line; done"), make("echo one")
    for _ in range(3):
        for name in (writes, has_ended):
            listener = Listener(engine.endpoint, name)
            wait.until(lambda: listener.calls, what="a line")  # noqa: B023  # called in this turn
            listener.feed.close()
            listener.feed.close()
            told = len(listener.calls)
            assert threading.active_count() == threads
            assert len(listener.calls) == told


def test_close_from_told(engine: Engine, make: Make) -> None:
    """Who is told may close the feed, on the feed's own thread."""
    threads = threading.active_count()
    feeds: list[LogFeed] = []
    name = make("while :; do echo line; done")
    ready = threading.Event()

    def told(_: list[LogLine]) -> None:
        ready.wait(5)
        feeds[0].close()

    feeds.append(LogFeed(engine.endpoint, name, told=told, ended=lambda _: None))
    ready.set()
    wait.until(lambda: threading.active_count() == threads, what="the end of the threads")


def test_reset(fresh_engine: Engine) -> None:
    """When the engine is reset, it is waited for; the container is gone then, which is told."""
    threads = threading.active_count()
    fresh_engine.docker.containers.run(
        "busybox", "sh -c 'echo one; exec sleep 60'", name="web", detach=True
    )
    with Listener(fresh_engine.endpoint, "web") as listener:
        wait.until(lambda: listener.texts == ["one"], what="the line")
        fresh_engine.reset()
        listener.until_end("web was removed.")
        assert listener.texts == ["one"]
    fresh_engine.stop()
    assert threading.active_count() == threads


def test_engine_comes_back(fresh_engine: Engine) -> None:
    """When the engine ends and comes back with the container, the log goes on where it was."""
    fresh_engine.docker.containers.run("busybox", "echo one", name="web", detach=True)
    ended = "web has exited with code 0."
    with Listener(fresh_engine.endpoint, "web") as listener:
        listener.until("one", ended)
        fresh_engine.body.kill()
        fresh_engine.body.start()
        Engine.attach(fresh_engine.name)  # waits for it
        fresh_engine.raw.post("/containers/web/start")
        wait.until(lambda: listener.texts == ["one", "one"], what="the line of the second run")
        wait.until(lambda: listener.ends[-1] == ended, what="the second end")
        assert any("Docker Engine" in words for words in listener.ends)  # it was away meanwhile
        assert listener.ends.count(ended) in (2, 3)  # also when it came back, before the start


def test_no_engine(tmp_path: Path) -> None:
    """Where no engine is, this is told once, and it is tried again until the feed is closed."""
    threads = threading.active_count()
    with Listener(Endpoint(unix=tmp_path / "none.sock"), "web") as listener:
        wait.until(lambda: listener.ends, what="the error")
        assert "No Docker Engine is at" in listener.ends[0]
    assert threading.active_count() == threads
    assert len(listener.ends) == 1


def test_stranger(stranger: Any) -> None:
    """What answers but is no engine is told."""
    endpoint = stranger(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    with Listener(endpoint, "web") as listener:
        wait.until(lambda: listener.ends, what="the error")
    assert "is no Docker Engine" in listener.ends[0]
