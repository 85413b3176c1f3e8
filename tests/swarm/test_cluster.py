"""A real cluster: nodes lost and found, what the managers say, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit import wait
from labkit.engine import fleet, host
from labkit.engine.engine import Engine
from labkit.errors import APIError, EngineError, VersionNotOffered
from labkit.swarm import tables
from labkit.swarm.cluster import Cluster

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


def _left(name: str) -> list[str]:
    """What the machine has of the cluster of that name: engines, networks, volumes, mounts."""
    mine = f"{fleet.mine('engine')['labkit.scope']}-{name}"
    with host.find().client() as client:
        volumes = client.api.volumes(filters={"label": "labkit=engine"})["Volumes"] or []
        return [
            *(one.name for one in fleet.engines(client) if one.name.startswith(name)),
            *(one["Name"] for one in client.api.networks() if mine in one["Name"]),
            *(one["Name"] for one in volumes if one["Labels"]["labkit.name"].startswith(name)),
            *(line for line in Path("/proc/mounts").read_text().splitlines() if f"/{name}" in line),
        ]


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


def test_a_worker_can_not_answer_for_the_cluster(cluster: Cluster) -> None:
    """A worker says 503 and why; an unknown node's name says which there are."""
    with pytest.raises(APIError, match="not a swarm manager") as refused:
        tables.nodes(cluster.workers["worker-1"].raw)
    assert refused.value.status == 503
    with pytest.raises(EngineError, match="no node 'worker-9'") as unknown:
        cluster.stop_node("worker-9")
    assert "worker-1" in unknown.value.hint


def test_a_stopped_node_is_not_swept_away(cluster: Cluster) -> None:
    """Another engine's start, which removes what nobody needs, leaves a stopped node alone."""
    cluster.stop_node("worker-2")
    with Engine.start():
        cluster.bring_back("worker-2")
    assert cluster.nodes["worker-2"].alive


def test_nothing_is_left() -> None:
    """A cluster that was never joined, one with a dead node and one that failed leave nothing."""
    with Cluster.start(managers=1, workers=1, joined=False, name="gone") as lone:
        assert len(_left("gone")) >= 5, "two engines, two volumes, a network"
        with pytest.raises(EngineError, match="can act for it"):
            assert lone.manager
        lone.form()
        lone.stop_node("worker-1")
    assert _left("gone") == []
    with pytest.raises(VersionNotOffered):
        Cluster.start(workers=1, name="never", versions={"worker-1": "1.0"})
    assert _left("never") == []


def test_a_killed_program_s_cluster_is_reaped() -> None:
    """Whoever starts an engine next takes away what a killed program left, its network too."""
    with subprocess.Popen([sys.executable, "-c", ABANDON], stdout=subprocess.PIPE) as running:
        assert running.stdout
        name = running.stdout.readline().decode().strip()
        assert f"{name}-worker-1" in _left(name)
        running.send_signal(signal.SIGKILL)
    with Engine.start():
        pass
    assert _left(name) == []


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
def test_ten_clusters_leave_the_machine_as_it_was() -> None:
    """One after another, each with a service on it."""
    for _ in range(10):
        with Cluster.start(name="again") as cluster:
            cluster.manager.raw.post("/services/create", json=_service("web", 3))
            cluster.converged("web")
        assert _left("again") == []
