"""How long an engine takes to start, to be as new, and to go: ``make bench``.

Beside them, as the measure of what this machine can do: a container that starts and goes.
"""

from __future__ import annotations

from typing import Any

import pytest

from labkit.engine import host, image
from labkit.engine.engine import Engine

pytestmark = pytest.mark.engine
ROUNDS = 5


@pytest.mark.benchmark(group="engine")
def test_start(benchmark: Any) -> None:
    """From nothing to an answering API with the course's images."""
    started: list[Engine] = []
    benchmark.pedantic(lambda: started.append(Engine.start()), rounds=ROUNDS)
    for engine in started:
        engine.stop()


@pytest.mark.benchmark(group="engine")
def test_reset(benchmark: Any) -> None:
    """From a used engine to one as new, at the same socket."""
    with Engine.start() as engine:
        benchmark.pedantic(engine.reset, rounds=ROUNDS)


@pytest.mark.benchmark(group="engine")
def test_stop(benchmark: Any) -> None:
    """From a running engine to nothing left."""
    benchmark.pedantic(
        Engine.stop, setup=lambda: ((Engine.start(),), {}), rounds=ROUNDS, iterations=1
    )


@pytest.mark.benchmark(group="engine")
def test_a_mere_container(benchmark: Any) -> None:
    """The floor: the same image, running `true` instead of an engine."""
    with host.find().client() as client:
        name = image.offered(image.DEFAULT).image

        def run() -> None:
            client.containers.run(name, entrypoint="true", remove=True)

        benchmark.pedantic(run, rounds=ROUNDS)
