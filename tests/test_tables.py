"""The Engine's JSON as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from labkit import tables
from labkit.errors import BadRequest, EngineError, NotFound
from labkit.raw import Client
from labkit.table import Table
from labkit.tables import port_names
from labkit.wire import record

TIME = "datetime64[s, UTC]"
COLUMNS: dict[Callable[..., Table], dict[str, str]] = {
    tables.containers: {
        "name": "str", "image": "str", "state": "str", "status": "str", "ports": "str",
        "created": TIME, "id": "str",
    },
    tables.images: {"tags": "str", "size": "int64", "created": TIME, "id": "str"},
    tables.networks: {
        "name": "str", "driver": "str", "scope": "str", "subnet": "str", "internal": "bool",
        "created": TIME, "id": "str",
    },
    tables.volumes: {
        "name": "str", "driver": "str", "scope": "str", "created": TIME, "mountpoint": "str",
    },
}  # fmt: skip


@pytest.fixture(params=["raw", "docker"])
def source(engine: Any, request: pytest.FixtureRequest) -> Any:
    """Return the raw client, and then the SDK's."""
    return getattr(engine, request.param)


@pytest.fixture
def name(engine: Any) -> Iterator[str]:
    """Yield a name for things, which are removed afterwards."""
    made = f"tables-{uuid4().hex[:8]}"
    yield made
    for kind in ("containers", "networks", "volumes"):
        with suppress(NotFound):
            engine.raw.delete(f"/{kind}/{made}", params={"force": True})


def _create(engine: Any, name: str, **config: Any) -> str:
    body = {"Image": "busybox", "Cmd": ["sleep", "60"], "StopSignal": "SIGKILL", **config}
    made = engine.raw.post("/containers/create", params={"name": name}, json=body)
    return str(made.json()["Id"])


@pytest.mark.engine
@pytest.mark.parametrize("table", COLUMNS, ids=lambda one: one.__name__)
def test_each_table_is_one_request(source: Any, table: Callable[..., Table]) -> None:
    """A table asks the engine once, whatever the source, and has its columns and dtypes."""
    with record(source) as log:
        found = table(source)
    assert len(log) == 1
    assert found.dtypes.astype(str).to_dict() == COLUMNS[table]
    assert isinstance(found, Table)
    assert repr(found)


@pytest.mark.engine
def test_empty_table_keeps_columns_and_dtypes(source: Any) -> None:
    """Where nothing is found, there is a table without rows."""
    found = tables.containers(source, filters={"name": "no-such-thing"})
    assert found.empty
    assert found.dtypes.astype(str).to_dict() == COLUMNS[tables.containers]


@pytest.mark.engine
def test_containers_are_told_in_a_learners_words(engine: Any, source: Any, name: str) -> None:
    """A row has the name without slash, the short id, and ports as the docker CLI writes them."""
    ports = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    full = _create(
        engine, name, ExposedPorts={"80/tcp": {}, "53/udp": {}}, HostConfig={"PortBindings": ports}
    )
    assert tables.containers(source, filters={"name": name}).empty
    (row,) = tables.containers(source, all=True, filters={"name": name}).to_dict("records")
    assert (row["name"], row["image"], row["id"]) == (name, "busybox", full[:12])
    assert (row["state"], row["status"], row["ports"]) == ("created", "Created", "")
    engine.raw.post(f"/containers/{name}/start")
    (row,) = tables.containers(source, filters={"name": [name]}).to_dict("records")
    assert row["state"] == "running"
    assert row["ports"].startswith("53/udp, 127.0.0.1:")
    assert row["ports"].endswith("->80/tcp")


def test_port_on_both_addresses_is_written_once() -> None:
    """A port that is published on IPv4 and IPv6 is one for the reader."""
    both = [
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},  # noqa: S104  # read, not bound
        {"PrivatePort": 53, "Type": "udp"},
    ]
    assert ", ".join(port_names(both)) == "53/udp, 8080->80/tcp"
    assert port_names(None) == []


@pytest.mark.engine
def test_images_have_their_size_in_bytes(source: Any) -> None:
    """An image's size is a number that sorts, shown in words."""
    found = tables.images(source)
    busybox = found[found["tags"].str.contains("busybox")]
    assert (busybox["size"] > 100_000).all()
    assert "MB" in repr(busybox)


@pytest.mark.engine
def test_networks_have_their_subnets(engine: Any, source: Any, name: str) -> None:
    """A network's subnets stand in one cell, and networks come by name."""
    body = {"Name": name, "Internal": True, "IPAM": {"Config": [{"Subnet": "10.211.7.0/24"}]}}
    engine.raw.post("/networks/create", json=body)
    found = tables.networks(source)
    assert found["name"].is_monotonic_increasing
    (row,) = found[found["name"] == name].to_dict("records")
    assert (row["driver"], row["subnet"], row["internal"]) == ("bridge", "10.211.7.0/24", True)


@pytest.mark.engine
def test_volumes_have_their_mountpoint(engine: Any, source: Any, name: str) -> None:
    """A volume's folder in the engine is shown whole."""
    engine.raw.post("/volumes/create", json={"Name": name})
    found = tables.volumes(source)
    (row,) = found[found["name"] == name].to_dict("records")
    assert row["mountpoint"] == f"/var/lib/docker/volumes/{name}/_data"
    assert row["mountpoint"] in repr(found)
    assert str(row["created"].tz) == "UTC"


@pytest.mark.engine
def test_refusal_is_the_kits_error(source: Any) -> None:
    """A filter that the engine does not know is a BadRequest, whatever the source."""
    with pytest.raises(BadRequest, match="invalid filter"):
        tables.containers(source, filters={"colour": "green"})


@pytest.mark.engine
def test_json_that_does_not_come_is_an_error(engine: Any, monkeypatch: Any) -> None:
    """A server that answers with something else is no Docker Engine."""
    with Client(engine.endpoint) as client:
        answer = client.get("/_ping")
        monkeypatch.setattr(client, "get", lambda *_, **__: answer)
        with pytest.raises(EngineError, match="not with JSON"):
            tables.containers(client)


def test_inspect_is_flat() -> None:
    """Every leaf has a row, its key the way to it; what is no text stands as JSON."""
    attrs = {
        "Id": "abc",
        "State": {"Running": True, "Pid": 7, "Error": ""},
        "NetworkSettings": {"Ports": {"80/tcp": [{"HostPort": "8080"}], "53/udp": None}},
        "Mounts": [],
    }
    assert dict(tables.inspect(attrs).itertuples(index=False)) == {
        "Id": "abc",
        "State.Running": "true",
        "State.Pid": "7",
        "State.Error": "",
        "NetworkSettings.Ports.80/tcp[0].HostPort": "8080",
        "NetworkSettings.Ports.53/udp": "null",
        "Mounts": "[]",
    }
    assert tables.inspect(attrs).search("hostPORT")["value"].tolist() == ["8080"]
    assert tables.inspect({}).dtypes.astype(str).to_dict() == {"key": "str", "value": "str"}


@pytest.mark.engine
def test_diff_shows_what_a_start_changes(engine: Any, name: str) -> None:
    """Two inspects of a container differ in its state, and not in its command."""
    _create(engine, name)
    before = engine.raw.get(f"/containers/{name}/json").json()
    engine.raw.post(f"/containers/{name}/start")
    after = engine.raw.get(f"/containers/{name}/json").json()
    found = tables.diff(before, tables.inspect(after)).set_index("key")
    assert found.loc["State.Status"].tolist() == ["created", "running"]
    assert "Config.Cmd[0]" not in found.index
    assert tables.diff(before, before).empty


def test_diff_shows_what_is_missing() -> None:
    """What one side lacks is missing there, and an empty text is not missing."""
    found = tables.diff({"a": "1", "b": ""}, {"a": "1", "c": ["x"]})
    assert found["key"].tolist() == ["b", "c[0]"]
    assert found["left"].isna().tolist() == [False, True]
    assert found["right"].isna().tolist() == [True, False]
    assert "—" in repr(found)
