"""The Docker SDK for Python on an endpoint."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.transport.unixconn import UnixHTTPConnection

from labkit import sdk
from labkit.endpoint import Certificates, Endpoint
from labkit.errors import BadRequest, EngineError, EngineGone, HostPermissionError, NotFound

VERSIONS = ("auto", "1.45")


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.engine
def test_auto_takes_the_engines_newest_version(engine: Any) -> None:
    """With auto, the client speaks the highest version that the engine serves."""
    client = sdk.client(engine.endpoint)
    assert client.api.api_version == engine.raw.get("/version").json()["ApiVersion"]
    assert client.ping()
    client.close()


@pytest.mark.engine
def test_version_is_pinned(engine: Any) -> None:
    """A version that is asked for is the one in every path."""
    client = sdk.client(engine.endpoint, version="1.41", timeout=7)
    assert client.api.api_version == "1.41"
    assert client.api.timeout == 7
    client.close()


@pytest.mark.engine
def test_version_that_is_not_served_is_refused_at_once(engine: Any) -> None:
    """A version that the engine does not serve is a BadRequest with Docker's words."""
    with pytest.raises(BadRequest, match=r"client version 1\.99 is too new"):
        sdk.client(engine.endpoint, version="1.99")


@pytest.mark.parametrize("version", ["banana", "1.2"])
def test_version_that_is_none_is_refused(version: str) -> None:
    """What the SDK cannot take for a version is refused before anything is sent."""
    with pytest.raises(EngineError, match=r"MAJOR\.MINOR"):
        sdk.client(Endpoint(unix=Path("/nowhere.sock")), version=version)


@pytest.mark.engine
def test_environment_has_no_say(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """DOCKER_HOST, proxies and CA bundles in the environment change nothing."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    client = sdk.client(engine.endpoint)
    assert client.ping()
    assert not client.api.trust_env
    client.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_missing_engine_is_gone_and_nothing_stays_open(tmp_path: Path, version: str) -> None:
    """Without a socket, or with a dead one, the engine is gone and no socket is left open."""
    before = _open_files()
    with pytest.raises(EngineGone, match="there is no such socket"):
        sdk.client(Endpoint(unix=tmp_path / "none.sock"), version=version)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
        with pytest.raises(EngineGone, match="nobody listens there"):
            sdk.client(Endpoint(unix=tmp_path / "dead.sock"), version=version)
    assert _open_files() == before


@pytest.mark.parametrize("version", VERSIONS)
def test_forbidden_socket_names_the_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Where this user may not open the socket, the error says which group can."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Tests run as root too, whom no mode of a file keeps out.
    monkeypatch.setattr("labkit.transport._connect_unix", refuse)
    with pytest.raises(HostPermissionError, match="Join the group"):
        sdk.client(Endpoint(unix=tmp_path / "locked.sock"), version=version)


@pytest.mark.engine
def test_border_translates_what_the_sdk_raises(engine: Any) -> None:
    """Within the border, an error of the SDK becomes the kit's, with Docker's message."""
    words = "No such container: no-such-thing"
    with pytest.raises(NotFound, match=words) as missing, sdk.border(engine.endpoint):
        engine.docker.containers.get("no-such-thing")
    assert missing.value.path.endswith("/containers/no-such-thing/json")


@pytest.mark.engine
def test_endpoint_of_a_client_is_where_it_sends(engine: Any) -> None:
    """The endpoint can be read back from a client."""
    assert sdk.endpoint_of(engine.docker.api) == engine.endpoint


def test_missing_certificate_is_named(tmp_path: Path) -> None:
    """A certificate file that is missing is named, not taken for a missing engine."""
    endpoint = Endpoint(host="127.0.0.1", port=1, certificates=Certificates(tmp_path))
    with pytest.raises(EngineError, match=r"no certificate file .*ca\.pem"):
        sdk.client(endpoint)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the SDK look at answers late, as it does on a busy machine."""
    promptly = UnixHTTPConnection.getresponse

    def late(connection: UnixHTTPConnection, *more: Any, **options: Any) -> Any:
        time.sleep(0.5)
        return promptly(connection, *more, **options)

    monkeypatch.setattr(UnixHTTPConnection, "getresponse", late)


@pytest.fixture
def container(engine: Any) -> Iterator[str]:
    """Yield the id of a container that runs."""
    body = {"Image": "busybox", "Cmd": ["sleep", "600"]}
    made = engine.raw.post("/containers/create", json=body).json()["Id"]
    engine.raw.post(f"/containers/{made}/start")
    yield made
    engine.raw.delete(f"/containers/{made}", params={"force": True})


@pytest.mark.engine
@pytest.mark.usefixtures("slow")
def test_what_an_exec_prints_is_not_lost_on_a_busy_machine(engine: Any, container: str) -> None:
    """Also by a client that was not made here, and that reads late."""
    sdk.mend()
    script = ["sh", "-c", "echo out; echo err >&2; exit 3"]
    with closing(docker.DockerClient(engine.endpoint.url)) as client:
        inside = client.containers.get(container)
        assert inside.exec_run(script, demux=True) == (3, (b"out\n", b"err\n"))
        assert inside.exec_run(["echo", "out"], tty=True).output == b"out\r\n"
