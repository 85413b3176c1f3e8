"""What the doctor sees of a Docker's ports, socket and version, on real engines."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.engine.engine import Engine
from labkit.security import exposure
from labkit.security.certificates import Authority
from labkit.security.exposure import Listener

VERIFYING = Listener("tcp://0.0.0.0:2376", tls=True, verifies=True)


@contextlib.contextmanager
def _pings(engine: Engine, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A loopback port at which the engine answers a ping, and nothing else.

    Anything else than a ping is hung up on, for the port is open to all users of this machine.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=_serve, args=(listener, engine.socket, context))
        serving.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()


def _serve(listener: socket.socket, path: Path, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        with caller, contextlib.suppress(OSError):
            caller.settimeout(5)
            caller = context.wrap_socket(caller, server_side=True) if context else caller
            with caller, socket.socket(socket.AF_UNIX) as engine:
                asked = caller.recv(4096)
                if asked.startswith(b"GET /_ping HTTP/1.0\r\n"):
                    engine.connect(str(path))
                    engine.sendall(asked)
                    caller.sendall(engine.recv(4096))


@pytest.mark.engine
def test_a_port_without_tls_is_found(engine: Engine) -> None:
    """An engine that answers a plain ping is exposed, and the finding says what to do."""
    with _pings(engine) as port:
        assert exposure.answers("127.0.0.1", port) == "without TLS"
        found = exposure.ports([], [("127.0.0.1", port)])
    assert found.rating == "warning"
    assert f"127.0.0.1:{port}" in found.seen
    assert "root" in found.remedy


@pytest.mark.engine
def test_a_port_that_asks_for_no_certificate_is_found(engine: Engine, tmp_path: Path) -> None:
    """TLS alone keeps nobody out: an engine that answers a stranger over it is exposed."""
    files = Authority().server("127.0.0.1").write(tmp_path / "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    with _pings(engine, context) as port:
        found = exposure.ports([], [("127.0.0.1", port)])
    assert "without asking for a certificate" in found.seen
    assert "--tlsverify" in found.remedy


@pytest.mark.engine
def test_a_port_with_mutual_tls_is_good() -> None:
    """An engine that wants a client's certificate answers no stranger."""
    with Engine.start(tcp=True) as engine:
        assert engine.tls.port
        assert exposure.answers("127.0.0.1", engine.tls.port) == ""
        assert exposure.ports([VERIFYING], [("127.0.0.1", engine.tls.port)]).rating == "good"


def test_another_server_is_no_docker() -> None:
    """A port at which nobody listens, or something else does, is no finding."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert exposure.answers("127.0.0.1", port) == ""  # it takes connections, and says nothing
    assert exposure.answers("127.0.0.1", 1) == ""


@pytest.mark.parametrize(
    ("command", "settings", "expected"),
    [
        ("dockerd -H fd://", "", []),
        ("dockerd -H tcp://0.0.0.0:2375", "", [Listener("tcp://0.0.0.0:2375")]),
        ("dockerd --host=tcp://:2376 --tls", "", [Listener("tcp://:2376", tls=True)]),
        ("dockerd -Htcp://0.0.0.0:2376 --tlsverify", "", [VERIFYING]),
        ("dockerd -H tcp://:1 --tlsverify=false", '{"tlsverify": true}', [Listener("tcp://:1")]),
        ("dockerd", '{"hosts": ["tcp://:9", "fd://"]}', [Listener("tcp://:9")]),
        ("dockerd", '{"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": true}', [VERIFYING]),
        ("dockerd", "{ broken", []),
        ("dockerd", "[]", []),
    ],
)  # fmt: skip
def test_dockerds_own_words_are_read(
    command: str, settings: str, expected: list[Listener], tmp_path: Path
) -> None:
    """Hosts and TLS flags come from the command line and daemon.json, as dockerd reads them."""
    path = tmp_path / "daemon.json"
    if settings:
        path.write_text(settings)
    assert list(exposure.listeners([command.split()], path)) == expected


def test_what_is_told_is_a_finding_even_if_it_does_not_answer() -> None:
    """A port that can't be reached from here may be reached from elsewhere."""
    plain = exposure.ports([VERIFYING, Listener("tcp://192.0.2.1:2375")], [])
    assert "without TLS" in plain.seen
    open_to_all = exposure.ports([Listener("tcp://192.0.2.1:2376", tls=True)], [])
    assert "without clients' certificates" in open_to_all.seen


@pytest.mark.engine
def test_a_socket_for_everybody_is_found(engine: Engine) -> None:
    """A world-writable socket is a finding with the command that closes it; nothing is changed."""
    before = engine.socket.stat().st_mode
    try:
        engine.socket.chmod(0o666)
        [found] = exposure.socket_rights(engine.socket)
        assert found.rating == "warning"
        assert f"chmod o-w {engine.socket}" in found.remedy
        assert engine.socket.stat().st_mode & 0o777 == 0o666
    finally:
        engine.socket.chmod(before)
    [found] = exposure.socket_rights(engine.socket)
    assert found.rating == "good"
    assert list(exposure.socket_rights(Path("/no/such.sock"))) == []


@pytest.mark.engine
def test_the_doctor_looks_at_all_of_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports, socket and version of the host engine are looked at; engines in containers are not."""
    monkeypatch.setenv("LABKIT_HOST", f"unix://{engine.socket}")
    with Engine.start(args=["--host=tcp://127.0.0.1:2375", "--tls=false"], tcp=False):
        found = {one.check: one for one in exposure.findings()}
    assert found.keys() == {"TCP ports", "Socket", "Known holes"}
    assert found["TCP ports"].rating == "good"
    assert "CVE-2026-34040" in found["Known holes"].seen
    assert found["Known holes"].remedy
