"""TLS to an engine, with a real handshake: an engine's socket behind a port that asks for one."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from labkit import sdk, wire
from labkit.endpoint import Certificates, Endpoint
from labkit.errors import EngineError
from labkit.raw import Client, exchange, request_bytes

PING = request_bytes("GET", "/_ping")


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _issue(ca: trustme.CA, folder: Path) -> Certificates:
    """Write ca.pem, cert.pem and key.pem for a client."""
    folder.mkdir()
    leaf = ca.issue_cert("learner@lab.example", common_name="learner")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    leaf.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return Certificates(folder)


def _pour(source: socket.socket, sink: socket.socket) -> None:
    """Copy bytes until either side ends, and then end both."""
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for side in (source, sink):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, context: ssl.SSLContext, behind: Path) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_bridge, args=(plain, context, behind)).start()


def _bridge(plain: socket.socket, context: ssl.SSLContext, behind: Path) -> None:
    with (
        plain,
        socket.socket(socket.AF_UNIX) as engine,
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as front,
    ):
        engine.connect(str(behind))
        answers = threading.Thread(target=_pour, args=(engine, front))
        answers.start()
        _pour(front, engine)
        answers.join()


@contextmanager
def _tls_port(behind: Path, ca: trustme.CA, host: str) -> Iterator[int]:
    """Listen with TLS on loopback, ask for a client certificate, and pass on to a socket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(host).configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, context, behind)).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    for thread in set(threading.enumerate()) - before:
        thread.join(5)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(engine: Any, ca: trustme.CA, tmp_path: Path) -> Iterator[Endpoint]:
    with _tls_port(engine.socket, ca, "127.0.0.1") as port:
        certificates = _issue(ca, tmp_path / "mine")
        yield Endpoint(host="127.0.0.1", port=port, certificates=certificates)


def _replaced(endpoint: Endpoint, certificates: Certificates | None) -> Endpoint:
    return Endpoint(host=endpoint.host, port=endpoint.port, certificates=certificates)


def _ways(endpoint: Endpoint) -> Iterator[Any]:
    """Every way in which the kit reaches an engine."""
    yield lambda: exchange(endpoint, PING, timeout=5)
    with Client(endpoint, timeout=5) as client:
        yield lambda: client.get("/_ping")
    yield lambda: sdk.client(endpoint, timeout=5).close()
    yield lambda: sdk.client(endpoint, version="1.45", timeout=5).close()


@pytest.mark.engine
@pytest.mark.parametrize("bundle", ["/etc/ssl/certs/ca-certificates.crt", "/nowhere.pem"])
def test_tls_works_whatever_bundle_the_environment_names(
    tls: Endpoint, monkeypatch: pytest.MonkeyPatch, bundle: str
) -> None:
    """With REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE set, the endpoint's own CA is what counts."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    monkeypatch.setenv("CURL_CA_BUNDLE", bundle)
    assert exchange(tls, PING).endswith(b"OK")
    with Client(tls) as client, closing(sdk.client(tls)) as docker:
        assert client.get("/_ping").text == "OK"
        assert docker.ping()
        assert sdk.endpoint_of(docker.api) == tls


@pytest.mark.engine
def test_another_authoritys_engine_is_not_trusted(tls: Endpoint, tmp_path: Path) -> None:
    """An engine whose certificate another authority signed is refused."""
    endpoint = _replaced(tls, _issue(trustme.CA(), tmp_path / "foreign"))
    for way in _ways(endpoint):
        with pytest.raises(EngineError, match=r"TLS with tcp://.* failed") as error:
            way()
        assert "ca.pem" in error.value.hint


@pytest.mark.engine
def test_engine_refuses_another_authoritys_client(
    tls: Endpoint, ca: trustme.CA, tmp_path: Path
) -> None:
    """A client whose certificate the engine does not trust reads of TLS, not of a dead engine."""
    foreign = _issue(trustme.CA(), tmp_path / "foreign")
    ca.cert_pem.write_to_path(foreign.ca)
    for way in _ways(_replaced(tls, foreign)):
        with pytest.raises(EngineError, match=r"TLS with|closed the connection"):
            way()


@pytest.mark.engine
def test_certificate_for_another_host_is_refused(
    engine: Any, ca: trustme.CA, tmp_path: Path
) -> None:
    """A certificate that does not name the host is refused, though the authority is right."""
    with _tls_port(engine.socket, ca, "engine.example") as port:
        mine = _issue(ca, tmp_path / "mine")
        for way in _ways(Endpoint(host="127.0.0.1", port=port, certificates=mine)):
            with pytest.raises(EngineError, match=r"not valid for '127\.0\.0\.1'"):
                way()


@pytest.mark.engine
def test_waiting_stream_over_tls_is_freed_by_close(tls: Endpoint) -> None:
    """Closing a stream from another thread works over TLS as over a unix socket."""
    files = _open_files()
    with Client(tls) as client:
        events = client.events()
        thread = threading.Thread(target=list, args=(events,))
        thread.start()
        events.close()
        thread.join(5)
        assert not thread.is_alive()
    assert _open_files() <= files + 3  # the port's own side may linger


@pytest.mark.engine
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is what is tested")
def test_curl_over_tls_does_the_same(tls: Endpoint) -> None:
    """The recorded curl names the certificates' folder and works as it stands."""
    with Client(tls) as client, wire.record(client) as log:
        client.get("/containers/json", params={"filters": {"name": ["none"]}})
    assert tls.certificates
    environment = {**os.environ, "DOCKER_CERT_PATH": str(tls.certificates.folder)}
    command = ["sh", "-c", log.as_curl() + " --silent --show-error --fail"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
