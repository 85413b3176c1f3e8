"""A real cluster: nodes lost and found, what the managers say, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import pytest

from labkit import wait
from labkit.engine.engine import Engine
from labkit.errors import APIError, EngineError, VersionNotOffered
from labkit.hub.hub import Hub
from labkit.swarm import tables
from labkit.swarm.cluster import Cluster

if TYPE_CHECKING:
    from tests.swarm.conftest import Traces

Look = Callable[[Cluster], "Traces"]
Left = Callable[[str], list[str]]
pytestmark = pytest.mark.engine

ABANDON = """
import time
from labkit.swarm.cluster import Cluster
cluster = Cluster.start(workers=1)
print(cluster.name, flush=True)
time.sleep(600)
"""
OTHERS = [pytest.param(version, marks=pytest.mark.slow) for version in ("20.10", "28.5")]


def _service(name: str, replicas: int) -> dict[str, Any]:
    run = {"Image": "busybox", "Command": ["sleep", "600"]}
    return {
        "Name": name,
        "TaskTemplate": {"ContainerSpec": run, "RestartPolicy": {"Delay": 10**8}},
        "Mode": {"Replicated": {"Replicas": replicas}},
    }


def _running_on(cluster: Cluster, service: str) -> list[str]:
    found = cluster.tasks(service)
    up = found[(found["wanted"] == "running") & (found["state"] == "running")]
    return sorted(up["node"])


@pytest.fixture(scope="module", params=["26.1", *OTHERS])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """One manager and two workers that the tests of this module share."""
    with Cluster.start(version=request.param) as started:
        yield started


def test_the_nodes_are_known_by_name_and_role(cluster: Cluster) -> None:
    """Each node calls itself what the cluster calls it."""
    table = tables.nodes(cluster.manager.raw)
    assert table["name"].tolist() == ["manager-1", "worker-1", "worker-2"]
    assert table["role"].tolist() == ["manager", "worker", "worker"]
    assert table["manager"].tolist() == ["leader", "", ""]
    assert set(table["state"]) == {"ready"}
    assert cluster.manager is cluster.nodes["manager-1"]
    assert "IPVS" in cluster.about_mesh
    assert cluster.routing_mesh is ("no IPVS" not in cluster.about_mesh)
    assert cluster.routing_mesh is Path("/proc/net/ip_vs").exists(), "nodes share this kernel"


@pytest.mark.slow
def test_a_service_moves_away_from_a_dead_node_and_one_cut_off(cluster: Cluster) -> None:
    """Its tasks run elsewhere then; the node comes back at its old address, ready for work."""
    raw = cluster.manager.raw
    raw.post("/services/create", json=_service("web", 6))
    cluster.converged("web")
    assert set(_running_on(cluster, "web")) == set(cluster.nodes)
    for node, lose in (("worker-1", cluster.stop_node), ("worker-2", cluster.cut_off)):
        lose(node)
        wait.until(
            lambda node=node: node not in _running_on(cluster, "web"),
            what=f"{node}'s tasks to move", timeout=60,
        )  # fmt: skip
        cluster.converged("web")
        cluster.bring_back(node)
        wait.until(
            lambda: set(tables.nodes(cluster.manager.raw)["state"]) == {"ready"},
            what=f"{node} to be back", timeout=60,
        )  # fmt: skip
    services = tables.services(raw).set_index("name")
    assert services.loc["web", ["mode", "wanted"]].tolist() == ["replicated", 6]
    addresses = {node["Status"]["Addr"] for node in raw.get("/nodes").json()}
    assert addresses == {cluster.address(node) for node in cluster.nodes}
    raw.delete("/services/web")


def test_a_job_has_converged_when_it_is_done(cluster: Cluster) -> None:
    """A replicated job's tasks run to their end, and that is its goal."""
    job = _service("job", 1) | {
        "Mode": {"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 3}}
    }
    job["TaskTemplate"] = {
        "ContainerSpec": {"Image": "busybox", "Command": ["true"]},
        "RestartPolicy": {"Condition": "none"},
    }  # fmt: skip
    cluster.manager.raw.post("/services/create", json=job)
    cluster.converged("job")
    assert cluster.tasks("job")["state"].tolist() == ["complete"] * 3
    cluster.manager.raw.delete("/services/job")


@pytest.mark.slow
def test_an_update_has_converged_when_its_tasks_are_there(cluster: Cluster) -> None:
    """Asked at once after each of several updates, it waits for tasks of the newest spec."""
    raw = cluster.manager.raw
    raw.post("/services/create", json=_service("web", 2))
    cluster.converged("web")
    for number in range(4):
        found = raw.get("/services/web").json()
        spec = found["Spec"]
        spec["TaskTemplate"]["ContainerSpec"] |= {"Env": [f"N={number}"], "StopGracePeriod": 10**8}
        spec["Mode"]["Replicated"]["Replicas"] = 2 + number % 2
        spec["UpdateConfig"] = {"Parallelism": 0, "Order": "stop-first"}
        params = {"version": found["Version"]["Index"]}
        raw.post("/services/web/update", params=params, json=spec)
        assert not tables.has_converged(raw, "web")
        cluster.converged("web")
        wanted = {"service": ["web"], "desired-state": ["running"]}
        tasks = raw.get("/tasks", params={"filters": wanted}).json()
        told = [task["Spec"]["ContainerSpec"]["Env"] for task in tasks]
        assert told == [[f"N={number}"]] * (2 + number % 2)
    raw.delete("/services/web")


def test_a_worker_can_not_answer_for_the_cluster(cluster: Cluster) -> None:
    """A worker says 503 and why; an unknown node's name says which there are."""
    with pytest.raises(APIError, match="not a swarm manager") as refused:
        tables.nodes(cluster.workers["worker-1"].raw)
    assert refused.value.status == 503
    with pytest.raises(EngineError, match="no node 'worker-9'") as unknown:
        cluster.stop_node("worker-9")
    assert "worker-1" in unknown.value.hint


@pytest.mark.slow
def test_a_stopped_node_is_not_swept_away(cluster: Cluster) -> None:
    """Another engine's start, which removes what nobody needs, leaves a stopped node alone."""
    cluster.stop_node("worker-2")
    with Engine.start():
        cluster.bring_back("worker-2")
    assert cluster.nodes["worker-2"].alive


def test_the_mesh_is_asked_of_a_node_that_runs(cluster: Cluster) -> None:
    """Also while the first one does not."""
    before = cluster.routing_mesh
    cluster.stop_node("manager-1")
    try:
        assert cluster.routing_mesh is before
    finally:
        cluster.bring_back("manager-1")
        wait.until(lambda: cluster.can_act, what="the manager to be back", timeout=60)


def test_nothing_is_left(traces: Look, left: Left) -> None:
    """A cluster that was never joined, one with a dead node and one that failed leave nothing."""
    with Cluster.start(managers=1, workers=1, joined=False, name="gone") as lone:
        with pytest.raises(EngineError, match="can act for it"):
            assert lone.manager
        lone.form()
        seen = traces(lone)
        assert len(seen.left()) >= 15, "engines, volumes, networks, rules, links, processes"
        lone.stop_node("worker-1")
    assert seen.left() == []
    with pytest.raises(VersionNotOffered):
        Cluster.start(workers=1, name="never", versions={"worker-1": "1.0"})
    assert left("never") == []


def test_a_killed_program_s_cluster_is_reaped(left: Left) -> None:
    """Whoever starts an engine next takes away what a killed program left, its network too."""
    with subprocess.Popen([sys.executable, "-c", ABANDON], stdout=subprocess.PIPE) as running:
        assert running.stdout
        name = running.stdout.readline().decode().strip()
        assert f"{name}-worker-1" in left(name)
        running.send_signal(signal.SIGKILL)
    with Engine.start():
        pass
    assert left(name) == []


def test_nodes_ask_no_registry(cluster: Cluster) -> None:
    """A node that looks for an image is told at once that nobody is there; Docker Hub is spared."""
    with pytest.raises(docker.errors.APIError, match=r"127\.0\.0\.1:443"):
        cluster.workers["worker-1"].docker.images.pull("busybox", tag="latest")


@pytest.mark.slow
def test_with_a_hub_nodes_get_their_images_there() -> None:
    """Each node that gets a task pulls for itself, by the hub's name and by a plain one."""
    with Hub.start(limit=None) as hub, Cluster.start(workers=1, hub=hub) as cluster:
        [image] = hub.publish("app", 1)
        for number, name in enumerate((image, "app:1")):
            spec = _service(f"web-{number}", 2)
            spec["TaskTemplate"]["ContainerSpec"] |= {"Image": name, "Command": ["sleep", "600"]}
            cluster.manager.raw.post("/services/create", json=spec)
            cluster.converged(f"web-{number}")
            assert _running_on(cluster, f"web-{number}") == sorted(cluster.nodes)


@pytest.mark.slow
def test_of_three_managers_one_may_be_lost() -> None:
    """With two of three a Swarm can act; with one it can't, though its tasks run on."""
    with Cluster.start(managers=3, workers=0) as cluster:
        raw = cluster.manager.raw
        raw.post("/services/create", json=_service("web", 3))
        cluster.converged("web")
        cluster.stop_node("manager-1")
        wait.until(lambda: cluster.can_act, what="another manager to lead", timeout=60)
        assert cluster.manager is not cluster.nodes["manager-1"]
        cluster.converged("web")
        cluster.stop_node("manager-2")
        wait.until(lambda: not cluster.can_act, what="the loss to be noticed", timeout=60)
        last = cluster.nodes["manager-3"].raw
        assert [one["State"] for one in last.get("/containers/json").json()].count("running") >= 1
        cluster.bring_back("manager-2")
        wait.until(lambda: cluster.can_act, what="a majority", timeout=60)


@pytest.mark.slow
def test_versions_can_be_mixed() -> None:
    """Nodes of three Docker versions are one Swarm."""
    versions = {"worker-1": "20.10", "worker-2": "28.5"}
    with Cluster.start(versions=versions) as cluster:
        cluster.manager.raw.post("/services/create", json=_service("web", 3))
        cluster.converged("web")
        assert _running_on(cluster, "web") == sorted(cluster.nodes)


@pytest.mark.slow
def test_ten_clusters_leave_the_machine_as_it_was(traces: Look) -> None:
    """One after another, each with a service, a network and a dead node: no namespace is left."""
    threads, files = set(threading.enumerate()), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        with Cluster.start(name="again") as cluster:
            raw = cluster.manager.raw
            raw.post("/networks/create", json={"Name": "back", "Driver": "overlay"})
            spec = _service("web", 3)
            spec["TaskTemplate"]["Networks"] = [{"Target": "back"}]
            raw.post("/services/create", json=spec)
            cluster.converged("web")
            seen = traces(cluster)
            assert len(seen.processes) >= 9, "of each node: its first one, dockerd, containerd"
            cluster.stop_node("worker-1")
        assert seen.left() == []
    assert set(threading.enumerate()) <= threads
    assert len(list(Path("/proc/self/fd").iterdir())) <= files
