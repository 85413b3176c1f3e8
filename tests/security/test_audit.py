"""The audit of a real guarded engine: who did what, and the bursts of refusals."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from labkit import raw
from labkit.engine.engine import Engine
from labkit.errors import EngineError, LabError
from labkit.security import apilog
from labkit.security.audit import MONITORED, Audit, alerts, figure, joined
from labkit.security.certificates import Authority
from labkit.security.guard import THREE_USERS, Guard
from labkit.security.metrics import metrics

SHOP = {"Image": "busybox", "Cmd": ["sleep", "600"], "Env": ["TOKEN=hush-hush"]}


class Watched:
    """An audit, and a way to call as one of the users."""

    def __init__(self, audit: Audit, guard: Guard, call: Callable[..., None]) -> None:
        self.audit, self.guard, self.call = audit, guard, call


@pytest.fixture(scope="module", params=["26.1", *(
    pytest.param(version, marks=pytest.mark.slow) for version in ("20.10", "28.5")
)])  # fmt: skip
def watched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """A guarded engine on which some users have had a busy minute."""
    authority, folder = Authority(), tmp_path_factory.mktemp("users")
    server = authority.server("localhost", "127.0.0.1")
    with Engine.start(version=request.param, server=server, args=MONITORED) as engine:
        guard = Guard.on(engine, THREE_USERS)
        users = {
            name: engine.reached_with(authority.client(name).write(folder / name))
            for name in ("rita", "omar", "ada", "eve")
        }

        def call(user: str, method: str, path: str, body: Any = None) -> None:
            with contextlib.suppress(LabError), raw.Client(users[user], timeout=3) as client:
                client.request(method, path, json=body)

        call("rita", "GET", "/containers/json")
        call("omar", "POST", "/containers/create?name=shop", SHOP)
        call("omar", "POST", "/containers/shop/start")
        call("omar", "POST", "/containers/none/start")
        for number in range(7):
            call("eve", "GET", f"/containers/shop/archive?path=/{number}")
        call("rita", "DELETE", "/containers/shop?force=1")
        call("ada", "DELETE", "/v1.41/containers/shop?force=1")
        yield Watched(Audit(engine, guard), guard, call)


def _rows(table: pd.DataFrame, user: str) -> list[list[Any]]:
    columns = ["method", "path", "allowed", "changed"]
    return table[table["user"] == user][columns].to_numpy().tolist()  # type: ignore[no-any-return]


@pytest.mark.engine
def test_who_did_what_and_what_changed(watched: Watched) -> None:
    """Each user's calls are there in order, with what they changed, and nothing else is."""
    table = watched.audit.table()
    assert _rows(table, "rita")[:2] == [
        ["GET", "/containers/json", True, ""],
        ["DELETE", "/containers/shop?force=1", False, ""],
    ]
    assert _rows(table, "omar") == [
        ["POST", "/containers/create?name=shop", True, "create container shop"],
        ["POST", "/containers/shop/start", True, "start container shop"],
        ["POST", "/containers/none/start", True, ""],
    ]
    assert _rows(table, "ada")[0][3] == "destroy container shop"
    assert table["time"].is_monotonic_increasing
    assert not table["path"].str.contains("_ping|/events").any()


@pytest.mark.engine
def test_an_error_of_the_engine_is_told(watched: Watched) -> None:
    """A call that was allowed and failed has the engine's own words."""
    failed = watched.audit.table().query("path == '/containers/none/start'").iloc[0]
    assert "No such container" in failed["why"]
    assert pd.isna(failed["status"]) or failed["status"] == 404


@pytest.mark.engine
def test_a_burst_of_refusals_is_one_alert(watched: Watched) -> None:
    """Seven refusals are one alert; one refusal is none."""
    [alert] = watched.audit.alerts(burst=5, within=10)
    assert (alert.user, alert.count, len(alert.paths)) == ("eve", 7, 7)
    assert watched.audit.alerts(burst=8) == []


@pytest.mark.engine
def test_no_secret_is_told(watched: Watched) -> None:
    """Neither a body nor a key is in the table, though the log has the body."""
    said = watched.audit.table(pings=True).to_csv()
    assert "hush-hush" not in said
    assert "PRIVATE" not in said


@pytest.mark.engine
def test_numbers_for_prometheus(watched: Watched) -> None:
    """dockerd has counted what was done with containers."""
    table = watched.audit.metrics()
    counts = table[table["name"] == "engine_daemon_container_actions_seconds_count"]
    assert counts.set_index("labels").loc["action=create", "value"] >= 1


@pytest.mark.slow
@pytest.mark.engine
def test_the_dead_plugins_witness_survives(watched: Watched) -> None:
    """What was decided before the plugin's end is still there; what came meanwhile has no user."""
    before = _rows(watched.audit.table(), "omar")
    watched.guard.kill()
    watched.call("ada", "POST", "/volumes/create", {"Name": "meanwhile"})
    assert _rows(watched.audit.table(), "rita"), "the audit works without the engine's events"
    watched.guard.restart()
    table = watched.audit.table()
    assert _rows(table, "omar") == before
    unknown = table[(table["user"] == "unknown") & (table["path"] == "/volumes/create")]
    assert len(unknown) == 1
    assert unknown["changed"].tolist() == [""]


@pytest.mark.engine
def test_a_picture_has_every_user(watched: Watched) -> None:
    """One line for each user; refused calls have another shape, not only another colour."""
    [axes] = watched.audit.plot().axes
    assert {"rita", "omar", "ada", "eve"} <= {label.get_text() for label in axes.get_yticklabels()}
    allowed, refused = axes.collections
    assert allowed.get_paths()[0].vertices.shape != refused.get_paths()[0].vertices.shape  # type: ignore[attr-defined]


@pytest.mark.engine
def test_an_engine_that_is_not_watched_says_so() -> None:
    """Without the arguments there are no numbers; the error tells which to give."""
    with Engine.start() as engine, pytest.raises(EngineError, match="no numbers") as told:
        Audit(engine).metrics()
    assert "MONITORED" in told.value.hint


def test_a_broken_last_line_does_no_harm() -> None:
    """A log that ends in the middle of a line, or has other lines, gives the calls it has."""
    lines = [
        'time="2026-01-01T00:00:00Z" level=debug msg="Calling GET /v1.45/info" spanID=1',
        'time="2026-01-01T00:00:01Z" msg="form data: {\\"Env\\":[\\"Calling GET /x\\"]}"',
        'containerd: something else = "',
        'time="2026-01-01T00:00:02Z" level=debug msg="Calli',
    ]  # fmt: skip
    assert [(one["method"], one["path"]) for one in apilog.calls(lines)] == [("GET", "/v1.45/info")]


def test_what_a_client_writes_makes_no_call() -> None:
    """A body that looks like a line of the log is part of its line, and no more."""
    forged = 'msg="form data: \\nCalling POST /containers/create" level=debug'
    assert list(apilog.calls([forged])) == []


def _refusals(user: str, seconds: list[float]) -> list[dict[str, Any]]:
    return [
        {"time": pd.Timestamp(1.8e9 + one, unit="s", tz="UTC"), "user": user, "method": "GET",
         "path": "/x", "allow": False, "why": "no", "status": 403}
        for one in seconds
    ]  # fmt: skip


def test_two_bursts_are_two_alerts() -> None:
    """What lies apart is told apart, and slow refusals are no burst."""
    burst = [0.0, 0.5, 1.0, 1.5, 2.0]
    table = joined(_refusals("eve", [*burst, *(60 + one for one in burst)]), [], [])
    assert [one.count for one in alerts(table)] == [5, 5]
    assert alerts(joined(_refusals("eve", [0, 5, 10, 15, 20, 25]), [], [])) == []
    assert figure(table).axes


def test_a_token_in_a_path_is_not_told() -> None:
    """The arguments of a build can be secrets; the table has their place, not their value."""
    call = {"time": "2026-01-01T00:00:00Z", "method": "POST", "error": "", "status": None}
    path = '/build?t=x&buildargs={"TOKEN":"hush"}&rm=1'
    assert joined([], [call | {"path": path}], [])["path"].tolist() == [
        "/build?t=x&buildargs=…&rm=1"
    ]


def test_nothing_seen_is_an_empty_table() -> None:
    """Without witnesses there is a table without rows, and no alert."""
    table = joined([], [], [])
    assert table.empty
    assert alerts(table) == []


def test_what_is_no_metric_is_refused() -> None:
    """Another program's text gives a clear error."""
    with pytest.raises(LabError, match="Prometheus"):
        metrics("<html>{ hello")
