"""An engine with certificates of your own: what it keeps, and what nobody gets to see."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from labkit import raw, sdk, wait
from labkit.endpoint import Certificates, Endpoint
from labkit.engine.certificates import Server
from labkit.engine.engine import Engine
from labkit.errors import EngineError
from labkit.security.certificates import Authority, Leaf

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def server(authority: Authority) -> Leaf:
    return authority.server("localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def secured(server: Leaf) -> Iterator[Engine]:
    """A secured engine that the tests of this module share."""
    with Engine.start(server=server, say=lambda _: None) as engine:
        yield engine


@pytest.fixture(scope="module")
def client(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A client that the engine trusts."""
    return authority.client("rita").write(tmp_path_factory.mktemp("rita"))


def _secrets(server: Server) -> list[str]:
    """What may be seen nowhere: each line of the key but its two borders."""
    return server.key.decode().split("\n")[1:-2]


def _answered(endpoint: Endpoint) -> str:
    with raw.Client(endpoint) as asking:
        return asking.get("/_ping").text


def test_a_client_of_the_authority_is_answered(secured: Engine, client: Certificates) -> None:
    """By the raw client and the SDK, with nothing but a common name in the certificate."""
    endpoint = secured.reached_with(client)
    assert _answered(endpoint) == "OK"
    docker = sdk.client(endpoint)
    assert docker.ping()
    docker.close()


def test_the_engine_shows_the_certificate_that_it_was_given(
    secured: Engine, client: Certificates, server: Leaf
) -> None:
    """Another authority's clients are refused, and so is the engine by who trusts another one."""
    stranger = Authority("another")
    wrong = Leaf(server.ca, stranger.client("eve").cert, stranger.client("eve").key)
    for leaf in (wrong, stranger.client("eve")):
        endpoint = secured.reached_with(leaf.write(client.folder.parent / "eve"))
        with pytest.raises(EngineError, match="TLS with"):
            _answered(endpoint)


def test_its_socket_needs_no_certificate(secured: Engine) -> None:
    """The unix socket is still there, for the learner who started the engine."""
    assert _answered(secured.endpoint) == "OK"


def test_it_issues_no_client_of_its_own(secured: Engine) -> None:
    """With an authority of yours, the kit leaves no client's key of another one around."""
    assert not (secured.folder / "certs").exists()
    with pytest.raises(EngineError, match="certificate file"):
        _answered(secured.tls)


def test_reset_keeps_the_certificates(authority: Authority, tmp_path: Path) -> None:
    """After a reset the same clients are let in at the same port, and strangers are not."""
    with Engine.start(server=authority.server("localhost", "127.0.0.1")) as engine:
        endpoint = engine.reached_with(authority.client("rita").write(tmp_path / "rita"))
        engine.docker.containers.create("busybox", name="mine")
        engine.reset()
        assert engine.docker.containers.list(all=True) == []
        assert _answered(endpoint) == "OK"
        assert engine.reached_with(endpoint.certificates or Certificates(tmp_path)) == endpoint


def test_attach_finds_the_same_port(secured: Engine, client: Certificates) -> None:
    """Another program that attaches reaches the engine with the same clients."""
    attached = Engine.attach(secured.name)
    assert attached.reached_with(client) == secured.reached_with(client)
    assert _answered(attached.reached_with(client)) == "OK"
    assert json.dumps(asdict(attached.spec)) == json.dumps(asdict(secured.spec))


def test_attached_it_resets_with_its_certificates(authority: Authority, tmp_path: Path) -> None:
    """Who attached may reset: the certificates are the engine's, not the process's."""
    with Engine.start(server=authority.server("127.0.0.1")) as engine:
        attached = Engine.attach(engine.name)
        attached.reset()
        rita = authority.client("rita").write(tmp_path)
        assert _answered(attached.reached_with(rita)) == "OK"
        engine.container_id = attached.container_id


def test_its_key_is_not_in_its_spec(secured: Engine, server: Leaf) -> None:
    """What the kit keeps of an engine in order to start it again has no key."""
    shown = [repr(secured), repr(secured.spec), json.dumps(asdict(secured.spec), default=str)]
    assert not [one for one in _secrets(server) for text in shown if one in text]


def test_its_key_is_not_on_the_host_engine(secured: Engine, server: Leaf) -> None:
    """Labels, environment, arguments: ``GET /containers/{id}/json`` of the host shows no key."""
    with secured.host.client() as host:
        seen = json.dumps(host.api.inspect_container(secured.container_id))
        listed = json.dumps(host.api.containers(all=True))
    assert secured.name in seen
    assert "PRIVATE KEY" not in seen + listed
    assert not [one for one in _secrets(server) if one in seen + listed]


def test_its_key_is_not_in_its_log(secured: Engine, server: Leaf, client: Certificates) -> None:
    """Not after a handshake that went wrong either."""
    plain = Endpoint(host="127.0.0.1", port=secured.tls.port)
    subprocess.run(
        ["curl", "-qsk", "--max-time", "5", f"https://127.0.0.1:{plain.port}/_ping"],
        capture_output=True,
        check=False,
    )
    _answered(secured.reached_with(client))
    wait.until(lambda: "TLS handshake error" in secured.logs(lines=10_000), what="the log")
    log = secured.logs(lines=10_000)
    assert not [one for one in _secrets(server) if one in log]


def test_its_key_is_for_this_user_alone(secured: Engine) -> None:
    """What is kept for a reset has mode 0600, in a folder that only this user enters."""
    kept = secured.folder / "server.tar"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(secured.folder.stat().st_mode) & 0o077 == 0


def test_its_key_is_root_s_within_the_engine(secured: Engine) -> None:
    """In the container too, nobody but root reads the key."""
    with secured.host.client() as host:
        _, told = host.api.get_archive(secured.container_id, "/etc/labkit/server-key.pem")
    assert stat.S_IMODE(told["mode"]) == 0o600


def test_stop_takes_the_key_away(server: Leaf) -> None:
    """After the end, nothing of the key is on this machine."""
    with Engine.start(server=server) as engine:
        folder = engine.folder
        assert (folder / "server.tar").exists()
    assert not folder.exists()


def test_a_start_that_fails_leaves_no_key(server: Leaf) -> None:
    """A key that does not fit keeps the engine from starting, and is not left behind."""
    name = f"misfit-{os.getpid()}"
    misfit = Server(server.ca, server.cert, Authority("another").server("localhost").key)
    with pytest.raises(EngineError, match="private key does not match"):
        Engine.start(server=misfit, name=name)
    with pytest.raises(EngineError, match="There is no engine"):
        Engine.attach(name)


def test_a_bridged_transport_refuses_certificates(
    server: Leaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kit itself needs the TLS port, it says that it can't be given away."""
    monkeypatch.setenv("LABKIT_TRANSPORT", "tcp")
    with pytest.raises(EngineError, match="unix socket") as error:
        Engine.start(server=server)
    assert error.value.hint
