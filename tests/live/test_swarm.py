"""Which tasks of a Swarm are worth a look."""

from __future__ import annotations

from typing import Any

from labkit.live.swarm import NodeRow, ServiceRow, _tasks

WEB = ServiceRow("s1", "web", "replicated", "busybox", 1, 1, 1)
AGENT = ServiceRow("s2", "agent", "global", "busybox", 1, 1)
NODE = NodeRow("n1", "worker-1", "worker", "active", "ready")


def task(name: str, created: int, state: str, **more: Any) -> dict[str, Any]:
    """A task as ``GET /tasks`` tells of it."""
    return {
        "ID": name, "ServiceID": "s1", "Slot": 1, "NodeID": "n1", "DesiredState": "running",
        "CreatedAt": f"2024-01-01T00:00:{created:02}Z", "Status": {"State": state}, **more,
    }  # fmt: skip


def shown(*tasks: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the ids and names that are shown."""
    return [(row.id, row.name) for row in _tasks(tasks, [WEB, AGENT], [NODE])]


def test_the_past_is_left_out() -> None:
    """What failed and has been replaced says nothing of now."""
    assert shown(task("old", 1, "failed"), task("new", 2, "running")) == [("new", "web.1")]


def test_the_last_failure_is_shown() -> None:
    """A slot whose newest task failed shows that."""
    assert shown(task("old", 1, "shutdown"), task("new", 2, "rejected")) == [("new", "web.1")]


def test_one_that_is_to_end_is_shown_until_it_has() -> None:
    """A slot can have two that live: one that comes and one that goes."""
    going = task("old", 1, "running", DesiredState="shutdown")
    assert [name for name, _ in shown(going, task("new", 2, "starting"))] == ["new", "old"]


def test_a_task_that_is_to_be_removed_tells_nothing_by_its_end() -> None:
    """After a service has shrunk, what failed in its slots is nobody's business."""
    assert shown(task("old", 1, "failed", DesiredState="remove")) == []


def test_global_tasks_are_called_by_their_node() -> None:
    """They have no slot."""
    assert shown(task("one", 1, "running", ServiceID="s2", Slot=0)) == [("one", "agent.worker-1")]


def test_slots_are_in_the_order_of_numbers() -> None:
    """Ten comes after nine."""
    several = [task(str(slot), 1, "running", Slot=slot) for slot in (10, 9, 1)]
    assert [name for name, _ in shown(*several)] == ["1", "9", "10"]


def test_a_service_that_is_gone_is_called_by_its_id() -> None:
    """Its tasks live a moment longer than it."""
    assert shown(task("one", 1, "running", ServiceID="gone")) == [("one", "gone.1")]
