"""A policy on a real engine: users by their certificates, and a plugin that dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit import raw, wait
from labkit.endpoint import Endpoint
from labkit.engine.certificates import Server
from labkit.engine.engine import Engine
from labkit.errors import LabError
from labkit.security.certificates import Authority
from labkit.security.guard import THREE_USERS, Guard, matrix

pytestmark = pytest.mark.engine

BUSYBOX = {"Image": "busybox", "Cmd": ["true"]}
POWERFUL = (
    {"Privileged": True},
    {"Binds": ["/:/host"]},
    {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
    {"PidMode": "host"},
    {"NetworkMode": "host"},
    {"CapAdd": ["SYS_ADMIN"]},
    {"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x"}]},
    {"MaskedPaths": []},
)


class Guarded:
    """An engine with a guard, and where its three users connect."""

    def __init__(self, engine: Engine, guard: Guard, folder: Path, authority: Authority) -> None:
        self.engine, self.guard = engine, guard
        self.users = {
            name: engine.reached_with(authority.client(name).write(folder / name))
            for name in ("rita", "omar", "ada", "eve")
        }

    def containers(self) -> list[str]:
        """Which there are, asked by the unix socket."""
        return [one["Id"] for one in self.engine.raw.get("/containers/json?all=1").json()]


@pytest.fixture(scope="module", params=["26.1", *(
    pytest.param(version, marks=pytest.mark.slow) for version in ("20.10", "28.5")
)])  # fmt: skip
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    """A guarded engine that the tests of this module share."""
    authority = Authority()
    leaf = authority.server("localhost", "127.0.0.1")
    server = Server(leaf.ca, leaf.cert, leaf.key)
    with Engine.start(version=request.param, server=server) as engine:
        guard = Guard.on(engine, THREE_USERS)
        yield Guarded(engine, guard, tmp_path_factory.mktemp("users"), authority)


def test_each_user_may_what_the_policy_says(guarded: Guarded) -> None:
    """Every cell of the matrix is as the policy has it, tried for real."""
    requests = [
        ("GET", "/containers/json", None),
        ("POST", "/containers/create", BUSYBOX),
        ("POST", "/containers/create", {**BUSYBOX, "HostConfig": {"Privileged": True}}),
        ("POST", "/containers/prune", None),
    ]
    table = matrix(guarded.users, requests)
    assert table["rita"].tolist() == [200, 403, 403, 403]
    assert table["omar"].tolist() == [200, 201, 403, 403]
    assert table["ada"].tolist() == [200, 201, 201, 200]
    assert table["eve"].tolist() == [403, 403, 403, 403]
    assert guarded.containers() == []  # ada's prune


@pytest.mark.parametrize("power", POWERFUL, ids=lambda power: next(iter(power)))
def test_no_power_over_the_host_by_a_body(guarded: Guarded, power: dict[str, object]) -> None:
    """An operator's request for a container with power over its host makes no container."""
    body = {**BUSYBOX, "HostConfig": power}
    table = matrix({"omar": guarded.users["omar"]}, [("POST", "/containers/create", body)])
    assert table["omar"].tolist() == [403]
    assert guarded.containers() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/containers/create", b'{"Image":"busybox","hostCONFIG":{"privileged":true}}'),
        ("/containers/create", b'{"Image":"x","HostConfig":{},"HostConfig":{"Privileged":true}}'),
        ("/containers/create", b'{"Image":"busybox","Ho\\u017ftConfig":{"Privileged":true}}'),
        ("/containers/create", b'{"Image":"busybox"}{"HostConfig":{"Privileged":true}}'),
        ("/containers/create", b'{"Image":"busybox","Labels":{"x":"' + b"x" * 2**20 + b'"},'
                               b'"HostConfig":{"Privileged":true}}'),
        ("//containers/create", b'{"Image":"busybox"}'),
        ("/v1.45/../containers/create", b'{"Image":"busybox"}'),
        ("/%2e/containers/create", b'{"Image":"busybox"}'),
        ("/v1.20/containers/create", b'{"Image":"busybox"}'),
    ],
    ids=["case", "twice", "letters", "two", "huge", "slashes", "dots", "encoded", "old"],
)  # fmt: skip
def test_no_way_around_by_odd_writing(guarded: Guarded, path: str, body: bytes) -> None:
    """However it is written, the engine makes nothing of it."""
    endpoint = guarded.users["omar"]
    assert b" 201 " not in _sent(endpoint, path, body, chunked=False).split(b"\r\n")[0]
    assert b" 201 " not in _sent(endpoint, path, body, chunked=True).split(b"\r\n")[0]
    assert guarded.containers() == []


def _sent(endpoint: Endpoint, path: str, body: bytes, *, chunked: bool) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
    if chunked:
        content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        head += "Transfer-Encoding: chunked\r\n"
    else:
        content, head = body, head + f"Content-Length: {len(body)}\r\n"
    return raw.exchange(endpoint, f"{head}Connection: close\r\n\r\n".encode() + content, timeout=30)


def test_a_new_policy_is_in_force_at_once(guarded: Guarded) -> None:
    """No restart, no wait: the next request is judged by it."""
    cell = [("GET", "/version", None)]
    rita = {"rita": guarded.users["rita"]}
    guarded.guard.policy = THREE_USERS.replace('rita = "reader"', "")
    assert matrix(rita, cell)["rita"].tolist() == [403]
    guarded.guard.policy = THREE_USERS
    assert matrix(rita, cell)["rita"].tolist() == [200]


def test_a_broken_policy_refuses_everything(guarded: Guarded) -> None:
    """A file that can't be read gives nobody any right, and says why."""
    with pytest.raises(LabError, match="no TOML"):
        guarded.guard.policy = "[roles"
    assert guarded.guard.policy == THREE_USERS
    guarded.guard.write("[roles")
    with pytest.raises(LabError, match="the policy can't be read"):
        guarded.engine.raw.get("/version")
    guarded.guard.policy = THREE_USERS
    assert guarded.engine.raw.get("/version").status_code == 200


@pytest.mark.slow
def test_a_killed_plugin_means_refusal(guarded: Guarded) -> None:
    """Without an answer of the plugin the engine does nothing; with it, it goes on."""
    guarded.guard.kill()
    with raw.Client(guarded.users["ada"], timeout=3) as ada, pytest.raises(LabError):
        ada.post("/containers/create", json=BUSYBOX)
    guarded.guard.restart()
    assert guarded.containers() == []


def test_a_crashed_plugin_comes_back(guarded: Guarded) -> None:
    """The engine asks again until it is there; at worst it refuses what was just being asked."""
    guarded.guard.crash()
    rita = {"rita": guarded.users["rita"]}
    wait.until(
        lambda: matrix(rita, [("GET", "/version", None)]).iat[0, 0] == 200,
        what="the plugin to answer again",
    )


def test_a_hanging_plugin_means_waiting(guarded: Guarded) -> None:
    """Nothing passes while the plugin does not answer; afterwards it decides as ever."""
    guarded.guard.hang()
    try:
        with raw.Client(guarded.users["rita"], timeout=2) as rita, pytest.raises(LabError):
            rita.get("/version")
    finally:
        guarded.guard.resume()
    assert matrix({"rita": guarded.users["rita"]}, [("GET", "/version", None)]).iat[0, 0] == 200


def test_every_decision_is_kept(guarded: Guarded) -> None:
    """Who, what, by which rule, and what the engine answered."""
    matrix(guarded.users, [("GET", "/info", None)])

    def latest() -> Any:
        return guarded.guard.decisions().drop_duplicates("user", keep="last").set_index("user")

    # What the engine answered is noted down after it was decided.
    four = ["ada", "eve", "omar", "rita"]
    wait.until(lambda: latest().loc[four, "status"].notna().all(), what="the answers")
    rows = latest()
    assert rows.loc["rita", ["method", "allow", "rule"]].tolist() == ["GET", True, "GET /info"]
    assert not rows.loc["eve", "allow"]
    assert rows.loc["eve", "why"] == "the policy does not know the user 'eve'"
    assert rows.loc[four, "status"].tolist() == [200, 403, 200, 200]


def test_honest_work_goes_on(guarded: Guarded) -> None:
    """Streams, logs and exec work as without a guard, for whom they are allowed."""
    made = guarded.engine.docker.containers.run("busybox", ["sleep", "60"], detach=True)
    try:
        assert made.exec_run(["echo", "hello"]).output == b"hello\n"
        assert guarded.engine.docker.containers.run("busybox", ["echo", "x"], remove=True) == b"x\n"
    finally:
        made.remove(force=True)


def test_no_key_is_where_others_look(guarded: Guarded) -> None:
    """Neither in the log of decisions, nor in the container's labels."""
    assert "PRIVATE" not in guarded.guard.decisions().to_csv()
    with guarded.engine.host.client() as client:
        described = client.api.inspect_container(guarded.engine.container_id)
    assert "PRIVATE" not in str(described)
