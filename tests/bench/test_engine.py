"""How long an engine takes to start, to be as new, and to go: ``make bench``.

Beside them, as the measure of what this machine can do: a container that starts and goes.
"""

from __future__ import annotations

from typing import Any

import psutil
import pytest

from labkit.engine import drivers, host, image
from labkit.engine.engine import Engine

pytestmark = pytest.mark.engine
ROUNDS = 5
SEVERAL = 5


@pytest.fixture(params=["container", pytest.param("vm", marks=pytest.mark.vm)])
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engines live in."""
    monkeypatch.setenv("LABKIT_ENGINE", request.param)
    drivers.choose(say=print).prepare(image.DEFAULT, say=print)


@pytest.mark.usefixtures("driver")
@pytest.mark.benchmark(group="engine")
def test_start(benchmark: Any) -> None:
    """From nothing to an answering API with the course's images."""
    started: list[Engine] = []
    benchmark.pedantic(lambda: started.append(Engine.start()), rounds=ROUNDS)
    for engine in started:
        engine.stop()


@pytest.mark.usefixtures("driver")
@pytest.mark.benchmark(group="engine")
def test_reset(benchmark: Any) -> None:
    """From a used engine to one as new, at the same socket."""
    with Engine.start() as engine:
        benchmark.pedantic(engine.reset, rounds=ROUNDS)


@pytest.mark.usefixtures("driver")
@pytest.mark.benchmark(group="engine")
def test_stop(benchmark: Any) -> None:
    """From a running engine to nothing left."""
    benchmark.pedantic(
        Engine.stop, setup=lambda: ((Engine.start(),), {}), rounds=ROUNDS, iterations=1
    )


@pytest.mark.usefixtures("driver")
@pytest.mark.benchmark(group="a container in an engine")
def test_run(benchmark: Any) -> None:
    """One that says something and goes."""
    with Engine.start() as engine:
        run = engine.docker.containers.run
        benchmark.pedantic(lambda: run("busybox", ["echo", "hi"], remove=True), rounds=ROUNDS)


@pytest.mark.vm
@pytest.mark.benchmark(group="several machines")
def test_several_machines(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five at once, and the memory that they take: what they share counts once."""
    monkeypatch.setenv("LABKIT_ENGINE", "vm")
    started: list[Engine] = []
    benchmark.pedantic(lambda: started.append(Engine.start()), rounds=SEVERAL)
    programs = [one for one in psutil.process_iter() if one.name().startswith("qemu-system")]
    taken = sum(one.memory_full_info().pss for one in programs) / 2**30
    for engine in started:
        engine.stop()
    benchmark.extra_info["GiB of memory"] = round(taken, 2)
    print(f"\n{SEVERAL} machines: {taken:.2f} GiB")  # noqa: T201 - a figure to read
    assert taken < 6


@pytest.mark.benchmark(group="engine")
def test_a_mere_container(benchmark: Any) -> None:
    """The floor: the same image, running `true` instead of an engine."""
    with host.find().client() as client:
        name = image.offered(image.DEFAULT).image

        def run() -> None:
            client.containers.run(name, entrypoint="true", remove=True)

        benchmark.pedantic(run, rounds=ROUNDS)
