"""The containers as plain Python: snapshots and events in, rows out."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.live.container import ContainerRow
from labkit.live.containers import SORTS, ContainerList
from labkit.live.topic import Change
from labkit.raw import Client

WEB, DB = "a" * 64, "b" * 64
EVERYWHERE = "0.0.0.0"  # noqa: S104 - as the engine writes it


def listed(
    container: str = WEB, name: str = "web", state: str = "running", status: str = "Up 2 minutes"
) -> dict[str, Any]:
    """Write a container as ``GET /containers/json`` does."""
    return {
        "Id": container,
        "Names": [f"/{name}"],
        "Image": "busybox",
        "State": state,
        "Status": status,
    }


def inspected(container: str = WEB, name: str = "web", **state: Any) -> dict[str, Any]:
    """Write a container as ``GET /containers/{id}/json`` does."""
    state = {"Status": "running", "ExitCode": 0} | state
    return {"Id": container, "Name": f"/{name}", "Config": {"Image": "busybox"}, "State": state}


def event(action: str, kind: str = "container") -> dict[str, Any]:
    """Write an event as API 1.52 does, without the ``status`` and ``id`` of older ones."""
    return {"Type": kind, "Action": action, "Actor": {"ID": WEB, "Attributes": {"name": "web"}}}


@pytest.fixture
def containers() -> ContainerList:
    """Two containers: db, the older one, has exited; web runs."""
    found = ContainerList()
    found.replace([listed(), listed(DB, "db", "exited", "Exited (1) 3 hours ago")])
    return found


def test_oldest_first(containers: ContainerList) -> None:
    """A snapshot, which lists the newest first, is shown oldest first."""
    assert [row.name for row in containers.rows()] == ["db", "web"]


def test_new_row_is_last(containers: ContainerList) -> None:
    """A container that comes later goes to the end, so that no other row moves."""
    containers.put(inspected("c" * 64, "new"))
    assert [row.name for row in containers.rows()] == ["db", "web", "new"]


def test_running_only(containers: ContainerList) -> None:
    """Without ``all`` the rows are those of ``docker ps``."""
    assert [row.name for row in containers.rows(all=False)] == ["web"]


@pytest.mark.parametrize("state", ["running", "paused", "restarting"])
def test_what_docker_ps_shows(state: str) -> None:
    """Paused and restarting containers count as running, as in ``docker ps``."""
    assert ContainerRow(WEB, "web", "busybox", state).running


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (listed(), inspected()),
        (listed(status="Up 1 second (healthy)"), inspected(Health={"Status": "healthy"})),
        (
            listed(status="Up 1 second (health: starting)"),
            inspected(Health={"Status": "starting"}),
        ),
        (listed(), inspected(Health={"Status": "none"})),
        (listed(state="created", status="Created"), inspected(Status="created")),
        (
            listed(state="exited", status="Exited (137) 1 second ago"),
            inspected(Status="exited", ExitCode=137),
        ),
        (
            listed(state="restarting", status="Restarting (1) 1 second ago"),
            inspected(Status="restarting", ExitCode=1),
        ),
        (listed(state="paused", status="Up 1 second (Paused)"), inspected(Status="paused")),
    ],
)
def test_one_row_from_list_and_inspect(one: dict[str, Any], other: dict[str, Any]) -> None:
    """A container makes the same row whether it was listed or inspected."""
    assert ContainerRow.listed(one) == ContainerRow.inspected(other)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (0, "exit code 0"),
        (1, "exit code 1"),
        (137, "exit code 137 (SIGKILL)"),
        (143, "exit code 143 (SIGTERM)"),
        (255, "exit code 255"),
    ],
)
def test_exit_code(code: int, status: str) -> None:
    """The status of an ended container is its exit code, with the signal that it stands for."""
    assert ContainerRow.inspected(inspected(Status="exited", ExitCode=code)).status == status


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ("created", "start restart remove"),
        ("running", "stop restart pause kill remove"),
        ("paused", "stop restart unpause kill remove"),
        ("restarting", "stop restart remove"),
        ("removing", ""),
        ("exited", "start restart remove"),
        ("dead", "start remove"),
    ],
)
def test_what_can_be_done(state: str, actions: str) -> None:
    """Each state allows what makes sense in it."""
    assert ContainerRow(WEB, "web", "busybox", state).actions == set(actions.split())


@pytest.mark.engine
@pytest.mark.parametrize(
    "action",
    ["create", "start", "die", "stop", "pause", "unpause", "rename", "health_status: healthy"],
)
def test_event_asks_the_engine(engine: Engine, containers: ContainerList, action: str) -> None:
    """An event that says that a container has changed has it looked at: this one is gone."""
    assert containers.take(engine.raw, event(action)) == Change("containers", "drop", WEB)
    assert containers.take(engine.raw, event(action)) is None


NOBODY = Client(Endpoint(unix=Path("/nobody/listens/here")))


def test_destroy_removes(containers: ContainerList) -> None:
    """A destroyed container has no row any more, and no second event for it matters."""
    assert containers.take(NOBODY, event("destroy")) == Change("containers", "drop", WEB)
    assert containers.take(NOBODY, event("destroy")) is None
    assert [row.name for row in containers.rows()] == ["db"]


@pytest.mark.parametrize(
    "other",
    [event("exec_create: sh"), event("top"), event("create", kind="network"), {}, {"Type": None}],
)
def test_event_of_no_interest(containers: ContainerList, other: dict[str, Any]) -> None:
    """Events that change no row ask the engine nothing, whatever is in them."""
    assert containers.take(NOBODY, other) is None


def test_put_in_place(containers: ContainerList) -> None:
    """A changed container keeps its place, and one that is the same again is no change."""
    exited = inspected(DB, "db2", Status="exited", ExitCode=1)
    assert containers.put(exited) == Change("containers", "put", DB)
    assert containers.put(exited) is None
    assert [row.name for row in containers.rows()] == ["db2", "web"]


def test_drop(containers: ContainerList) -> None:
    """A container that could not be inspected any more is dropped, once."""
    assert containers.drop(WEB) == Change("containers", "drop", WEB)
    assert containers.drop(WEB) is None


def test_load_forgets(containers: ContainerList) -> None:
    """A second snapshot replaces all that was known: the engine may be another one."""
    containers.replace([listed("c" * 64, "new")])
    assert [row.name for row in containers.rows()] == ["new"]


@pytest.mark.parametrize("wanted", ["web", "/web", WEB, WEB[:12], "a"])
def test_find(containers: ContainerList, wanted: str) -> None:
    """A container is found by name, by id, and by the beginning of its id."""
    found = containers.find(wanted)
    assert found is not None
    assert found.name == "web"


@pytest.mark.parametrize("wanted", ["", "we", "c"])
def test_find_nothing(containers: ContainerList, wanted: str) -> None:
    """A piece of a name finds nothing, as with the engine."""
    assert containers.find(wanted) is None


def test_find_ambiguous() -> None:
    """The beginning of two ids finds neither, as with the engine."""
    found = ContainerList()
    found.replace([listed("ab" * 32, "one"), listed("ac" * 32, "two")])
    assert found.find("a") is None


def test_name_without_links() -> None:
    """Of several names the container's own is taken, not that of a link to it."""
    one = listed() | {"Names": ["/other/alias", "/web"]}
    assert ContainerRow.listed(one).name == "web"


def test_image_without_name() -> None:
    """An image that lost its name is shown by the beginning of its id."""
    one = listed() | {"Image": "sha256:" + "0123456789abcdef" * 4}
    assert ContainerRow.listed(one).image == "0123456789ab"


@pytest.mark.parametrize(
    ("words", "names"),
    [("", ["db", "web"]), ("WEB", ["web"]), ("exit 1", ["db"]), (WEB[:12], ["web"]), ("nope", [])],
)
def test_search(containers: ContainerList, words: str, names: list[str]) -> None:
    """Rows are found by words in any of their columns, in any letter case."""
    assert [row.name for row in containers.rows(search=words)] == names


@pytest.mark.parametrize("sort", SORTS)
def test_sort(containers: ContainerList, sort: str) -> None:
    """Rows can be sorted by each column, both ways."""
    up = [getattr(row, sort) for row in containers.rows(sort=sort)]
    down = [getattr(row, sort) for row in containers.rows(sort=sort, descending=True)]
    assert up == sorted(up)
    assert down == up[::-1]


@pytest.mark.parametrize(
    ("listed_ports", "inspected_ports", "shown"),
    [
        ([], {}, ()),
        ([{"PrivatePort": 80, "Type": "tcp"}], {"80/tcp": None}, ("80/tcp",)),
        (
            [
                {"IP": EVERYWHERE, "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
                {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            ],
            {"80/tcp": [{"HostIp": h, "HostPort": "8080"} for h in (EVERYWHERE, "::")]},
            ("8080->80/tcp",),
        ),
        (
            [{"IP": "127.0.0.1", "PrivatePort": 53, "PublicPort": 5353, "Type": "udp"}],
            {"53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}]},
            ("127.0.0.1:5353->53/udp",),
        ),
    ],
)
def test_ports(
    listed_ports: list[Any], inspected_ports: dict[str, Any], shown: tuple[str, ...]
) -> None:
    """Ports read as in docker ps, from the list and from the inspect."""
    one = listed() | {"Ports": listed_ports}
    other = inspected() | {"NetworkSettings": {"Ports": inspected_ports}}
    assert ContainerRow.listed(one).ports == ContainerRow.inspected(other).ports == shown


@pytest.mark.engine
def test_a_real_container_is_the_same_both_ways(engine: Engine) -> None:
    """List and inspect of a container with ports, a volume and a network make one row."""
    name = f"both-{uuid4().hex[:8]}"
    container = engine.docker.containers.run(
        "busybox", ["sleep", "600"], name=name, detach=True, init=True,
        ports={"80/tcp": None, "53/udp": ("127.0.0.1", 5353)}, volumes=[f"{name}:/data"],
    )  # fmt: skip
    try:
        (one,) = engine.raw.get("/containers/json", params={"filters": {"name": [name]}}).json()
        row = ContainerRow.listed(one)
        other = engine.raw.get(f"/containers/{name}/json").json()
        assert row == ContainerRow.inspected(other)
        assert row.volumes == (name,)
        assert row.networks == ("bridge",)
        assert len(row.ports) == 2
    finally:
        container.remove(force=True)
        engine.docker.volumes.get(name).remove()
