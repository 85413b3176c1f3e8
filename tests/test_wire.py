"""The wire log."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import docker
import pytest

from labkit.errors import NotFound
from labkit.raw import Client
from labkit.wire import Call, WireLog, record

COLUMNS = {
    "method": "str",
    "path": "str",
    "status": "int64",
    "ms": "float64",
    "sent": "int64",
    "received": "Int64",
}


@pytest.fixture
def client(engine: Any) -> Iterator[Client]:
    with Client(engine.endpoint, version="1.45") as made:
        yield made


def _run(engine: Any, command: str) -> str:
    """Run a curl command line as a learner would, and return what it prints."""
    environment = {**os.environ, "DOCKER_SOCK": str(engine.socket)}
    command = command.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.engine
def test_every_client_is_recorded_in_order(engine: Any, client: Client) -> None:
    """One log takes the requests of a raw client, a DockerClient and an APIClient."""
    api = docker.APIClient(engine.endpoint.url, version="1.41")
    with record(client, engine.docker, api) as log:
        client.get("/_ping")
        engine.docker.networks.list()
        api.info()
    api.close()
    newest = engine.docker.api.api_version
    paths = ["/v1.45/_ping", f"/v{newest}/networks?filters=%7B%7D", "/v1.41/info"]
    assert [one.path for one in log] == paths
    assert [one.status for one in log] == [200, 200, 200]
    assert log[0].received == 2
    assert log[0].ms > 0
    assert len(log) == 3


@pytest.mark.engine
def test_recording_ends_with_the_block(client: Client) -> None:
    """After the block, and after an error in it, the client has no hook any more."""
    with pytest.raises(NotFound), record(client, client) as log:
        client.get("/containers/no-such-thing/json")
    client.get("/_ping")
    assert [(one.status, one.method) for one in log] == [(404, "GET")]
    assert client.session.hooks["response"] == []


@pytest.mark.engine
def test_logs_may_nest(client: Client) -> None:
    """A log within a log records what is its own; the outer one records all."""
    with record(client) as outer:
        client.get("/_ping")
        with record(client) as inner:
            client.get("/version")
        client.get("/_ping")
    assert (len(outer), len(inner)) == (3, 1)


@pytest.mark.engine
def test_stream_is_recorded_without_being_read(client: Client) -> None:
    """What streams is recorded when it begins, with the bytes received unknown."""
    with record(client) as log, client.events():
        assert log[-1].received is None
        assert log.table()["received"].isna().all()
        assert "--no-buffer" in log.as_curl()
        assert "—" in repr(log)


@pytest.mark.engine
def test_table_has_columns_that_sort(client: Client) -> None:
    """The table has numbers as numbers, whether there are calls or none."""
    assert WireLog().table().dtypes.astype(str).to_dict() == COLUMNS
    with record(client) as log:
        client.get("/info")
        client.get("/_ping")
    table = log.table()
    assert table.dtypes.astype(str).to_dict() == COLUMNS
    assert table.sort_values("received")["path"].tolist() == ["/v1.45/_ping", "/v1.45/info"]
    assert "/v1.45/info" in log._repr_html_()


@pytest.mark.engine
def test_curl_gets_what_the_client_got(engine: Any, client: Client) -> None:
    """The curl of a GET prints the same answer."""
    with record(client) as log:
        answer = client.get("/version").json()
    assert json.loads(_run(engine, log.as_curl())) == answer


@pytest.mark.engine
def test_curl_carries_a_filters_query(engine: Any, client: Client) -> None:
    """The curl of a query with filters is quoted so that a shell passes it on."""
    name = f"wire-{uuid4().hex[:8]}"
    client.post("/volumes/create", json={"Name": name, "Labels": {"it's": "a & b; $HOME"}})
    with record(client, engine.docker) as log:
        client.get("/volumes", params={"filters": {"label": ["it's=a & b; $HOME"]}})
        engine.docker.volumes.list(filters={"name": name})
    for index in range(2):
        found = json.loads(_run(engine, log.as_curl(index)))["Volumes"]
        assert [one["Name"] for one in found] == [name]
    client.delete(f"/volumes/{name}")


@pytest.mark.engine
@pytest.mark.parametrize("label", ["plain", 'it\'s "quoted" $HOME `id` \\ \n é', "@file"])
def test_curl_posts_the_same_body(engine: Any, client: Client, label: str) -> None:
    """The curl of a POST sends the JSON letter by letter, whatever a shell might see in it."""
    name = f"wire-{uuid4().hex[:8]}"
    with record(client) as log:
        client.post("/volumes/create", json={"Name": name, "Labels": {"text": label}})
        client.delete(f"/volumes/{name}")
    assert log[0].sent == len(str(log[0].body))
    assert log.as_curl(0).startswith('curl --unix-socket "$DOCKER_SOCK" -X POST -H ')
    assert json.loads(_run(engine, log.as_curl(0)))["Labels"] == {"text": label}
    assert _run(engine, log.as_curl(1)) == ""
    with pytest.raises(NotFound):
        client.get(f"/volumes/{name}")


@pytest.mark.engine
def test_curl_works_for_other_verbs(engine: Any, client: Client) -> None:
    """HEAD asks for the headers alone, and a POST without a body needs none."""
    with record(client) as log:
        client.head("/_ping")
        client.post("/containers/prune", params={"filters": {"label": ["wire=none"]}})
    assert "Api-Version: " in _run(engine, log.as_curl(0))
    assert json.loads(_run(engine, log.as_curl(1)))["SpaceReclaimed"] == 0


@pytest.mark.engine
def test_secrets_are_not_kept(client: Client) -> None:
    """Neither a registry's credentials nor a password or a token reach the log."""
    with record(client) as log:
        for path, body in (
            ("/auth", {"username": "ann", "password": "hush", "serveraddress": "127.0.0.1:1"}),
            ("/swarm/join", {"JoinToken": "hush", "RemoteAddrs": ["127.0.0.1:1"]}),
            ("/swarm/unlock", {"UnlockKey": "hush"}),
            ("/secrets/create", {"Name": "ann", "Data": "hush"}),
        ):
            with pytest.raises(Exception, match=path):
                client.post(path, json=body, headers={"X-Registry-Auth": "hush"})
    assert len(log) == 4
    for call in log:
        assert "hush" not in repr(call)
        assert "hush" not in call.as_curl()
        assert "***" in call.as_curl()


def test_body_that_is_no_text_stands_as_a_file() -> None:
    """An archive is not put on a command line."""
    call = Call("PUT", "/containers/x/archive?path=%2F", 200, 1.0, 1024, 0)
    assert call.as_curl() == (
        'curl --unix-socket "$DOCKER_SOCK" -X PUT -H Content-Type: --data-binary @BODY '
        "'http://localhost/containers/x/archive?path=%2F'"
    )


def test_curl_names_the_certificates_of_a_tls_endpoint() -> None:
    """Over TLS, curl is told the authority, the certificate and the key."""
    call = Call("GET", "/_ping", 200, 1.0, 0, 2, server="https://127.0.0.1:2376")
    assert call.as_curl() == (
        'curl --cacert "$DOCKER_CERT_PATH/ca.pem" --cert "$DOCKER_CERT_PATH/cert.pem" '
        '--key "$DOCKER_CERT_PATH/key.pem" https://127.0.0.1:2376/_ping'
    )
