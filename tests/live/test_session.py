"""Execs with an open input, on a real engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psutil
import pytest

from labkit import wait
from labkit.engine.engine import Engine
from labkit.errors import LabError
from labkit.live.session import Session

pytestmark = pytest.mark.engine


class Heard:
    """What a session said, and how it ended."""

    def __init__(self) -> None:
        self.pieces: dict[str, bytes] = {"stdout": b"", "stderr": b""}
        self.codes: list[int | None] = []

    def said(self, stream: str, data: bytes) -> None:
        """Keep what was printed."""
        self.pieces[stream] += data

    def ended(self, code: int | None) -> None:
        """Keep the exit code."""
        self.codes.append(code)

    def open(self, engine: Engine, container: str, *command: str) -> Session:
        """Start a command."""
        return Session(engine.endpoint, container, command, said=self.said, ended=self.ended)

    def to_the_end(self) -> int | None:
        """Wait for the end, and return the exit code."""
        wait.until(lambda: self.codes, what="the end")
        return self.codes[0]


@pytest.fixture
def name() -> str:
    """Make up a container's name."""
    return f"box-{uuid4().hex[:8]}"


@pytest.fixture
def sockets() -> Callable[[], set[int]]:
    """Return a function that lists this process's sockets."""
    return lambda: {one.fd for one in psutil.Process().net_connections("unix")}


@pytest.fixture
def container(engine: Engine, name: str) -> Iterator[str]:
    """Run a container."""
    made: Any = engine.docker.containers.run("busybox", ["sleep", "600"], name=name, detach=True)
    yield name
    made.remove(force=True)


def test_input_and_its_end_reach_the_command(engine: Engine, container: str) -> None:
    """What is sent is read; the end of the input is seen, and the output after it still comes."""
    heard = Heard()
    session = heard.open(engine, container, "sh", "-c", "sort; echo done >&2; exit 7")
    session.send("pear\napple\n")
    session.finish()
    assert heard.to_the_end() == 7
    assert heard.pieces == {"stdout": b"apple\npear\n", "stderr": b"done\n"}
    session.close()


def test_much_comes_whole(engine: Engine, container: str) -> None:
    """Two megabytes each way, both at the same time."""
    heard = Heard()
    session = heard.open(engine, container, "cat")
    text = "0123456789abcde\n" * 131072
    session.send(text)
    session.finish()
    assert heard.to_the_end() == 0
    assert heard.pieces["stdout"].decode() == text
    session.close()


def test_a_command_that_is_not_there(engine: Engine, container: str) -> None:
    """It ends with a code of its own, 126 or 127."""
    heard = Heard()
    session = heard.open(engine, container, "no-such-command")
    assert heard.to_the_end() in (126, 127)
    session.close()


def test_no_container(engine: Engine, name: str) -> None:
    """The engine's own words say why."""
    with pytest.raises(LabError, match="No such container"):
        Heard().open(engine, name, "true")


def test_no_engine(engine: Engine, container: str, fresh_engine: Engine) -> None:
    """An engine that goes ends the session, without a code; one that is gone is said to be."""
    heard = Heard()
    fresh_engine.docker.containers.run("busybox", ["sleep", "600"], name=container, detach=True)
    session = heard.open(fresh_engine, container, "cat")
    fresh_engine.stop()
    assert heard.to_the_end() is None
    with pytest.raises(LabError, match="nobody reads this"):
        session.send("nobody\n")
    session.close()
    with pytest.raises(LabError):
        heard.open(fresh_engine, container, "cat")
    assert engine.raw.get("/_ping").ok


def test_closing_leaves_nothing(engine: Engine, container: str, sockets: Any) -> None:
    """No thread and no socket is left, and the shell has ended, for its input has."""
    threads, before = set(threading.enumerate()), sockets()
    heard = Heard()
    session = heard.open(engine, container, "sh")
    session.close()
    session.close()
    assert set(threading.enumerate()) <= threads
    wait.until(lambda: sockets() <= before, what="the socket to close")
    wait.until(
        lambda: not engine.docker.api.exec_inspect(session.id)["Running"], what="the shell to end"
    )
