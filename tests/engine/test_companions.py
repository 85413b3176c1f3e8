"""What several engines are together, whatever they live in: behind a hub, in a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from docker.errors import APIError

from labkit import wait
from labkit.engine.driver import Driver
from labkit.engine.engine import Engine
from labkit.hub.hub import NAME, Hub, Mirror
from labkit.swarm import tables
from labkit.swarm.cluster import Cluster

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("driver")]
Look = Callable[[Engine], list[str]]


@pytest.fixture(scope="module")
def hub(driver: Driver) -> Iterator[Hub]:
    """A hub that the tests share; each gives it the budget that it needs."""
    with Hub.start(limit=None) as hub:
        assert hub.body.id in [one.id for one in driver.companions()]
        yield hub


@pytest.fixture(scope="module")
def cluster(driver: Driver) -> Iterator[Cluster]:
    """One manager and a worker."""
    with Cluster.start(workers=1) as cluster:
        assert len(driver.engines()) >= len(cluster.nodes)
        yield cluster


def test_an_engine_pulls_by_the_hubs_name_until_its_budget_is_spent(hub: Hub) -> None:
    """What the hub counts and refuses is what the engine and this machine are told."""
    hub.change(limit=2)
    with hub.engine() as engine:
        pulled = engine.docker.images.pull(f"{NAME}/library/busybox")
        assert f"{NAME}/library/busybox:latest" in pulled.tags
        with pytest.raises(APIError, match="toomanyrequests"):
            engine.docker.images.pull(f"{NAME}/ratelimitpreview/test")
    assert hub.refusals >= 1


def test_a_hub_as_mirror_gives_plain_names(hub: Hub) -> None:
    """``docker pull busybox`` works without the real Docker Hub."""
    hub.change(limit=None)
    with hub.engine(mirror=True) as engine:
        engine.docker.images.remove("busybox")
        assert engine.docker.images.pull("busybox").tags == ["busybox:latest"]


def test_behind_a_mirror_nobody_else_asks_the_hub(hub: Hub) -> None:
    """The engine knows the mirror alone, and gets what is the hub's."""
    hub.change(limit=10)
    with Mirror.start(hub) as mirror, mirror.engine() as engine:
        engine.docker.images.remove("busybox")
        assert engine.docker.images.pull("busybox").tags == ["busybox:latest"]


def test_a_hub_comes_back_with_its_images(hub: Hub) -> None:
    """After a restart what was pushed is there, for engines that have known it before, too."""
    hub.change(limit=None)
    first, second = hub.publish("app", 2)
    with hub.engine() as engine:
        assert engine.docker.images.pull(first).tags == [first]
        hub.restart()
        assert requests.get(f"{hub.url}/v2/", timeout=10).status_code == 401
        assert engine.docker.images.pull(second).tags == [second]


def _spread(cluster: Cluster, service: str, tasks: int) -> None:
    spec: dict[str, Any] = {
        "Name": service,
        "TaskTemplate": {
            "ContainerSpec": {"Image": "busybox", "Command": ["sleep", "600"]},
            "RestartPolicy": {"Delay": 10**8},
        },
        "Mode": {"Replicated": {"Replicas": tasks}},
    }
    cluster.manager.raw.post("/services/create", json=spec)
    cluster.converged(service)


def _ready(cluster: Cluster) -> bool:
    return set(tables.nodes(cluster.manager.raw)["state"]) == {"ready"}


def test_the_nodes_of_a_cluster_share_its_work(cluster: Cluster) -> None:
    """Each is known by its name, and each gets a task of two."""
    assert tables.nodes(cluster.manager.raw)["name"].tolist() == ["manager-1", "worker-1"]
    _spread(cluster, "web", 2)
    assert sorted(cluster.tasks("web")["node"]) == ["manager-1", "worker-1"]
    cluster.manager.raw.delete("/services/web")


@pytest.mark.parametrize("lose", [Cluster.stop_node, Cluster.cut_off])
def test_a_node_is_lost_and_comes_back(
    cluster: Cluster, lose: Callable[[Cluster, str], None]
) -> None:
    """Its task runs elsewhere then; it comes back at its old address."""
    _spread(cluster, "web", 2)
    lose(cluster, "worker-1")
    wait.until(
        lambda: "worker-1" not in _working(cluster, "web"), what="its task to move", timeout=120
    )
    cluster.bring_back("worker-1")
    wait.until(lambda: _ready(cluster), what="it to be back", timeout=120)
    addresses = {node["Status"]["Addr"] for node in cluster.manager.raw.get("/nodes").json()}
    assert addresses == {cluster.address(node) for node in cluster.nodes}
    cluster.manager.raw.delete("/services/web")


def _working(cluster: Cluster, service: str) -> set[str]:
    found = cluster.tasks(service)
    return set(found[(found["wanted"] == "running") & (found["state"] == "running")]["node"])


def test_a_port_is_published_at_every_node(driver: Driver, cluster: Cluster) -> None:
    """The routing mesh answers also at a node without a task; machines have the kernel for it."""
    if driver.name == "container" and not cluster.routing_mesh:
        pytest.skip(cluster.about_mesh)
    spec: dict[str, Any] = {
        "Name": "served",
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "busybox",
                "Command": ["sh", "-c", "echo served > /tmp/told; httpd -f -p 8080 -h /tmp"],
            }
        },
        "EndpointSpec": {"Ports": [{"TargetPort": 8080, "PublishedPort": 8080}]},
    }
    cluster.manager.raw.post("/services/create", json=spec)
    cluster.converged("served")

    def answer(node: str) -> bytes:
        ask = f"wget -q -T 5 -O - http://{cluster.address(node)}:8080/told || true"
        return cluster.nodes[node].docker.containers.run(
            "busybox", ["sh", "-c", ask], network_mode="host", remove=True
        )

    try:
        for node in cluster.nodes:  # word of a task takes a while to get there
            said = wait.until(lambda node=node: answer(node), what="an answer", timeout=60)
            assert said == b"served\n"
    finally:
        cluster.manager.raw.delete("/services/served")


def test_a_cluster_leaves_nothing_behind(traces: Look) -> None:
    """Not of a node that runs, nor of one that was killed."""
    with Cluster.start(workers=1) as cluster:
        cluster.stop_node("worker-1")
        nodes = list(cluster.nodes.values())
        assert all(traces(node) for node in nodes)
    assert [left for node in nodes for left in traces(node)] == []
