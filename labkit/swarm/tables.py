"""What a manager knows of its Swarm, as tables: nodes, services and their tasks.

Each function asks a manager by the raw client; a worker answers 503.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from labkit.raw import Client
from labkit.table import Table

__all__ = ["has_converged", "nodes", "services", "tasks"]

_BUSY = {"updating", "rollback_started"}


def nodes(manager: Client) -> Table:
    """The nodes by name: role, availability, state, and whether one leads.

    ``GET /nodes``, API 1.24+.
    """
    rows = []
    for node in manager.get("/nodes").json():
        seat = node.get("ManagerStatus") or {}
        rows.append({
            "name": node["Description"]["Hostname"],
            "role": node["Spec"]["Role"],
            "availability": node["Spec"]["Availability"],
            "state": node["Status"]["State"],
            "manager": "leader" if seat.get("Leader") else seat.get("Reachability", ""),
        })  # fmt: skip
    return _table(rows, ["name", "role", "availability", "state", "manager"], ["name"])


def services(manager: Client) -> Table:
    """The services by name: mode, image, how many tasks run and are wanted, and the update.

    ``GET /services?status=true``, API 1.41+.
    """
    rows = []
    for service in manager.get("/services", params={"status": True}).json():
        spec, status = service["Spec"], service.get("ServiceStatus") or {}
        rows.append({
            "name": spec["Name"],
            "mode": next(iter(spec["Mode"])).lower(),
            "image": spec["TaskTemplate"]["ContainerSpec"]["Image"].partition("@")[0],
            "running": status.get("RunningTasks", 0),
            "wanted": status.get("DesiredTasks", 0),
            "completed": status.get("CompletedTasks", 0),
            "update": (service.get("UpdateStatus") or {}).get("State", ""),
        })  # fmt: skip
    columns = ["name", "mode", "image", "running", "wanted", "completed", "update"]
    return _table(rows, columns, ["name"])


def tasks(manager: Client, service: str = "") -> Table:
    """The tasks of a service, or of all: service, slot, node, wanted, state and error.

    ``GET /tasks``, API 1.24+. In the order of services and slots; of a slot, the newest first. A
    task of a global service has its node for a slot.
    """
    names = {one["ID"]: one["Spec"]["Name"] for one in manager.get("/services").json()}
    hosts = {one["ID"]: one["Description"]["Hostname"] for one in manager.get("/nodes").json()}
    filters = {"service": [service]} if service else {}
    found = manager.get("/tasks", params={"filters": filters}).json()
    found.sort(key=lambda task: str(task["CreatedAt"]), reverse=True)
    rows = []
    for task in found:
        node = hosts.get(task.get("NodeID", ""), "")
        rows.append({
            "service": names.get(task["ServiceID"], ""),
            "slot": str(task.get("Slot") or node),
            "node": node,
            "wanted": task["DesiredState"],
            "state": task["Status"]["State"],
            "error": task["Status"].get("Err", ""),
        })  # fmt: skip
    columns = ["service", "slot", "node", "wanted", "state", "error"]
    return _table(rows, columns, ["service", "slot"])


def has_converged(manager: Client, service: str) -> bool:
    """Whether a service has the tasks that it wants, all of its newest spec.

    ``GET /services?status=true``, API 1.41+, and ``GET /tasks``. An update that was asked for a
    moment ago may not have begun: its tasks are not there yet, and so it has not converged.
    """
    described: dict[str, Any] = manager.get(f"/services/{service}").json()
    if (described.get("UpdateStatus") or {}).get("State") in _BUSY:
        return False
    params = {"status": True, "filters": {"id": [described["ID"]]}}
    [status] = [one["ServiceStatus"] for one in manager.get("/services", params=params).json()]
    if "ReplicatedJob" in described["Spec"]["Mode"]:
        job = described["Spec"]["Mode"]["ReplicatedJob"]
        return bool(status.get("CompletedTasks", 0) >= job.get("TotalCompletions", 1))
    wanted = {"service": [described["ID"]], "desired-state": ["running"]}
    found = manager.get("/tasks", params={"filters": wanted}).json()
    newest = _what_runs(described["Spec"]["TaskTemplate"])
    fine = [
        task["Status"]["State"] == "running" and _what_runs(task["Spec"]) == newest
        for task in found
    ]
    return fine == [True] * status["DesiredTasks"]


def _what_runs(template: Mapping[str, Any]) -> dict[str, Any]:
    """A task's spec, but for what a service has and a task not, and where it may run.

    A task that may stay where it is is not replaced.
    """
    return {key: value for key, value in template.items() if key not in ("Runtime", "Placement")}


def _table(rows: Sequence[Mapping[str, Any]], columns: list[str], order: list[str]) -> Table:
    frame = pd.DataFrame(rows, columns=columns)
    return Table(frame.sort_values(order, kind="stable").reset_index(drop=True))
