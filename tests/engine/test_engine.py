"""A disposable engine: started, used, reset, thrown away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from labkit import raw, wait
from labkit.engine import fence, fleet, host, places
from labkit.engine.engine import Engine
from labkit.errors import EngineError, EngineNameTaken, VersionNotOffered

pytestmark = pytest.mark.engine


def _host_objects() -> dict[str, set[str]]:
    """What this test process could leave behind on the host engine: names and ids."""
    with host.find().client() as client:
        return {
            "containers": {row["Id"] for row in client.api.containers(all=True)},
            "volumes": {row["Name"] for row in client.api.volumes()["Volumes"] or []},
            "networks": {row["Id"] for row in client.api.networks()},
        }


def test_an_engine_answers_and_carries_the_course_images(engine: Engine) -> None:
    """A fresh engine answers its API and has busybox and hello-world, made by the kit."""
    assert engine.raw.get("/_ping").text == "OK"
    tags = {tag for image in engine.docker.images.list() for tag in image.tags}
    assert {"busybox:latest", "hello-world:latest"} <= tags
    labels = engine.docker.images.get("busybox").labels
    assert labels["org.opencontainers.image.vendor"] == "Docker API Lab"
    assert b"Hello from a container!" in engine.docker.containers.run("hello-world", remove=True)


def test_stop_leaves_nothing_behind() -> None:
    """After stop there is no container, volume, folder or process of the engine."""
    engine = Engine.start()
    engine.docker.containers.run("busybox", ["sleep", "600"], detach=True, volumes=["/data"])
    ours = {engine.container_id}
    with engine.host.client() as client:
        mounts = client.api.inspect_container(engine.container_id)["Mounts"]
        top = client.api.inspect_container(engine.container_id)["State"]["Pid"]
    volumes = {mount["Name"] for mount in mounts if mount["Type"] == "volume"}
    inside = psutil.Process(top).children(recursive=True)
    engine.stop()
    left = _host_objects()
    assert volumes
    assert not ours & left["containers"]
    assert not volumes & left["volumes"]
    assert not engine.folder.exists()
    assert not [one for one in inside if one.is_running() and one.status() != "zombie"]
    assert str(engine.container_id) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize("end", [Engine.stop, Engine.reset])
def test_an_engine_with_a_paused_container_ends_as_any_other(end: Callable[[Engine], None]) -> None:
    """What is frozen inside does not keep the engine from being removed."""
    with Engine.start() as engine:
        engine.docker.containers.run("busybox", ["sleep", "600"], detach=True).pause()
        before = engine.container_id
        end(engine)
        with engine.host.client() as client:
            left = {row["Id"] for row in client.api.containers(all=True)}
        assert before not in left


def test_reset_makes_it_pristine_at_the_same_socket(fresh_engine: Engine) -> None:
    """After reset only the course's images are there, and the socket's path is the same."""
    before = fresh_engine.socket
    fresh_engine.docker.containers.create("busybox", name="mine")
    fresh_engine.docker.volumes.create("mine")
    fresh_engine.docker.images.get("busybox").tag("mine")
    fresh_engine.reset()
    assert fresh_engine.socket == before
    assert fresh_engine.docker.containers.list(all=True) == []
    assert fresh_engine.docker.volumes.list() == []
    assert len(fresh_engine.docker.images.list()) == 2


def test_a_name_is_given_once_and_free_again_after_stop() -> None:
    """Starting a second engine of the same name is refused with a message that names both ways."""
    with Engine.start(name="once") as engine:
        with pytest.raises(EngineNameTaken, match="once") as refused:
            Engine.start(name="once")
        assert "labkit down once" in refused.value.hint
        assert engine.alive
    with Engine.start(name="once") as again:
        assert again.alive


def test_two_who_start_the_same_engine_at_once_get_one_and_a_clear_error() -> None:
    """Of several simultaneous starts one gets the engine and it is whole; the others are told."""
    started: list[Engine] = []
    refused: list[EngineNameTaken] = []

    def start() -> None:
        try:
            started.append(Engine.start(name="race"))
        except EngineNameTaken as taken:
            refused.append(taken)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert (len(started), len(refused)) == (1, 2)
        assert started[0].docker.containers.run("hello-world", remove=True)
    finally:
        for engine in started:
            engine.stop()


def test_several_engines_do_not_see_each_other(engine: Engine, fresh_engine: Engine) -> None:
    """What is made on one engine is not on another."""
    container = engine.docker.containers.create("busybox", name="only-here")
    try:
        assert fresh_engine.docker.containers.list(all=True) == []
    finally:
        container.remove()


def test_attach_finds_a_running_engine(fresh_engine: Engine) -> None:
    """Another process can use an engine by its name, and reset keeps its owner."""
    attached = Engine.attach(fresh_engine.name)
    assert attached.socket == fresh_engine.socket
    assert attached.owner == fresh_engine.owner
    assert attached.alive
    with pytest.raises(EngineError, match="no engine 'nobody'") as unknown:
        Engine.attach("nobody")
    assert fresh_engine.name in unknown.value.hint


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


def test_a_failed_start_leaves_nothing_and_says_why() -> None:
    """The last words of dockerd are in the error, and nothing of the engine remains."""
    with pytest.raises(EngineError, match="no-such-flag") as failed:
        Engine.start(name="fails", args=["--no-such-flag"])
    assert "labkit doctor" in failed.value.hint
    assert not fleet.folder("fails").exists()
    mine = {"label": [f"labkit.scope={places.scope()}", "labkit.name=fails"]}
    with host.find().client() as client:
        assert client.api.containers(all=True, filters=mine) == []
        assert not client.api.volumes(filters=mine)["Volumes"]


def test_what_a_killed_process_left_is_reaped() -> None:
    """An engine whose owner got SIGKILL is an orphan; the next start of any engine removes it."""
    program = (
        "import sys, time; from labkit.engine.engine import Engine; Engine.start(name='orphan'); "
        "print('up', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    socket = fleet.folder("orphan") / "docker.sock"
    with Engine.start():
        pass
    assert not socket.exists()
    with host.find().client() as client:
        assert "orphan" not in [found.name for found in fleet.engines(client)]


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


def test_tls_wants_a_certificate_on_both_sides() -> None:
    """The TCP port answers whoever has the engine's certificates, and nobody else."""
    with Engine.start(tcp=True) as engine:
        with raw.Client(engine.tls) as client:
            assert client.get("/_ping").text == "OK"
        key = engine.folder / "certs" / "key.pem"
        assert key.stat().st_mode & 0o777 == 0o600
        done = subprocess.run(
            ["curl", "-sk", "--max-time", "5", f"https://127.0.0.1:{engine.tls.port}/_ping"],
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0
        assert b"OK" not in done.stdout


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


def test_an_engine_can_raise_its_lowest_api_version() -> None:
    """The environment of dockerd is ours to set, as the lesson on versions does."""
    with Engine.start(env={"DOCKER_MIN_API_VERSION": "1.44"}) as engine:
        assert engine.raw.get("/version").json()["MinAPIVersion"] == "1.44"


def test_an_engine_that_died_says_so(fresh_engine: Engine) -> None:
    """An engine whose container is gone is not alive; reset brings it back."""
    with fresh_engine.host.client() as client:
        fleet.remove(client, fresh_engine.container_id)
    assert not fresh_engine.alive
    fresh_engine.reset()
    assert fresh_engine.alive


def test_the_socket_is_for_this_user_alone(engine: Engine) -> None:
    """The folder of the socket can be entered by its owner only."""
    assert places.run().stat().st_mode & 0o077 == 0
    assert engine.socket.stat().st_gid == os.getgid()


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
