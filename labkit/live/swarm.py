"""What a Swarm's managers know right now: its nodes, its services, and which task is where."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.errors import LabError
from labkit.live.topic import ask

__all__ = ["NodeRow", "ServiceRow", "Swarm", "TaskRow"]

JSON = Mapping[str, Any]

_ENDED = {"complete", "shutdown", "failed", "rejected", "remove", "orphaned"}
_TELLING = {"complete", "failed", "rejected"}
_WANTED = {"running", "complete"}
_TIMEOUT = 3.0


@dataclass(frozen=True)
class NodeRow:
    """One node. ``seat`` is leader, reachable or unreachable, and empty for a worker."""

    id: str
    name: str
    role: str
    availability: str
    state: str
    seat: str = ""


@dataclass(frozen=True)
class ServiceRow:
    """One service. ``replicas`` is None where no number can be asked for: global ones and jobs.

    ``wanted`` and ``running`` count tasks; one on a lost node, which is to be shut down, does not
    count, as it does in ``ServiceStatus``. ``update`` is the state of the last update.
    """

    id: str
    name: str
    mode: str
    image: str
    running: int
    wanted: int
    replicas: int | None = None
    update: str = ""
    revertible: bool = False


@dataclass(frozen=True)
class TaskRow:
    """One task: ``name`` is service and slot, ``web.1``; ``node`` is a node's id, or empty.

    ``wanted`` is the desired state, ``state`` the actual one.
    """

    id: str
    name: str
    node: str
    wanted: str
    state: str
    error: str = ""


class Swarm:
    """The cluster as the first manager that answers sees it. Safe to read from other threads.

    ``GET /nodes``, ``GET /services?status=true`` (API 1.41+) and ``GET /tasks``. Tasks come and go
    without an event, so whoever wants to know looks again.

    :param managers: where the managers listen, in the order in which they are asked.
    """

    def __init__(self, managers: Sequence[Endpoint]) -> None:
        self._managers = list(managers)
        self._lock = threading.Lock()
        self.nodes: list[NodeRow] = []
        self.services: list[ServiceRow] = []
        self.tasks: list[TaskRow] = []

    @property
    def endpoint(self) -> Endpoint:
        """The manager that answered last."""
        return self._managers[0]

    def look(self) -> None:
        """Ask a manager; the next one, where one does not answer for the cluster.

        :raises LabError: none does. What was known before stays.
        """
        with self._lock:
            for number, endpoint in enumerate(self._managers):
                try:
                    self._ask(endpoint)
                except LabError as error:
                    said = error
                else:
                    self._managers.insert(0, self._managers.pop(number))
                    return
            raise said

    def _ask(self, endpoint: Endpoint) -> None:
        with raw.Client(endpoint, timeout=_TIMEOUT) as client:
            nodes, services = ask(client, "/nodes"), ask(client, "/services?status=true")
            tasks = ask(client, "/tasks")
        self.nodes = sorted(map(_node, nodes), key=lambda node: node.name)
        running = Counter(one["ServiceID"] for one in tasks if _runs(one))
        rows = [_service(one, running[one["ID"]]) for one in services]
        self.services = sorted(rows, key=lambda service: service.name)
        self.tasks = _tasks(tasks, self.services, self.nodes)


def _node(one: JSON) -> NodeRow:
    seat = one.get("ManagerStatus") or {}
    return NodeRow(
        id=str(one["ID"]),
        name=str(one["Description"].get("Hostname", "")),
        role=str(one["Spec"]["Role"]),
        availability=str(one["Spec"]["Availability"]),
        state=str(one["Status"]["State"]),
        seat="leader" if seat.get("Leader") else str(seat.get("Reachability", "")),
    )


def _runs(task: JSON) -> bool:
    """Whether it runs and may; a job's tasks are wanted to be complete."""
    return task["Status"]["State"] == "running" and task["DesiredState"] in _WANTED


def _service(one: JSON, running: int) -> ServiceRow:
    spec, status = one["Spec"], one.get("ServiceStatus") or {}
    mode = next(iter(spec["Mode"]))
    return ServiceRow(
        id=str(one["ID"]),
        name=str(spec["Name"]),
        mode=mode.lower(),
        image=str(spec["TaskTemplate"].get("ContainerSpec", {}).get("Image", "")).partition("@")[0],
        running=running,
        wanted=int(status.get("DesiredTasks", 0)),
        replicas=int(spec["Mode"][mode].get("Replicas", 0)) if mode == "Replicated" else None,
        update=str((one.get("UpdateStatus") or {}).get("State", "")),
        revertible="PreviousSpec" in one,
    )


def _tasks(
    found: Sequence[JSON], services: Sequence[ServiceRow], nodes: Sequence[NodeRow]
) -> list[TaskRow]:
    """Read the tasks that live, and of each slot the last one if it ended in a way that tells."""
    called = {service.id: service.name for service in services}
    hosts = {node.id: node.name for node in nodes}
    rows, known = [], set()
    for one in sorted(found, key=lambda task: str(task["CreatedAt"]), reverse=True):
        where, state = str(one.get("NodeID", "")), str(one["Status"]["State"])
        slot = str(one.get("Slot") or hosts.get(where, where))
        name = f"{called.get(one['ServiceID'], one['ServiceID'])}.{slot}"
        telling = name not in known and state in _TELLING and one["DesiredState"] != "remove"
        if state not in _ENDED or telling:
            error = str(one["Status"].get("Err", ""))
            wanted = str(one["DesiredState"])
            rows.append(TaskRow(str(one["ID"]), name, where, wanted, state, error))
        known.add(name)
    return sorted(rows, key=lambda row: [_natural(part) for part in row.name.rsplit(".", 1)])


def _natural(text: str) -> tuple[int, str]:
    return (int(text) if text.isdecimal() else 0, text)
