"""The containers as plain Python: snapshots and events in, rows out."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.panels.model import Change, ContainerList, ContainerRow, Effect

WEB, DB = "a" * 64, "b" * 64


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
    found.load([listed(), listed(DB, "db", "exited", "Exited (1) 3 hours ago")])
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
    ("state", "start", "stop", "remove"),
    [
        ("created", True, False, True),
        ("running", False, True, True),
        ("paused", False, True, True),
        ("restarting", False, True, True),
        ("removing", False, False, False),
        ("exited", True, False, True),
        ("dead", True, False, True),
    ],
)
def test_what_can_be_done(state: str, start: bool, stop: bool, remove: bool) -> None:  # noqa: FBT001 - a table of cases
    """Each state allows what makes sense in it."""
    row = ContainerRow(WEB, "web", "busybox", state)
    assert (row.can_start, row.can_stop, row.can_remove) == (start, stop, remove)


@pytest.mark.parametrize(
    "action",
    ["create", "start", "die", "stop", "pause", "unpause", "rename", "health_status: healthy"],
)
def test_event_asks_for_refresh(containers: ContainerList, action: str) -> None:
    """An event that says that a container has changed asks to look at it."""
    assert containers.apply(event(action)) == Change(Effect.REFRESH, WEB)


def test_destroy_removes(containers: ContainerList) -> None:
    """A destroyed container has no row any more, and no second event for it matters."""
    assert containers.apply(event("destroy")) == Change(Effect.REMOVED, WEB)
    assert containers.apply(event("destroy")).effect is Effect.NONE
    assert [row.name for row in containers.rows()] == ["db"]


@pytest.mark.parametrize(
    "other",
    [event("exec_create: sh"), event("top"), event("connect", kind="network"), {}, {"Type": None}],
)
def test_event_of_no_interest(containers: ContainerList, other: dict[str, Any]) -> None:
    """Events that change no row are passed over, whatever is in them."""
    assert containers.apply(other) == Change(Effect.NONE)


def test_put_in_place(containers: ContainerList) -> None:
    """A changed container keeps its place, and one that is the same again is no change."""
    exited = inspected(DB, "db2", Status="exited", ExitCode=1)
    assert containers.put(exited) == Change(Effect.CHANGED, DB)
    assert containers.put(exited).effect is Effect.NONE
    assert [row.name for row in containers.rows()] == ["db2", "web"]


def test_drop(containers: ContainerList) -> None:
    """A container that could not be inspected any more is dropped, once."""
    assert containers.drop(WEB).effect is Effect.REMOVED
    assert containers.drop(WEB).effect is Effect.NONE


def test_load_forgets(containers: ContainerList) -> None:
    """A second snapshot replaces all that was known: the engine may be another one."""
    containers.load([listed("c" * 64, "new")])
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
    found.load([listed("ab" * 32, "one"), listed("ac" * 32, "two")])
    assert found.find("a") is None


def test_name_without_links() -> None:
    """Of several names the container's own is taken, not that of a link to it."""
    one = listed() | {"Names": ["/other/alias", "/web"]}
    assert ContainerRow.listed(one).name == "web"


def test_image_without_name() -> None:
    """An image that lost its name is shown by the beginning of its id."""
    one = listed() | {"Image": "sha256:" + "0123456789abcdef" * 4}
    assert ContainerRow.listed(one).image == "0123456789ab"
