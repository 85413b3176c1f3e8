"""The Engine API by hand."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from labkit.endpoint import Endpoint
from labkit.errors import (
    APIError,
    BadRequest,
    Conflict,
    EngineError,
    EngineGone,
    HostPermissionError,
    LabError,
    NotFound,
)
from labkit.raw import Client, exchange, request_bytes

TOO_NEW = r"client version 1\.99 is too new"


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def client(engine: Any) -> Iterator[Client]:
    with Client(engine.endpoint, version="1.45") as made:
        yield made


@pytest.fixture
def container(client: Client) -> Iterator[str]:
    """Yield the name of a created container, of an image that every engine has."""
    name = f"raw-{uuid4().hex[:8]}"
    body = {"Image": "busybox", "Cmd": ["sleep", "60"], "StopSignal": "SIGKILL"}
    client.post("/containers/create", params={"name": name}, json=body)
    yield name
    with suppress(NotFound):
        client.delete(f"/containers/{name}", params={"force": True})


def test_request_is_shown_as_it_travels() -> None:
    """A request is a line, headers, an empty line and the body, with CR LF between."""
    assert request_bytes("GET", "/_ping") == (
        b"GET /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    posted = request_bytes("POST", "/x", {"Host": "lab"}, {"a": 1})
    assert posted.startswith(b"POST /x HTTP/1.1\r\nHost: lab\r\n")
    assert posted.endswith(b'Content-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}')


@pytest.mark.engine
def test_exchange_returns_every_byte_of_the_answer(engine: Any) -> None:
    """The status line, the headers and the whole body come back."""
    answer = exchange(engine.endpoint, request_bytes("GET", "/version"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(body)["ApiVersion"] in head.decode()


@pytest.mark.engine
def test_exchange_ends_though_the_engine_keeps_the_connection(engine: Any) -> None:
    """Without Connection: close, what has come when the time is up is returned."""
    answer = exchange(engine.endpoint, b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n", timeout=0.3)
    assert answer.endswith(b"\r\n\r\nOK")


@pytest.mark.engine
def test_exchange_says_when_nothing_comes(engine: Any) -> None:
    """Half a request gets no answer, and that is an error."""
    with pytest.raises(EngineError, match="did not answer in time"):
        exchange(engine.endpoint, b"GET /_ping HTTP/1.1\r\n", timeout=0.2)


@pytest.mark.engine
def test_version_prefix_is_the_callers_choice(client: Client) -> None:
    """The client's version makes the prefix; a request may say another, or none."""
    assert client.get("/_ping").request.path_url == "/v1.45/_ping"
    assert client.get("/_ping", version="1.41").request.path_url == "/v1.41/_ping"
    assert client.get("/_ping", version=None).request.path_url == "/_ping"


@pytest.mark.engine
def test_query_travels_as_the_engine_reads_it(client: Client, container: str) -> None:
    """Filters travel as JSON and a bool as true or false, and the engine understands them."""
    filters = {"name": [container]}
    query = {"all": True, "filters": filters, "limit": None}
    response = client.get("/containers/json", params=query)
    assert "all=true&filters=%7B%22name%22%3A%5B" in str(response.request.path_url)
    assert [one["Names"] for one in response.json()] == [[f"/{container}"]]
    assert client.get("/containers/json", params={"all": False, "filters": filters}).json() == []


@pytest.mark.engine
def test_304_is_no_error(client: Client, container: str) -> None:
    """Starting what runs already answers 304, which says: it is so already."""
    assert client.post(f"/containers/{container}/start").status_code == 204
    assert client.post(f"/containers/{container}/start").status_code == 304


@pytest.mark.engine
def test_each_status_has_its_error(client: Client, container: str) -> None:
    """400, 404 and 409 have errors of their own, with Docker's message, the method and the path."""
    with pytest.raises(BadRequest, match=TOO_NEW) as bad:
        client.get("/info", version="1.99")
    assert (bad.value.status, bad.value.method, bad.value.path) == (400, "GET", "/v1.99/info")
    with pytest.raises(NotFound) as missing:
        client.get("/containers/no-such-thing/json")
    assert missing.value.explanation == "No such container: no-such-thing"
    with pytest.raises(Conflict, match="is already in use"):
        client.post("/containers/create", params={"name": container}, json={"Image": "busybox"})


@pytest.mark.engine
def test_other_error_statuses_are_api_errors(client: Client) -> None:
    """A status without a class of its own is an APIError; a redirect is one, and not followed."""
    with pytest.raises(APIError, match=r"redirects to /v1\.45/containers/json") as moved:
        client.get("/containers//json")
    assert moved.value.status == 301
    with pytest.raises(APIError) as refused:
        client.get("/swarm")
    assert (type(refused.value), refused.value.status) == (APIError, 503)


@pytest.mark.engine
def test_error_without_a_body_has_words(client: Client) -> None:
    """HEAD answers without a body, so HTTP's own words stand in."""
    with pytest.raises(NotFound, match="Not Found"):
        client.head("/no-such-thing")


@pytest.mark.engine
def test_error_leaves_no_connection_open(client: Client) -> None:
    """A streaming request that is refused gives its connection back."""
    before = _open_files()
    for _ in range(5):
        with pytest.raises(NotFound):
            client.stream("GET", "/containers/no-such-thing/logs", params={"stdout": True})
    assert _open_files() <= before + 1


@pytest.mark.engine
def test_put_get_and_delete_carry_bytes(client: Client, container: str) -> None:
    """Bytes that are given as data arrive as they are."""
    empty_archive = bytes(1024)
    path = f"/containers/{container}/archive"
    assert client.put(path, params={"path": "/"}, data=empty_archive).status_code == 200
    assert "X-Docker-Container-Path-Stat" in client.head(path, params={"path": "/bin"}).headers
    assert client.delete(f"/containers/{container}").status_code == 204


def test_path_begins_with_a_slash() -> None:
    """A path without its slash is a mistake that is named."""
    endpoint = Endpoint(unix=Path("/nowhere.sock"))
    with Client(endpoint) as client, pytest.raises(LabError, match="Begin it with a slash"):
        client.get("containers/json")


def _ways(endpoint: Endpoint) -> Iterator[Any]:
    """Every way by which this module reaches an endpoint."""
    yield lambda: exchange(endpoint, request_bytes("GET", "/_ping"), timeout=2)
    with Client(endpoint, timeout=2) as client:
        yield lambda: client.get("/_ping")
        yield client.events


def test_missing_socket_is_a_gone_engine(tmp_path: Path) -> None:
    """Where the socket's file is missing, the engine is gone."""
    for way in _ways(Endpoint(unix=tmp_path / "none.sock")):
        with pytest.raises(EngineGone, match="there is no such socket"):
            way()


def test_dead_socket_is_a_gone_engine(tmp_path: Path) -> None:
    """Where nobody listens on the socket, or on the port, the engine is gone."""
    with socket.socket(socket.AF_UNIX) as dead, socket.socket() as port:
        dead.bind(str(tmp_path / "dead.sock"))
        port.bind(("127.0.0.1", 0))
        tcp = Endpoint(host="127.0.0.1", port=port.getsockname()[1])
        for endpoint in (Endpoint(unix=tmp_path / "dead.sock"), tcp):
            for way in _ways(endpoint):
                with pytest.raises(EngineGone, match="nobody listens there"):
                    way()


def test_forbidden_socket_names_the_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where this user may not open the socket, the error says which group can."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Tests run as root too, whom no mode of a file keeps out.
    monkeypatch.setattr("labkit.transport._connect_unix", refuse)
    for way in _ways(Endpoint(unix=tmp_path / "locked.sock")):
        with pytest.raises(HostPermissionError, match="Join the group"):
            way()


def test_stranger_is_not_taken_for_an_engine(stranger: Any) -> None:
    """A server that does not speak HTTP is named for what it says."""
    endpoint = stranger(b"SSH-2.0-OpenSSH_9.2\r\n")
    with (
        Client(endpoint) as client,
        pytest.raises(EngineError, match=r"HTTP: SSH-2\.0-OpenSSH_9\.2"),
    ):
        client.get("/_ping")


def test_engine_that_hangs_up_is_gone(stranger: Any) -> None:
    """A connection that is closed without an answer, or within one, is a gone engine."""
    for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"):
        with Client(stranger(answer)) as client, pytest.raises(EngineGone):
            client.get("/_ping")


def test_too_long_a_path_is_explained() -> None:
    """A socket's path that no system takes is named, with the limit."""
    for way in _ways(Endpoint(unix=Path("/nowhere") / ("long" * 40))):
        with pytest.raises(EngineError, match=r"at most 10[37] bytes"):
            way()


@pytest.mark.engine
def test_environment_has_no_say(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies in the environment do not come between the client and the engine."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Client(engine.endpoint) as client:
        assert client.get("/_ping").text == "OK"
        assert not client.session.trust_env


@pytest.mark.engine
def test_one_connection_serves_many_requests(engine: Any) -> None:
    """Requests for different paths go over one connection that is kept."""
    before = _open_files()
    with Client(engine.endpoint) as client:
        for path in ("/_ping", "/info", "/version", "/networks"):
            client.get(path)
        assert _open_files() == before + 1
    assert _open_files() == before


@pytest.mark.engine
def test_answer_can_be_read_as_a_stream(client: Client) -> None:
    """With stream=True the body is left to the caller."""
    with client.get("/info", stream=True) as response:
        assert isinstance(response, requests.Response)
        assert json.loads(b"".join(response.iter_content(100)))["ServerVersion"]
