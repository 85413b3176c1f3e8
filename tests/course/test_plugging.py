"""A judge's plugins on a real engine: what they do, and that nothing of them stays."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from labkit import wait
from labkit.course.exercise import Tutor
from labkit.course.lessons.use_plugins import VOLUMES
from labkit.course.plugging import Plugins, bench
from labkit.engine.engine import Engine
from labkit.hub.hub import Hub

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub with the Python that a plugin needs."""
    with Hub.start(limit=None, prefix=16, python=True) as hub:
        yield hub


@pytest.fixture
def engine(hub: Hub) -> Iterator[Engine]:
    """An engine that knows the hub; stopped once more, it is none the worse."""
    with hub.engine() as engine:
        yield engine


@pytest.fixture
def tutor(engine: Engine, hub: Hub) -> Iterator[Tutor]:
    """Whoever judges on the engine."""
    tutor = Tutor(engine.endpoint, lambda _: None, hub=hub)
    yield tutor
    tutor.close()


def _running(plugins: Plugins, *words: str) -> str:
    """A plugin that is enabled, whose program has these words on its command line."""
    entrypoint = [*VOLUMES["entrypoint"], *words]
    name = plugins.create(VOLUMES | {"entrypoint": entrypoint}, image=plugins.image())
    plugins.enable(name)
    return name


@pytest.mark.slow
def test_its_volumes_keep_what_is_written(tutor: Tutor) -> None:
    """The driver makes, finds, shares and removes volumes, and tells when it was started."""
    with bench(tutor) as plugins:
        name = _running(plugins)
        volume = plugins.volume(name)
        mounted = {"volumes": [f"{volume}:/data"], "remove": True}
        run = tutor.docker.containers.run
        run("busybox", ["sh", "-c", "echo kept > /data/it"], **mounted)
        assert run("busybox", ["cat", "/data/it"], **mounted) == b"kept\n"
        assert tutor.raw.get(f"/volumes/{volume}").json()["Status"]["born"] > 0
        tutor.docker.volumes.get(volume).remove()
        plugins.disable(name)
        found = plugins.found(name)
        assert found is not None
        assert found["Enabled"] is False


@pytest.mark.slow
def test_what_a_bench_made_is_gone(tutor: Tutor) -> None:
    """Plugins in use, their volumes, the containers that have these, and images."""
    before = len(tutor.docker.images.list())
    with bench(tutor) as plugins:
        name = _running(plugins)
        tutor.docker.containers.run(
            "busybox", ["sleep", "600"], volumes=[f"{plugins.volume(name)}:/data"], detach=True
        )
        plugins.create(VOLUMES)
        plugins.publish(VOLUMES)
    assert tutor.raw.get("/plugins").json() == []
    assert tutor.docker.containers.list(all=True) == []
    assert tutor.docker.volumes.list() == []
    assert len(tutor.docker.images.list()) <= before + 1  # the hub's Python was pulled


def test_what_was_there_before_stays(tutor: Tutor) -> None:
    """A learner's own plugin is not a judge's to remove."""
    theirs = Plugins(tutor).create(VOLUMES, name="theirs:latest")
    with bench(tutor) as plugins:
        plugins.create(VOLUMES)
    assert [one["Name"] for one in tutor.raw.get("/plugins").json()] == [theirs]


def test_what_is_published_is_in_the_hub_alone(tutor: Tutor) -> None:
    """The engine can ask what it wants, and has no such plugin."""
    with bench(tutor) as plugins:
        remote = plugins.publish(VOLUMES | {"network": {"type": "host"}})
        assert plugins.found(remote) is None
        (asked,) = tutor.raw.get("/plugins/privileges", params={"remote": remote}).json()
        assert (asked["Name"], asked["Value"]) == ("network", ["host"])


def _processes(word: str) -> list[int]:
    """Whatever runs on this machine with that word on its command line."""
    found = psutil.process_iter(["pid", "cmdline"])
    return [one.info["pid"] for one in found if word in (one.info["cmdline"] or [])]


@pytest.mark.slow
def test_an_engine_takes_its_plugins_along(engine: Engine, tutor: Tutor) -> None:
    """Stopped while a container has a volume of one, it leaves no process and no mount."""
    plugins, word = Plugins(tutor), secrets.token_hex(8)
    name = _running(plugins, word)
    tutor.stock.run(volumes=[f"{plugins.volume(name)}:/data"])
    found = plugins.found(name)
    assert found is not None
    assert _processes(word)
    tutor.raw.close()
    engine.stop()
    assert wait.until(lambda: not _processes(word), what="the plugin to end")
    assert found["Id"] not in Path("/proc/self/mounts").read_text()
