"""What a page is told as it happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from labkit.app import sse
from labkit.app.hub import LIMIT, Hub
from labkit.app.serve import App
from labkit.app.sse import Message
from labkit.engine.engine import Engine
from labkit.live.topic import Change
from labkit.wait import until

pytestmark = pytest.mark.engine

TOPICS = ["containers", "images", "networks", "volumes", "events"]


class Picture:
    """What a page would show after the events so far."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def take(self, event: str, data: Any) -> None:
        """Take one event as the page does."""
        if event == "load":
            self.rows[data["topic"]] = {row["id"]: row for row in data["rows"]}
        elif event == "put":
            self.rows[data["topic"]][data["row"]["id"]] = data["row"]
        elif event == "drop":
            self.rows[data["topic"]].pop(data["id"], None)


def test_everything_comes_first(client: Any, container: str) -> None:
    """The first thing is a load of each topic, with its rows."""
    with client.listen("/api/live") as listener:
        events = iter(listener)
        first = [next(events) for _ in TOPICS]
    assert [event for event, _ in first] == ["load"] * 5
    assert [data["topic"] for _, data in first] == TOPICS
    assert container in [row["name"] for row in first[0][1]["rows"]]


def test_a_container_s_life_is_told(client: Any, engine: Engine) -> None:
    """Create, start, pause, stop and remove come as put and drop, with the whole row."""
    with client.listen("/api/live") as listener:
        made = engine.docker.containers.create("busybox", "sleep 1000", name="app-life")

        def state(word: str) -> Callable[[str, Any], bool]:
            def wanted(event: str, data: Any) -> bool:
                row = data.get("row", {})
                return event == "put" and row.get("id") == made.id and row.get("state") == word

            return wanted

        row = listener.until(state("created"))["row"]
        assert (row["name"], row["image"]) == ("app-life", "busybox")
        made.start()
        assert "stop" in listener.until(state("running"))["row"]["actions"]
        made.pause()
        listener.until(state("paused"))
        made.unpause()
        made.stop(timeout=0)
        assert listener.until(state("exited"))["row"]["status"] == "exit code 137 (SIGKILL)"
        made.remove()
        listener.until(lambda event, data: event == "drop" and data["id"] == made.id)


def test_other_lists_are_told_too(client: Any, engine: Engine) -> None:
    """A new volume, network or image name comes as a load of its topic."""
    with client.listen("/api/live") as listener:
        volume = engine.docker.volumes.create("app-live")
        network = engine.docker.networks.create("app-live")
        engine.docker.api.tag("busybox:latest", "app-live")
        for topic in ("volumes", "networks", "images"):
            listener.until(
                lambda event, data, topic=topic: (
                    event == "load" and data["topic"] == topic and "app-live" in str(data["rows"])
                )
            )
        volume.remove()
        network.remove()
        engine.docker.images.remove("app-live")


def test_an_engine_that_is_reset(fresh_engine: Engine, connect: Callable[[App], Any]) -> None:
    """The page is told that the engine is away, and everything anew when it is back."""
    made = fresh_engine.docker.containers.create("busybox", name="before")
    with App(fresh_engine.endpoint) as app, connect(app).listen("/api/live") as listener:
        listener.until(lambda event, data: event == "load" and made.id in str(data["rows"]))
        fresh_engine.reset()
        assert listener.until(lambda event, _: event == "away")["why"]
        rows = listener.until(lambda _, data: data.get("topic") == "containers")["rows"]
        assert rows == []
        fresh_engine.docker.containers.create("busybox", name="after")
        listener.until(lambda event, data: event == "put" and data["topic"] == "containers")


def test_an_engine_that_is_gone(fresh_engine: Engine, connect: Callable[[App], Any]) -> None:
    """Every route says 503 while the engine is away, and works again after it is back."""
    with App(fresh_engine.endpoint) as app:
        client = connect(app)
        assert client.get("/api/containers").status_code == 200
        with fresh_engine.host.client() as host:
            host.api.kill(fresh_engine.container_id)
        for path in ("/api/containers", "/api/images", "/api/events", "/api/engine"):
            until(lambda path=path: client.get(path).status_code == 503, what=f"503 from {path}")
            gone = client.get(path).json()
            assert gone["error"]
            assert gone["hint"]
        assert client.post("/api/containers/x/start").status_code == 503
        with client.listen("/api/live") as listener:
            listener.until(lambda event, _: event == "away")
        fresh_engine.reset()
        until(lambda: client.get("/api/containers").status_code == 200, what="the engine")
        assert client.get("/api/engine").status_code == 200


@pytest.mark.slow
def test_fifty_events_a_second_and_a_slow_reader(
    fresh_engine: Engine, connect: Callable[[App], Any]
) -> None:
    """A page that reads slowly is told less often, never wrong, and holds nothing back."""
    api = fresh_engine.docker.api
    stop = threading.Event()

    def churn() -> None:
        keep = [api.create_container("busybox", name=f"keep-{n}")["Id"] for n in range(20)]
        for number in range(240):
            api.rename(keep[number % 20], f"name-{number}")
            if number % 20 == 0:
                api.remove_container(api.create_container("busybox")["Id"])
        stop.set()
        api.create_container("busybox", name="last")  # the reader waits for one more event

    def names() -> dict[str, str]:
        return {one["Id"]: one["Names"][0][1:] for one in api.containers(all=True)}

    with App(fresh_engine.endpoint) as app, connect(app).listen("/api/live") as slow:
        picture, biggest, seen = Picture(), 0, set()
        churner = threading.Thread(target=churn)
        churner.start()
        for event, data in slow:
            picture.take(event, data)
            seen.add(event)
            if stop.is_set():
                shown = {row["id"]: row["name"] for row in picture.rows["containers"].values()}
                if shown == names():
                    break
            else:
                time.sleep(0.02)
            (outbox,) = app._hub._listeners()  # noqa: SLF001 - the bound is not seen from outside
            biggest = max(biggest, len(outbox._waiting))  # noqa: SLF001
        churner.join()
    assert biggest <= LIMIT * len(TOPICS)
    assert {"load", "put", "drop"} <= seen


def test_an_outbox_is_bounded(engine: Engine) -> None:
    """Who takes nothing is told all of a topic at once, instead of a thousand changes."""
    hub = Hub(engine.endpoint)
    try:
        hub.wait(10)
        outbox = hub.listen()
        outbox.collect()
        for number in range(1000):
            outbox.put(Change("containers", "put", str(number)))
        for number in range(3):
            outbox.put(Change("events", "drop", str(number)))
        told = outbox.collect()
    finally:
        hub.close()
    assert [message.event for message in told] == ["load", "drop", "drop", "drop"]
    assert told[0].data["topic"] == "containers"


def test_the_latest_of_a_thing_counts(engine: Engine) -> None:
    """Changes of one thing that have not been told yet are one, and it is what the thing is now."""
    hub = Hub(engine.endpoint)
    try:
        hub.wait(10)
        outbox = hub.listen()
        outbox.collect()
        for kind in ("put", "put", "drop"):
            outbox.put(Change("containers", kind, "gone"))
        assert outbox.collect() == [Message("drop", {"topic": "containers", "id": "gone"})]
        outbox.put(Change("containers", "put", "gone"))
        assert outbox.collect() == []
    finally:
        hub.close()


def test_a_message_is_one_message() -> None:
    """No text in a message can end it or begin another one."""
    written = Message("put", {"row": "a\n\nevent: evil\r\ndata: x\u2028"}).encode()
    assert written.count(b"\n") == 3
    assert written.endswith(b"\n\n")
    assert b"\r" not in written


def test_silence_is_broken(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment is sent now and then, so that a connection that died is noticed."""
    monkeypatch.setattr(sse, "HEARTBEAT", 0.2)
    with client.listen("/api/live") as listener:
        lines = listener.response.iter_lines(decode_unicode=True)
        assert next(line for line in lines if line.startswith(":")) == ": still here"


def test_head_opens_no_stream(app: App, client: Any) -> None:
    """Who asks for the headers alone takes no place."""
    answer = client.ask("HEAD", "/api/live")
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    until(lambda: app.streams == 0, what="no stream")


def test_a_log_is_followed(client: Any, engine: Engine) -> None:
    """Lines come as they are written, with stream and time; the end is told with its reason."""
    made = engine.docker.containers.run(
        "busybox", ["sh", "-c", "echo one; echo two >&2; read x < /dev/zero & sleep 1; echo three"],
        name="app-follow", detach=True,
    )  # fmt: skip
    try:
        with client.listen("/api/containers/app-follow/logs/stream?tail=10") as listener:
            lines: list[dict[str, str]] = []
            for event, data in listener:
                if event == "end":
                    break
                lines += data
        assert {(one["stream"], one["text"]) for one in lines} == {
            ("stdout", "one"), ("stderr", "two"), ("stdout", "three"),
        }  # fmt: skip
        assert all(one["time"].startswith("20") for one in lines)
        assert "exited with code 0" in data["reason"]
    finally:
        made.remove(force=True)


def test_no_line_of_a_long_log_is_lost(client: Any, engine: Engine) -> None:
    """Twenty thousand lines reach a page that reads slowly, each once and in order."""
    made = engine.docker.containers.run("busybox", ["seq", "20000"], detach=True)
    try:
        made.wait()
        path = f"/api/containers/{made.id}/logs/stream?tail=50000"
        numbers: list[int] = []
        with client.listen(path) as listener:
            for event, data in listener:
                if event == "end":
                    break
                numbers += [int(one["text"]) for one in data]
                time.sleep(0.01)
    finally:
        made.remove(force=True)
    assert numbers == list(range(1, 20001))


def test_stats_come_while_somebody_looks(client: Any, container: str) -> None:
    """Each running container's use is told; nobody measures when nobody looks."""

    def measuring() -> bool:
        return any(one.name == "labkit-stats" for one in threading.enumerate())

    found = client.get(f"/api/containers/{container}").json()["Id"]
    assert not measuring()
    with client.listen("/api/stats/stream") as one, client.listen("/api/stats/stream") as two:
        for listener in (one, two):
            used = listener.until(lambda _, data: (data.get(found) or {}).get("cpu") is not None)[
                found
            ]
            assert used["memory"] > 0
            assert {"cpu", "memory", "limit", "rx", "tx"} <= set(used)
        assert measuring()
        assert sum(one.name == "labkit-stats" for one in threading.enumerate()) == 1
    until(lambda: not measuring(), what="the end of measuring")


def test_a_client_that_leaves_is_noticed(app: App, client: Any) -> None:
    """A stream whose reader has gone ends by itself."""
    before = app.streams
    with client.listen("/api/live") as listener:
        next(iter(listener))
        assert app.streams == before + 1
    until(lambda: app.streams == before, what="the end of the stream")
