"""The host engine: found, or refused with what to do."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labkit.endpoint import Endpoint
from labkit.engine import host, places, private
from labkit.engine.engine import Engine
from labkit.errors import HostError, HostPermissionError


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder whose path is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="lk") as path:
        yield Path(path)


@pytest.mark.engine
def test_labkit_host_comes_before_docker_host(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """LABKIT_HOST decides, whatever DOCKER_HOST says."""
    del engine
    real = folder / "d.sock"
    real.symlink_to(host.find().endpoint.unix or "")
    monkeypatch.setenv("LABKIT_HOST", f"unix://{real}")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert host.find().found_by == f"LABKIT_HOST=unix://{real}"


@pytest.mark.engine
def test_an_engine_of_the_kit_is_never_its_own_host(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With DOCKER_HOST pointing at a lab engine, the host engine is found all the same."""
    without = host.find()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{engine.socket}")
    assert host.find().endpoint == without.endpoint


@pytest.mark.parametrize("variable", ["LABKIT_HOST", "DOCKER_HOST"])
def test_a_dead_socket_is_an_error_that_names_it(
    variable: str, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """A place that somebody named must answer; the kit does not look elsewhere instead."""
    dead = folder / "docker.sock"
    with socket.socket(socket.AF_UNIX) as once:
        once.bind(str(dead))
    monkeypatch.setenv(variable, f"unix://{dead}")
    with pytest.raises(HostError, match=str(dead)) as refused:
        host.find()
    assert f"unset {variable}" in refused.value.hint


def test_a_foreign_socket_is_told_from_docker(
    monkeypatch: pytest.MonkeyPatch, stranger: Callable[[bytes], Endpoint]
) -> None:
    """Something that listens but is no Docker gives a clear error."""
    monkeypatch.setenv("LABKIT_HOST", stranger(b"220 smtp.example ESMTP\r\n").url)
    with pytest.raises(HostError, match="No Docker Engine answers"):
        host.find()


def test_no_permission_on_the_socket_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """A user who may not use Docker is told which group to join."""
    folder.chmod(0o755)
    path = folder / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o600)
        monkeypatch.setenv("LABKIT_HOST", f"unix://{path}")
        with _nobody(), pytest.raises(HostPermissionError) as refused:
            host.find()
    assert "usermod -aG docker" in refused.value.hint


@pytest.mark.parametrize("url", ["ssh://somebody@example.com", "nonsense", "tcp://"])
def test_an_address_of_another_kind_is_refused_with_what_goes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be used as a host engine is refused with the forms that can."""
    monkeypatch.setenv("LABKIT_HOST", url)
    with pytest.raises(HostError) as refused:
        host.find()
    assert "unix:///path/to/docker.sock" in refused.value.hint


def test_without_docker_and_without_rights_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """Where no Docker runs and none may be started, the message says what to install and join."""
    folder.chmod(0o755)
    for variable in ("LABKIT_HOST", "DOCKER_HOST"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LABKIT_HOME", str(folder / "home"))
    monkeypatch.setattr(host, "DEFAULT_SOCKET", folder / "none.sock")
    with _nobody(), pytest.raises(HostError) as refused:
        host.find()
    assert "apt-get install docker.io" in refused.value.hint


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a private engine needs and is not installed is named as an apt-get command."""
    monkeypatch.setattr("labkit.engine.firewall.SEARCH_PATH", "/nowhere")
    assert private.obstacle().endswith("apt-get install -y docker.io iptables iproute2")


def test_the_run_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """LABKIT_HOME moves all that the kit keeps, and another home is another scope."""
    scope = places.scope()
    monkeypatch.setenv("LABKIT_HOME", str(folder))
    assert places.home() == folder
    assert places.run() == folder / "run"
    assert places.scope() != scope


@contextmanager
def _nobody() -> Iterator[None]:
    """Be a user without rights for a while."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
