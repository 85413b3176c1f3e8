"""Answers that may never end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.errors import EngineGone, StreamError
from labkit.events import EventStream, timestamp
from labkit.raw import Client

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def client(engine: Any) -> Iterator[Client]:
    with Client(engine.endpoint) as made:
        yield made


class Listener(threading.Thread):
    """A thread that reads a stream to its end, as the live panel does."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__()
        self.stream = stream
        self.seen: list[dict[str, Any]] = []
        self.start()

    def run(self) -> None:
        """Collect what comes."""
        self.seen.extend(self.stream)


def _now(client: Client) -> str:
    return str(client.get("/info").json()["SystemTime"])


def _happen(client: Client) -> str:
    """Create a volume and remove it, and return its name."""
    name = f"events-{uuid4().hex[:8]}"
    client.post("/volumes/create", json={"Name": name})
    client.delete(f"/volumes/{name}")
    return name


@pytest.mark.engine
def test_events_between_two_moments(client: Client) -> None:
    """With since and until, what happened between them comes, and then the end."""
    since = _now(client)
    name = _happen(client)
    with client.events(since=since, until=_now(client), filters={"volume": [name]}) as events:
        assert [one["Action"] for one in events] == ["create", "destroy"]


@pytest.mark.engine
def test_waiting_thread_sees_what_happens(client: Client) -> None:
    """An event reaches a thread that waits for it, while others use the client."""
    with client.events(since=_now(client), filters={"type": ["volume"]}) as events:
        listener = Listener(events)
        name = _happen(client)
        wait.until(lambda: len(listener.seen) >= 2, what="the events of the volume")
    listener.join(5)
    assert {one["Actor"]["ID"] for one in listener.seen} == {name}


@pytest.mark.engine
def test_close_frees_a_waiting_thread(engine: Any) -> None:
    """Closing ends the iteration in another thread; neither thread nor socket stays behind."""
    threads, files = threading.active_count(), _open_files()
    with Client(engine.endpoint) as client:
        for _ in range(5):
            listener = Listener(client.events())
            listener.stream.close()
            listener.join(5)
            assert not listener.is_alive()
            assert listener.seen == []
    assert threading.active_count() == threads
    assert _open_files() == files


@pytest.mark.engine
def test_closing_the_client_closes_its_streams(engine: Any) -> None:
    """A thread that waits in a stream ends when the client is closed."""
    files = _open_files()
    with Client(engine.endpoint) as client:
        listener = Listener(client.events())
    listener.join(5)
    assert not listener.is_alive()
    assert _open_files() == files


@pytest.mark.engine
def test_stream_may_be_closed_twice_and_by_its_reader(client: Client) -> None:
    """The reader itself may close, once or twice, and then the iteration is at its end."""
    since = _now(client)
    _happen(client)
    events = client.events(since=since)
    for _ in events:
        events.close()
    events.close()
    assert list(events) == []


@pytest.mark.engine
def test_stream_that_ended_gives_its_connection_back(client: Client) -> None:
    """A stream that came to its end by itself can be closed, and the client goes on."""
    with client.events(since=_now(client), until=_now(client)) as events:
        assert list(events) == []
        assert client.get("/_ping").text == "OK"
    assert client.get("/_ping").text == "OK"


@pytest.mark.engine
def test_an_answer_without_chunks_comes_piece_by_piece(client: Client) -> None:
    """What an exec prints is there while it runs on, and closing ends the wait for more."""
    body = {"Image": "busybox", "Cmd": ["sleep", "600"]}
    made = client.post("/containers/create", json=body).json()["Id"]
    client.post(f"/containers/{made}/start")
    script = {"Cmd": ["sh", "-c", "echo early; sleep 600"], "AttachStdout": True}
    run = client.post(f"/containers/{made}/exec", json=script).json()["Id"]
    with client.stream("POST", f"/exec/{run}/start", json={"Detach": False}) as output:
        assert next(output).endswith(b"early\n")
        waiting = threading.Thread(target=list, args=[output])
        waiting.start()
        output.close()
        waiting.join(5)
        assert not waiting.is_alive()
    client.delete(f"/containers/{made}", params={"force": True})


def _dying_engine(path: Path, answer: bytes) -> threading.Thread:
    """Take one connection, send the answer, and die."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def run() -> None:
        with listener, listener.accept()[0] as connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_engine_that_dies_is_gone(tmp_path: Path) -> None:
    """An engine that dies under a stream ends it with a clear error, after what it had sent."""
    engine = _dying_engine(tmp_path / "e.sock", HEAD + b'8\r\n{"a":1}\n\r\n')
    with Client(Endpoint(unix=tmp_path / "e.sock")) as client, client.events() as events:
        assert next(events) == {"a": 1}
        with pytest.raises(EngineGone, match="broke off"):
            next(events)
    engine.join()


def test_stream_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    """A stream that is not JSON says so, and shows the line."""
    engine = _dying_engine(tmp_path / "e.sock", HEAD + b"5\r\n<h1>\n\r\n0\r\n\r\n")
    with (
        Client(Endpoint(unix=tmp_path / "e.sock")) as client,
        client.events() as events,
        pytest.raises(StreamError, match="<h1>"),
    ):
        next(events)
    engine.join()


def test_moments_keep_their_nanoseconds() -> None:
    """RFC 3339, as the engine writes it, becomes the seconds that the engine reads."""
    assert timestamp("2026-11-23T18:48:03.123456789Z") == "1795459683.123456789"
    assert timestamp("2026-11-23T19:48:03+01:00") == "1795459683"
    assert timestamp(datetime(2026, 11, 23, 18, 48, 3, tzinfo=UTC)) == "1795459683.000000"
    assert timestamp(1795459683.5) == "1795459683.5"
    assert timestamp("1795459683") == "1795459683"
    assert timestamp(None) is None
