"""The Swarm's panel, headless, on a real cluster of two engines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import LabError
from labkit.live import services
from labkit.panels.swarm import SwarmPanel
from labkit.swarm.cluster import Cluster

pytestmark = pytest.mark.engine

Page = Callable[[Any], str]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Start a manager and a worker."""
    with Cluster.start(managers=1, workers=1) as cluster:
        yield cluster


@pytest.fixture
def panel(cluster: Cluster) -> Iterator[SwarmPanel]:
    """Open a panel beside a service of two tasks; the service and drains are undone afterwards."""
    run = {"Image": "busybox", "Command": ["sleep", "600"], "StopGracePeriod": 10**8}
    body = {
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": run, "RestartPolicy": {"Delay": 10**8}},
        "Mode": {"Replicated": {"Replicas": 2}},
    }
    cluster.manager.raw.post("/services/create", json=body)
    cluster.converged("web")
    with SwarmPanel(managers(cluster), interval=0.1) as panel:
        yield panel
        for node in panel.nodes:
            if node.availability != "active":
                panel.activate(node.name)
    cluster.manager.raw.delete("/services/web")
    wait.until(lambda: not cluster.manager.raw.get("/tasks").json(), what="the tasks to go")


def managers(cluster: Cluster) -> list[Endpoint]:
    """Return where the managers listen."""
    return [one.endpoint for one in cluster.managers.values()]


def running(panel: SwarmPanel) -> list[str]:
    """Return the names of the tasks that run, as they should."""
    return [one.name for one in panel.tasks if one.state == one.wanted == "running"]


def seen(panel: SwarmPanel, page: Page, text: str) -> None:
    """Wait until a text is on the page."""
    wait.until(lambda: text in page(panel), what=f"{text!r} on the page")


def test_it_shows_nodes_services_and_tasks(panel: SwarmPanel, page: Page) -> None:
    """Role, seat, availability and state of a node, its tasks, and what the service wants."""
    html = page(panel)
    assert "live · 2 of 2 nodes ready, 2 tasks run" in html
    assert "manager · leader" in html
    assert 'title="web.1 is running, wanted: running."' in html
    assert "2 of 2" in html
    assert {one.node for one in panel.tasks} <= {node.id for node in panel.nodes}


def test_its_buttons_scale(panel: SwarmPanel, cluster: Cluster) -> None:
    """Plus and minus change the number of tasks by one, and say what was sent."""
    panel.button("web", "scale up").click()
    assert panel.outcome is not None
    assert panel.outcome.ok, panel.outcome
    assert "/update?version=" in panel.outcome.request
    wait.until(lambda: running(panel) == ["web.1", "web.2", "web.3"], what="three tasks")
    panel.button("web", "scale down").click()
    wait.until(lambda: len(running(panel)) == 2, what="two tasks")
    [service] = panel.services
    assert service.replicas == 2
    cluster.converged("web")


def test_scaling_replaces_no_task(panel: SwarmPanel) -> None:
    """The whole spec is sent back as it was: those that run go on running."""
    before = {one.id for one in panel.tasks}
    assert panel.scale("web", 3).ok
    wait.until(lambda: len(running(panel)) == 3, what="three tasks")
    assert before < {one.id for one in panel.tasks}


def test_a_drained_node_loses_its_tasks(panel: SwarmPanel, page: Page) -> None:
    """Drain moves them, activate lets new ones in; the buttons offer what is possible."""
    panel.button("worker-1", "drain").click()
    [worker] = [one for one in panel.nodes if one.name == "worker-1"]
    wait.until(
        lambda: all(one.node != worker.id for one in panel.tasks) and len(running(panel)) == 2,
        what="the tasks to move",
        timeout=30,
    )
    seen(panel, page, "drain")
    assert panel.button("worker-1", "drain").disabled
    panel.button("worker-1", "activate").click()
    wait.until(lambda: not panel.button("worker-1", "drain").disabled, what="the buttons")


@pytest.mark.slow
def test_an_update_replaces_tasks_and_is_taken_back(panel: SwarmPanel, cluster: Cluster) -> None:
    """The row's button fills the form; another image that isn't there shows, and goes back."""
    before = {one.id for one in panel.tasks}
    assert panel.button("web", "roll back").disabled
    panel.button("web", "update").click()
    assert panel.form.values["service"] == "web"
    panel.form.button.click()
    wait.until(lambda: not before & {one.id for one in panel.tasks}, what="other tasks", timeout=30)
    cluster.converged("web")
    assert panel.update("web", image="nowhere.invalid/none").ok
    wait.until(
        lambda: any(one.error or one.state == "preparing" for one in panel.tasks),
        what="a task that can't start",
        timeout=30,
    )
    panel.button("web", "roll back").click()
    wait.until(lambda: panel.services[0].image.startswith("busybox"), what="the old image")
    wait.until(lambda: len(running(panel)) == 2, what="two tasks", timeout=30)


def test_what_can_not_be_is_said(panel: SwarmPanel, cluster: Cluster) -> None:
    """No such service, less than no tasks, a number for a global service."""
    assert panel.scale("none", 1).status == 404
    assert "less than no tasks" in str(panel.scale("web", -1))
    body = {
        "Name": "everywhere",
        "TaskTemplate": {"ContainerSpec": {"Image": "busybox", "Command": ["sleep", "9"]}},
        "Mode": {"Global": {}},
    }
    cluster.manager.raw.post("/services/create", json=body)
    try:
        assert "no replicated service" in str(panel.scale("everywhere", 2))
        assert panel.button("everywhere", "scale up").disabled
    finally:
        cluster.manager.raw.delete("/services/everywhere")


@pytest.mark.usefixtures("panel")
def test_somebody_who_was_faster_is_no_trouble(cluster: Cluster) -> None:
    """Three that scale at the same time all come through: a stale version is read again."""
    manager = cluster.manager.endpoint
    outcomes: list[Any] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(services.scale(manager, "web", 2)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.ok for one in outcomes] == [True] * 3, outcomes


@pytest.mark.slow
def test_a_lost_worker_is_shown(panel: SwarmPanel, cluster: Cluster, page: Page) -> None:
    """It is down, its tasks are wanted elsewhere, and it comes back."""
    cluster.stop_node("worker-1")
    try:
        wait.until(lambda: "1 of 2 nodes ready" in page(panel), what="the loss", timeout=40)
        assert 'data-state="dead"' in page(panel)
        wait.until(lambda: len(running(panel)) == 2, what="its tasks elsewhere", timeout=40)
    finally:
        cluster.bring_back("worker-1")
    wait.until(lambda: "2 of 2 nodes ready" in page(panel), what="the worker", timeout=40)


def test_a_worker_is_no_manager(cluster: Cluster, page: Page) -> None:
    """Asked for the cluster it refuses, and the panel says so; beside a manager it is no harm."""
    worker = cluster.nodes["worker-1"].endpoint
    with SwarmPanel([worker], interval=0) as panel:
        assert "The manager is away" in page(panel)
        assert "not a swarm manager" in page(panel)
    with SwarmPanel([worker, *managers(cluster)], interval=0) as panel:
        assert not panel.away


def test_it_says_the_same_to_nbval(panel: SwarmPanel) -> None:
    """Its text never changes, and its view is a widget's."""
    text = "SwarmPanel: the nodes, services and tasks of this Swarm, live"
    bundle = panel._repr_mimebundle_()
    assert repr(panel) == bundle["text/plain"] == text
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == panel.widget.model_id


def test_closing_leaves_a_picture(cluster: Cluster, sockets: Any, page: Page) -> None:
    """No thread, no socket, and of its widgets the picture alone; a closed one refuses."""
    threads, open_sockets, widgets = set(threading.enumerate()), sockets(), set(_instances)
    panel = SwarmPanel(managers(cluster), interval=0.05)
    mine = set(threading.enumerate()) - threads
    assert all(one.name.startswith("labkit-") for one in mine)
    panel.close()
    panel.close()
    wait.until(lambda: set(threading.enumerate()) <= threads, what="the threads to end")
    assert sockets() <= open_sockets
    assert len(set(_instances) - widgets) == 5, "the root, the picture, their layouts and a style"
    assert "manager-1" in page(panel)
    with pytest.raises(LabError, match="closed"):
        panel.scale("web", 1)
    with pytest.raises(LabError, match="no 'web'"):
        panel.button("web", "scale up")


def test_an_engine_without_a_swarm_is_told(engine: Engine, page: Page) -> None:
    """It is no manager of anything, and what to do is the engine's own word."""
    with SwarmPanel([engine.endpoint], interval=0) as panel:
        assert "The manager is away" in page(panel)
        assert panel.nodes == []
