"""A disposable engine: started, used, reset, thrown away."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from labkit import wait
from labkit.engine import fence, fleet, host
from labkit.engine.engine import Engine
from labkit.errors import EngineError, VersionNotOffered

pytestmark = pytest.mark.engine


def test_an_unoffered_version_names_the_offered_ones() -> None:
    """A version that the kit has not is refused, with those that it has."""
    with pytest.raises(VersionNotOffered) as refused:
        Engine.start(version="19.03")
    assert "20.10, 26.1, 28.5" in refused.value.hint


@pytest.mark.parametrize("name", ["../etc", "Upper", "", "a" * 41, "with space"])
def test_a_name_that_can_be_none_is_refused(name: str) -> None:
    """Names that would leave the run folder, or that Docker refuses, are refused at once."""
    with pytest.raises(EngineError, match="can't be an engine's name"):
        fleet.valid_name(name)


def test_foreign_objects_are_never_touched_listed_or_counted() -> None:
    """Containers, volumes and networks of others on the host engine stay as they are."""
    with host.find().client() as client:
        kit = {"labkit": "engine"}  # one of our labels is not enough: the scope is another
        network = client.networks.create("somebodys-net")
        volume = client.volumes.create("somebodys-volume", labels=kit)
        image = next(one for one in client.images.list() if "labkit/engine:26.1" in one.tags)
        container = client.containers.create(
            image.id, name="somebodys", labels={**kit, "labkit.scope": "another"}
        )
        try:
            with Engine.start() as engine:
                engine.reset()
                assert "somebodys" not in [found.name for found in fleet.engines(client)]
            fleet.sweep(client)
            container.reload()
            volume.reload()
            network.reload()
            assert container.status == "created"
        finally:
            container.remove(v=True)
            volume.remove()
            network.remove()


def test_the_tcp_transport_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TLS and a bridge the engine has a socket, resets, and leaves no process behind."""
    monkeypatch.setenv("LABKIT_TRANSPORT", "tcp")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    with Engine.start() as engine:
        assert b"Hello" in engine.docker.containers.run("hello-world", remove=True)
        engine.docker.containers.create("busybox", name="mine")
        with engine.raw.events() as events:
            engine.docker.containers.get("mine").remove()
            assert next(events)["Action"] == "destroy"
        engine.reset()
        assert engine.docker.containers.list(all=True) == []
        socket = str(engine.socket)
    wait.until(lambda: not _bridges(socket), what="the bridge's end")
    assert not Path(socket).exists()


def _bridges(socket: str) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline"])
    return [one for one in found if socket in (one.info["cmdline"] or [])]


@pytest.mark.slow
@pytest.mark.parametrize(("version", "api"), [("20.10", "1.41"), ("28.5", "1.51")])
def test_every_offered_version_keeps_the_contract(version: str, api: str) -> None:
    """Each version starts, says what it is, runs a container, resets and goes."""
    with Engine.start(version=version) as engine:
        answer = engine.raw.get("/version").json()
        assert (answer["Version"].startswith(version), answer["ApiVersion"]) == (True, api)
        assert engine.docker.containers.run("hello-world", remove=True)
        engine.docker.containers.create("busybox")
        engine.reset()
        assert engine.docker.containers.list(all=True) == []


def test_behind_a_fence_a_name_that_nobody_has_is_refused_at_once() -> None:
    """Nobody there waits for a name server that can't be reached."""
    with Engine.start(fenced=True, network=fence.ALONE) as engine:
        engine.docker.networks.create("room")
        ask = ["timeout", "-s", "KILL", "3", "ping", "-c1", "nobody"]
        asking = engine.docker.containers.run("busybox", ask, network="room", detach=True)
        assert asking.wait()["StatusCode"] == 1
        assert b"bad address 'nobody'" in asking.logs()
