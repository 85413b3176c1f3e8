"""The containers panel, headless, on a real engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from ipywidgets.widgets.widget import _instances

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import LabError, NotFound
from labkit.live.container import ContainerRow
from labkit.panels.containers import ContainersPanel
from labkit.panels.containers_view import line
from labkit.raw import Client

TEXT = "ContainersPanel: the containers of this engine, live"
SLEEP = ["sleep", "1000"]


@pytest.fixture
def panel(engine: Engine) -> Iterator[ContainersPanel]:
    """Open a panel on the shared engine; remove the test's containers afterwards."""
    before = ids(engine.raw)
    with ContainersPanel(engine.endpoint) as panel:
        yield panel
    for container in ids(engine.raw) - before:
        engine.raw.delete(f"/containers/{container}", params={"force": True})


@pytest.fixture
def name() -> str:
    """Make up a name that no other test uses."""
    return f"panel-{uuid4().hex[:8]}"


def ids(client: Client) -> set[str]:
    """Return the ids of all containers, asked on a connection of our own."""
    return {one["Id"] for one in client.get("/containers/json", params={"all": True}).json()}


def create(client: Client, name: str, *command: str) -> str:
    """Create a container, as somebody else would, and return its id."""
    body = {"Image": "busybox", "Cmd": command or SLEEP}
    made = client.post("/containers/create", params={"name": name}, json=body)
    return str(made.json()["Id"])


def run(client: Client, name: str, *command: str) -> str:
    """Create a container and start it."""
    container = create(client, name, *command)
    client.post(f"/containers/{container}/start")
    return container


def state(client: Client, name: str) -> str:
    """Return the state that the engine itself gives for a container."""
    return str(client.get(f"/containers/{name}/json").json()["State"]["Status"])


def row(panel: ContainersPanel, name: str) -> ContainerRow | None:
    """Return the row of a container, if the panel shows it."""
    return next((one for one in panel.rows if one.name == name), None)


def until_state(panel: ContainersPanel, name: str, wanted: str) -> ContainerRow:
    """Wait until the panel shows a container in that state."""

    def found() -> ContainerRow | None:
        one = row(panel, name)
        return one if one and one.state == wanted else None

    return wait.until(found, what=f"{name} to be {wanted}")


def until_gone(panel: ContainersPanel, name: str) -> None:
    """Wait until the panel does not show a container any more."""
    panel.wait_until(lambda rows: all(one.name != name for one in rows))


def page(widget: Any) -> str:
    """Return all HTML that a widget and those in it would show now."""
    if widget.layout.display == "none":
        return ""
    return str(getattr(widget, "value", "")) + "".join(
        page(child) for child in getattr(widget, "children", ())
    )


def sockets() -> set[int]:
    """Return the file descriptors of this process's sockets."""
    mine = psutil.Process().net_connections("all")
    return {one.fd for one in mine if one.family in (socket.AF_UNIX, socket.AF_INET)}


@pytest.mark.engine
def test_what_is_there(engine: Engine, name: str) -> None:
    """A new panel shows what there is, without waiting for an event."""
    container = create(engine.raw, name)
    with ContainersPanel(engine.endpoint) as panel:
        found = row(panel, name)
        assert found
        assert (found.id, found.image, found.state) == (container, "busybox", "created")
        assert found.status == "never started"
    engine.raw.delete(f"/containers/{name}")


@pytest.mark.engine
def test_life_from_elsewhere(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """Whatever happens to a container from elsewhere shows, from create to remove."""
    create(engine.raw, name)
    until_state(panel, name, "created")
    engine.raw.post(f"/containers/{name}/start")
    until_state(panel, name, "running")
    engine.raw.post(f"/containers/{name}/pause")
    until_state(panel, name, "paused")
    engine.raw.post(f"/containers/{name}/unpause")
    until_state(panel, name, "running")
    engine.raw.post(f"/containers/{name}/stop", params={"t": 0})
    assert until_state(panel, name, "exited").status == "exit code 137 (SIGKILL)"
    engine.raw.delete(f"/containers/{name}")
    until_gone(panel, name)


@pytest.mark.engine
def test_rename(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """A container that is renamed keeps its row, under the new name."""
    container = create(engine.raw, name)
    until_state(panel, name, "created")
    engine.raw.post(f"/containers/{name}/rename", params={"name": f"{name}-2"})
    assert until_state(panel, f"{name}-2", "created").id == container


@pytest.mark.engine
def test_ends_by_itself(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """A container that ends by itself shows its exit code."""
    run(engine.raw, name, "sh", "-c", "exit 3")
    assert until_state(panel, name, "exited").status == "exit code 3"


@pytest.mark.engine
def test_buttons_follow_state(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """Start is there for what does not run, and Stop for what does."""
    create(engine.raw, name)
    until_state(panel, name, "created")
    assert not panel.button(name, "start").disabled
    assert panel.button(name, "stop").disabled
    panel.start(name)
    until_state(panel, name, "running")
    assert panel.button(name, "start").disabled
    assert not panel.button(name, "stop").disabled


@pytest.mark.engine
def test_buttons_act(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """Start, Stop and Remove really do that in the engine."""
    create(engine.raw, name)
    until_state(panel, name, "created")
    panel.button(name, "start").click()
    assert state(engine.raw, name) == "running"
    until_state(panel, name, "running")
    panel.button(name, "stop").click()
    assert state(engine.raw, name) == "exited"
    until_state(panel, name, "exited")
    panel.button(name, "remove").click()
    until_gone(panel, name)


@pytest.mark.engine
def test_says_what_it_does(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """While a stop takes its time the panel says so, and afterwards what the engine answered."""
    run(engine.raw, name)
    until_state(panel, name, "running")
    with ThreadPoolExecutor(1) as other:
        done = other.submit(panel.stop, name)
        wait.until(lambda: f"Stopping {name}…" in page(panel.widget), what="Stopping")
        assert done.result().status == 204
    assert "<b>204 No Content</b>" in page(panel.widget)
    assert str(panel.outcome) == f"POST /containers/{name}/stop?t=1 → 204: Stopped {name}."


@pytest.mark.engine
def test_304(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """A stop of what is stopped, and a start of what runs, is answered with 304, no error."""
    run(engine.raw, name)
    started = panel.start(name)
    assert (started.status, started.ok, started.text) == (304, True, f"{name} was already running.")
    panel.stop(name)
    stopped = panel.stop(name)
    assert (stopped.status, stopped.ok, stopped.text) == (304, True, f"{name} was already stopped.")
    assert "304 Not Modified" in page(panel.widget)


@pytest.mark.engine
def test_remove_running(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """Remove of a running container shows Docker's 409 and what to do, and offers force."""
    run(engine.raw, name)
    until_state(panel, name, "running")
    panel.button(name, "remove").click()
    shown = page(panel.widget)
    assert "409 Conflict" in shown
    assert "container is running" in shown
    assert "by force" in shown
    assert state(engine.raw, name) == "running"
    panel.frame.force.click()
    until_gone(panel, name)
    assert panel.frame.force.layout.display == "none"


@pytest.mark.engine
def test_remove_by_force(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """With force a running container is removed at once."""
    run(engine.raw, name)
    assert panel.remove(name, force=True).ok
    until_gone(panel, name)


@pytest.mark.engine
def test_no_such_container(panel: ContainersPanel, name: str) -> None:
    """An action on a container that is not there shows Docker's 404."""
    outcome = panel.start(name)
    assert (outcome.status, outcome.ok) == (404, False)
    assert f"No such container: {name}" in page(panel.widget)


@pytest.mark.engine
def test_inspect(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """Inspect shows a table of all values, and the search narrows it."""
    create(engine.raw, name)
    until_state(panel, name, "created")
    panel.button(name, "inspect").click()
    assert "HostConfig.RestartPolicy.Name" in page(panel.widget)
    panel.view.inspection.search.value = "config.hostname"
    shown = page(panel.widget)
    assert "Config.Hostname" in shown
    assert "HostConfig.RestartPolicy.Name" not in shown


@pytest.mark.engine
def test_inspect_escapes(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """What a container carries in its labels is text on the page, never HTML."""
    body = {"Image": "busybox", "Labels": {"<b>": "<script>alert(1)</script>"}}
    engine.raw.post("/containers/create", params={"name": name}, json=body)
    panel.inspect(name)
    assert "&lt;script&gt;" in page(panel.widget)
    assert "<script" not in page(panel.widget)


def test_cells_escape() -> None:
    """Whatever stands in a row is text on the page, also within an attribute."""
    evil = "\"><b>'"
    shown = line(ContainerRow(evil, evil, evil, evil, evil, ports=(evil,))).cells
    assert "<b>" not in shown
    assert shown.count("&quot;&gt;&lt;b&gt;&#x27;") == 12, "in seven attributes and five cells"


@pytest.mark.engine
def test_toggle(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """The toggle leaves only what runs, and brings the others back."""
    create(engine.raw, name)
    run(engine.raw, f"{name}-runs")
    until_state(panel, f"{name}-runs", "running")
    panel.all = False
    assert row(panel, name) is None
    assert f">{name}</span>" not in page(panel.widget)
    assert row(panel, f"{name}-runs")
    panel.all = True
    assert row(panel, name)
    assert f">{name}</span>" in page(panel.widget)


@pytest.mark.engine
def test_rows_stay(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """An event changes the row that it is about in place; no widget is made anew."""
    run(engine.raw, name)
    until_state(panel, name, "running")
    button, widgets = panel.button(name, "stop"), set(_instances)
    engine.raw.post(f"/containers/{name}/pause")
    until_state(panel, name, "paused")
    assert panel.button(name, "stop") is button
    assert set(_instances) == widgets


@pytest.mark.engine
def test_burst(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """After fifty quick creates and removes from four sides the panel is right, and no bigger."""
    widgets = set(_instances)

    def come_and_go(number: int) -> None:
        with Client(engine.endpoint) as client:
            create(client, f"{name}-{number}")
            client.delete(f"/containers/{name}-{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, range(50)))
    last = create(engine.raw, f"{name}-last")
    until_state(panel, f"{name}-last", "created")
    assert {one.id for one in panel.rows} == ids(engine.raw)
    engine.raw.delete(f"/containers/{last}")
    until_gone(panel, f"{name}-last")
    assert set(_instances) == widgets


@pytest.mark.engine
def test_no_gap(engine: Engine, name: str) -> None:
    """What is created while panels open is in each of them: no gap between list and events."""
    stop = threading.Event()

    def create_on() -> None:
        with Client(engine.endpoint) as client:
            while not stop.is_set():
                client.delete(f"/containers/{create(client, name)}")

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(create_on)
        panels = [ContainersPanel(engine.endpoint) for _ in range(8)]
        stop.set()
        busy.result()
    for panel in panels:
        with panel:
            create(engine.raw, f"{name}-last")
            until_state(panel, f"{name}-last", "created")
            assert {one.id for one in panel.rows} == ids(engine.raw)
            engine.raw.delete(f"/containers/{name}-last")


@pytest.mark.engine
def test_close(engine: Engine, name: str) -> None:
    """A closed panel leaves no thread, no socket and a picture of the last state."""
    create(engine.raw, name)
    threads, open_sockets, widgets = set(threading.enumerate()), sockets(), set(_instances)
    panel = ContainersPanel(engine.endpoint)
    panel.inspect(name)
    assert set(threading.enumerate()) > threads
    panel.close()
    panel.close()
    assert set(threading.enumerate()) == threads
    assert sockets() == open_sockets
    assert f">{name}</span>" in page(panel.widget)
    assert len(set(_instances) - widgets) == 5, "the root, the picture, their layouts and a style"
    with pytest.raises(LabError, match="closed"):
        panel.start(name)
    engine.raw.delete(f"/containers/{name}")


@pytest.mark.engine
def test_silent_after_close(engine: Engine, name: str) -> None:
    """Nothing that happens in the engine reaches a panel that is closed."""
    panel = ContainersPanel(engine.endpoint)
    panel.close()
    sent: list[Any] = []
    panel.widget.children[0].observe(sent.append)
    panel.widget.observe(sent.append)
    before = panel.rows
    with ContainersPanel(engine.endpoint) as other:
        create(engine.raw, name)
        until_state(other, name, "created")
    assert panel.rows == before
    assert not sent
    engine.raw.delete(f"/containers/{name}")


@pytest.mark.engine
def test_reset(fresh_engine: Engine, name: str) -> None:
    """When the engine is reset the panel looks at it afresh, and is live again."""
    run(fresh_engine.raw, name)
    with ContainersPanel(fresh_engine.endpoint) as panel:
        assert row(panel, name)
        fresh_engine.reset()
        create(fresh_engine.raw, f"{name}-2")
        until_state(panel, f"{name}-2", "created")
        assert {one.id for one in panel.rows} == ids(fresh_engine.raw)
        wait.until(lambda: not panel.away, what="the panel to be live")
        assert panel.start(f"{name}-2").ok
        until_state(panel, f"{name}-2", "running")


@pytest.mark.engine
def test_engine_goes_away(fresh_engine: Engine, name: str) -> None:
    """While the engine is away the panel says so, and its buttons are off."""
    create(fresh_engine.raw, name)
    with ContainersPanel(fresh_engine.endpoint) as panel:
        fresh_engine.stop()
        wait.until(lambda: panel.away, what="the panel to notice")
        wait.until(lambda: "The engine is away" in page(panel.widget), what="the panel to say so")
        assert panel.button(name, "start").disabled
        outcome = panel.start(name)
        assert (outcome.status, outcome.ok) == (0, False)
        assert "no answer" in page(panel.widget)


def test_no_engine(tmp_path: Path) -> None:
    """A panel for an engine that is not there opens, says so, and closes."""
    threads = set(threading.enumerate())
    with ContainersPanel(Endpoint(unix=tmp_path / "docker.sock")) as panel:
        assert panel.rows == []
        assert "there is no such socket" in page(panel.widget)
    assert set(threading.enumerate()) == threads


def test_hung_engine(tmp_path: Path) -> None:
    """A panel whose engine takes the connection and says nothing closes at once all the same."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        threads = set(threading.enumerate())
        panel = ContainersPanel(Endpoint(unix=path))
        panel.close()
        wait.until(lambda: set(threading.enumerate()) == threads, what="the thread to end")


def test_stranger(tmp_path: Path) -> None:
    """Something that is no Docker Engine is told apart, not taken for one."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server, ThreadPoolExecutor(1) as pool:
        server.bind(str(path))
        server.listen()
        pool.submit(_answer_once, server)
        with ContainersPanel(Endpoint(unix=path)) as panel:
            assert "no Docker Engine" in panel.away


def _answer_once(server: socket.socket) -> None:
    with server.accept()[0] as connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


@pytest.mark.engine
def test_text_is_stable(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """What nbval compares is the same whatever the engine has, and the view is a widget's."""
    create(engine.raw, name)
    until_state(panel, name, "created")
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == repr(panel) == TEXT
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == panel.widget.model_id


def names(panel: ContainersPanel, words: str) -> list[str]:
    """Return the names that the panel shows, of this test's containers."""
    return [one.name for one in panel.rows if words in one.name]


@pytest.mark.engine
def test_search_and_sort(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """The search leaves what has the words; rows come in the order that was chosen."""
    for suffix in ("b", "c", "a"):
        create(engine.raw, f"{name}-{suffix}")
    panel.search = name
    wait.until(lambda: len(panel.rows) == 3, what="the panel to follow")
    assert names(panel, name) == [f"{name}-{suffix}" for suffix in "bca"]
    panel.sort("name")
    assert names(panel, name) == [f"{name}-{suffix}" for suffix in "abc"]
    panel.sort("name", descending=True)
    assert names(panel, name) == [f"{name}-{suffix}" for suffix in "cba"]
    panel.search = f"never {name}-c"
    assert names(panel, name) == [f"{name}-c"]
    assert f">{name}-a</span>" not in page(panel.widget)
    panel.search = "no such words"
    assert "No container has these words." in page(panel.widget)


@pytest.mark.engine
def test_every_action(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """Restart, pause, unpause and kill do that, and the row follows."""
    run(engine.raw, name)
    assert panel.restart(name).ok
    until_state(panel, name, "running")
    assert panel.pause(name).ok
    until_state(panel, name, "paused")
    assert panel.unpause(name).ok
    until_state(panel, name, "running")
    assert panel.kill(name).ok
    until_state(panel, name, "exited")
    refused = panel.pause(name)
    assert refused.status in (409, 500), "the engine's own word on what does not run"
    assert "is not running" in page(panel.widget)


@pytest.mark.engine
def test_ports_and_health(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """Ports and health have their place in the row, and health is followed."""
    body = {
        "Image": "busybox", "Cmd": SLEEP, "ExposedPorts": {"80/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_000_000_000},
    }  # fmt: skip
    engine.raw.post("/containers/create", params={"name": name}, json=body)
    panel.start(name)
    wait.until(
        lambda: (one := row(panel, name)) and one.health == "healthy",
        what="the panel to follow",
        timeout=20,
    )
    wait.until(lambda: ">healthy</span>" in page(panel.widget), what="the health")
    assert "80/tcp</span>" in page(panel.widget)


@pytest.mark.engine
def test_bulk(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """What is checked is acted upon at once, and the summary says what failed first."""
    for number in range(3):
        run(engine.raw, f"{name}-{number}")
    create(engine.raw, f"{name}-draft")
    panel.search = name
    wait.until(
        lambda: len(panel.rows) == 4 and all(one.name for one in panel.rows),
        what="the panel to follow",
    )
    until_state(panel, f"{name}-2", "running")
    assert panel.view.bulk.buttons["pause"].disabled
    panel.check(*(one.name for one in panel.rows))
    assert len(panel.checked) == 4
    assert not panel.view.bulk.buttons["pause"].disabled
    panel.view.bulk.buttons["pause"].click()
    assert [state(engine.raw, f"{name}-{number}") for number in range(3)] == ["paused"] * 3
    shown = page(panel.widget)
    assert "Pause: 3 of 4 done" in shown
    failed = shown.index("is not running")
    assert failed < shown.index(f"Paused {name}-0.")
    panel.view.bulk.force.value = True
    panel.view.bulk.buttons["remove"].click()
    wait.until(lambda: not names(panel, name), what="the panel to follow")
    assert "0 checked" not in page(panel.widget)
    assert panel.checked == []
    with pytest.raises(LabError, match="No row is checked"):
        panel.act("stop")


@pytest.mark.engine
def test_check_all_that_is_shown(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """The box in the head checks what the search has left, and nothing else."""
    for number in range(3):
        create(engine.raw, f"{name}-{number}")
    wait.until(lambda: len(names(panel, name)) == 3, what="the panel to follow")
    panel.search = f"{name}-1"
    head = panel.view.rows.widget.children[0].children[0]
    head.value = True
    panel.search = ""
    assert [one.name for one in panel.checked] == [f"{name}-1"]


@pytest.mark.engine
def test_remove_with_volumes(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """A container's anonymous volumes go with it when that is asked for."""
    mount = {"Type": "volume", "Target": "/data"}
    body = {"Image": "busybox", "HostConfig": {"Mounts": [mount]}}
    made = engine.raw.post("/containers/create", params={"name": name}, json=body).json()["Id"]
    volume = engine.raw.get(f"/containers/{made}/json").json()["Mounts"][0]["Name"]
    assert panel.remove(name, volumes=True).request.endswith("?v=true")
    with pytest.raises(NotFound):
        engine.raw.get(f"/volumes/{volume}")


@pytest.mark.engine
def test_create_form(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """The form creates a container as it was filled in, starts it, and closes."""
    panel.view.opener.value = True
    assert "busybox:latest" in panel.view.form.image.options
    panel.view.form.fill(
        {
            "image": "busybox", "name": name, "command": "sh -c 'sleep 1000'", "env": "A=1\nB=2",
            "ports": "80", "mounts": "", "restart": "on-failure:3",
        }
    )  # fmt: skip
    panel.view.form.button.click()
    until_state(panel, name, "running")
    found = engine.raw.get(f"/containers/{name}/json").json()
    assert found["Config"]["Cmd"] == ["sh", "-c", "sleep 1000"]
    assert {"A=1", "B=2"} <= set(found["Config"]["Env"])
    assert found["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert panel.view.opener.value is False
    assert f"Create {name}: 2 of 2 done" in page(panel.widget)


@pytest.mark.engine
def test_create_without_start(panel: ContainersPanel, name: str) -> None:
    """Without “start it” the container is created, and no more."""
    assert panel.create(start=False, image="busybox", name=name).status == 201
    assert until_state(panel, name, "created").status == "never started"


@pytest.mark.engine
def test_create_names_the_wrong_field(panel: ContainersPanel, engine: Engine, name: str) -> None:
    """What can't be read is said at its field, in the form, and nothing is sent."""
    outcome = panel.create(image="busybox", name=name, ports="eighty")
    assert (outcome.status, outcome.ok) == (0, False)
    assert panel.view.opener.value is True
    assert panel.view.form.values["name"] == name
    assert panel.view.form.wrong_field == "ports"
    assert "can&#x27;t be read" in page(panel.widget)
    with pytest.raises(NotFound):
        engine.raw.get(f"/containers/{name}/json")
    refused = panel.create(image="no-such-image", name=name)
    assert refused.status == 404
    assert not panel.view.form.wrong_field
    assert "No such image" in page(panel.widget)


@pytest.mark.slow
@pytest.mark.engine
def test_two_hundred_rows(fresh_engine: Engine) -> None:
    """Two hundred containers are two hundred rows of eight widgets; a search makes none anew."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: _create_on(fresh_engine, f"many-{number}"), range(200)))
    before = set(_instances)
    with ContainersPanel(fresh_engine.endpoint) as panel:
        assert len(panel.rows) == 200
        mine = set(_instances) - before
        assert len(mine) < 200 * 8 + 200
        panel.search = "many-7"
        panel.sort("name", descending=True)
        assert len(panel.rows) == 11
        assert set(_instances) - before == mine
    assert len(set(_instances) - before) == 5


def _create_on(engine: Engine, name: str) -> None:
    with Client(engine.endpoint) as client:
        create(client, name)
