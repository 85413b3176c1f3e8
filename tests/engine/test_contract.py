"""What an engine promises, whatever it lives in: a container or a virtual machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psutil
import pytest

from labkit import archives, raw, wait
from labkit.engine import fleet, places
from labkit.engine.driver import Driver
from labkit.engine.engine import Engine
from labkit.errors import EngineError, EngineNameTaken

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("driver")]
Look = Callable[[Engine], list[str]]


@pytest.fixture(scope="module")
def engine(driver: Driver) -> Iterator[Engine]:
    """An engine that these tests share; a test removes what it made on it."""
    with Engine.start() as engine:
        assert engine.driver == driver
        yield engine


def test_stop_leaves_nothing_behind(traces: Look) -> None:
    """After stop there is no process, folder, disk or mount of the engine."""
    engine = Engine.start()
    engine.docker.containers.run("busybox", ["sleep", "600"], detach=True, volumes=["/data"])
    assert traces(engine)
    engine.stop()
    assert traces(engine) == []


@pytest.mark.parametrize("end", [Engine.stop, Engine.reset])
def test_an_engine_with_a_paused_container_ends_as_any_other(end: Callable[[Engine], None]) -> None:
    """What is frozen inside does not keep the engine from being removed."""
    with Engine.start() as engine:
        engine.docker.containers.run("busybox", ["sleep", "600"], detach=True).pause()
        before = engine.body
        end(engine)
        assert not before.running


def test_a_failed_start_leaves_nothing_and_says_why(driver: Driver) -> None:
    """The last words of dockerd are in the error, and nothing of the engine remains."""
    with pytest.raises(EngineError, match="no-such-flag") as failed:
        Engine.start(name="fails", args=["--no-such-flag"])
    assert "labkit doctor" in failed.value.hint
    assert not fleet.folder("fails").exists()
    assert "fails" not in [one.name for one in driver.engines()]


def test_what_a_killed_process_left_is_reaped(driver: Driver, traces: Look) -> None:
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
    orphan = Engine.attach("orphan")
    with Engine.start():
        pass
    assert traces(orphan) == []
    assert "orphan" not in [one.name for one in driver.engines()]


def test_an_engine_that_died_says_so() -> None:
    """An engine that lost what it lived in is not alive; reset brings it back."""
    with Engine.start() as engine:
        engine.body.remove()
        assert not engine.alive
        engine.reset()
        assert engine.alive


def test_an_engine_that_ended_is_its_owners(fresh_engine: Engine) -> None:
    """While its owner lives, nobody sweeps it: it can be started again, with what is on its disk.

    The start of any other engine sweeps.
    """
    fresh_engine.docker.containers.create("busybox", name="mine")
    fresh_engine.body.kill()
    with Engine.start():
        pass
    fresh_engine.body.start()
    Engine.attach(fresh_engine.name)  # waits for it
    assert fresh_engine.docker.containers.get("mine")


def test_programs_run_inside_and_files_go_in_and_out(engine: Engine) -> None:
    """A body has a system of its own: exit codes, files, environment."""
    engine.body.put(archives.pack([archives.File("etc/told", b"what was told")]))
    assert archives.unpack(engine.body.get("/etc/told")) == {"told": b"what was told"}
    assert engine.body.get("/etc/nobody") == b""
    assert engine.body.run("sh", "-c", "exit $CODE", env={"CODE": "7"}) == 7


def test_the_time_inside_is_this_machines(engine: Engine) -> None:
    """Also where it goes on from a state that was saved long ago."""
    told = datetime.fromisoformat(engine.raw.get("/info").json()["SystemTime"])
    assert abs((datetime.now(UTC) - told).total_seconds()) < 30


def test_an_engine_answers_and_carries_the_course_images(engine: Engine) -> None:
    """A fresh engine answers its API and has busybox and hello-world, made by the kit."""
    assert engine.raw.get("/_ping").text == "OK"
    tags = {tag for image in engine.docker.images.list() for tag in image.tags}
    assert {"busybox:latest", "hello-world:latest"} <= tags
    labels = engine.docker.images.get("busybox").labels
    assert labels["org.opencontainers.image.vendor"] == "Docker API Lab"
    assert b"Hello from a container!" in engine.docker.containers.run("hello-world", remove=True)


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


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_who_has_said_all_hears_the_answer(monkeypatch: pytest.MonkeyPatch, transport: str) -> None:
    """The end of what is sent reaches a process inside, and what it says then comes back whole."""
    monkeypatch.setenv("LABKIT_TRANSPORT", transport)
    with Engine.start() as engine:
        container = engine.docker.containers.run("busybox", ["sleep", "600"], detach=True)
        api = engine.docker.api
        made = api.exec_create(container.id, ["sh", "-c", "wc -c; echo end"], stdin=True)
        stream = api.exec_start(made["Id"], socket=True)
        with contextlib.closing(stream), stream._sock as end:  # noqa: SLF001 - the one way to it
            end.settimeout(60)
            end.sendall(b"x" * 200_000)
            end.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: end.recv(65536), b""))
        assert b"200000\n" in said
        assert b"end\n" in said


def test_connections_that_are_over_leave_nothing_open(engine: Engine) -> None:
    """Neither in a bridge nor anywhere that this machine can see."""
    names = ("bridge.py", str(engine.socket))
    bridges = [
        one for one in psutil.process_iter(["cmdline"])
        if all(any(name in part for part in one.info["cmdline"] or []) for name in names)
    ]  # fmt: skip
    assert len(bridges) == int(engine.driver.name == "vm")
    before = [one.num_fds() for one in bridges]
    for _ in range(40):
        with raw.Client(engine.endpoint) as client:
            client.get("/_ping")
    wait.until(
        lambda: all(one.num_fds() <= first + 2 for one, first in zip(bridges, before, strict=True)),
        what="the connections to be closed",
    )


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


def test_an_engine_can_raise_its_lowest_api_version() -> None:
    """The environment of dockerd is ours to set, as the lesson on versions does."""
    with Engine.start(env={"DOCKER_MIN_API_VERSION": "1.44"}) as engine:
        assert engine.raw.get("/version").json()["MinAPIVersion"] == "1.44"


def test_the_socket_is_for_this_user_alone(engine: Engine) -> None:
    """The folder of the socket can be entered by its owner only."""
    assert places.run().stat().st_mode & 0o077 == 0
    assert engine.socket.stat().st_gid == os.getgid()
