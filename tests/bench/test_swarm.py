"""How long a cluster takes to be there and to settle: ``make bench``.

Beside them the same nodes one after another, and one container more on an engine alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest

from labkit.engine.engine import Engine
from labkit.live import services
from labkit.swarm.cluster import Cluster

pytestmark = pytest.mark.engine
ROUNDS = 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Start a manager and two workers."""
    with Cluster.start() as cluster:
        yield cluster


@pytest.mark.benchmark(group="cluster: three nodes")
def test_side_by_side(benchmark: Any) -> None:
    """Engines started together, and joined."""
    with contextlib.ExitStack() as stack:
        benchmark.pedantic(lambda: stack.enter_context(Cluster.start()), rounds=ROUNDS)


@pytest.mark.benchmark(group="cluster: three nodes")
def test_one_after_another(benchmark: Any) -> None:
    """The same engines in a row, and not joined: what a loop of ``docker run`` would take."""
    with contextlib.ExitStack() as stack:

        def start() -> None:
            for _ in range(3):
                stack.enter_context(Engine.start())

        benchmark.pedantic(start, rounds=ROUNDS)


@pytest.mark.benchmark(group="cluster: nine tasks more")
def test_converge(benchmark: Any, cluster: Cluster) -> None:
    """From three tasks to twelve, or back, until they run as wanted."""
    manager = cluster.manager
    run = {"Image": "busybox", "Command": ["sleep", "600"], "StopGracePeriod": 10**8}
    mode = {"Replicated": {"Replicas": 3}}
    body = {"Name": "web", "TaskTemplate": {"ContainerSpec": run}, "Mode": mode}
    manager.raw.post("/services/create", json=body)
    cluster.converged("web")

    def few() -> None:
        services.scale(manager.endpoint, "web", 3)
        cluster.converged("web")

    def many() -> None:
        services.scale(manager.endpoint, "web", 12)
        cluster.converged("web")

    benchmark.pedantic(many, setup=few, rounds=ROUNDS)


@pytest.mark.benchmark(group="cluster: nine tasks more")
def test_nine_containers_by_hand(benchmark: Any, cluster: Cluster) -> None:
    """Nine containers, created and started by the SDK on the cluster's engines in turn."""
    nodes = cycle(cluster.nodes.values())

    def run() -> None:
        for _ in range(9):
            node = next(nodes)
            node.docker.containers.run("busybox", ["sleep", "600"], detach=True)

    benchmark.pedantic(run, rounds=ROUNDS)
