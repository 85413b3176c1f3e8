"""The live panel of a Swarm: which task is on which node, and what each service wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any, ClassVar

import ipywidgets

from labkit.endpoint import Endpoint
from labkit.errors import LabError
from labkit.live import services
from labkit.live.actions import Outcome
from labkit.live.poll import Poll
from labkit.live.swarm import NodeRow, ServiceRow, Swarm, TaskRow
from labkit.panels.form import Form, opener
from labkit.panels.frame import Frame, box, dot
from labkit.panels.panel import Panel
from labkit.panels.rows import Line, Rows, cell, cells

__all__ = ["SwarmPanel"]

_NODES = ("Node", "Role", "Availability", "State", "Tasks")
_SERVICES = ("Service", "Mode", "Image", "Running", "Update")
_NODE_BUTTONS = {"drain": ("", "eject"), "activate": ("", "play")}
_SERVICE_BUTTONS = {
    "scale down": ("", "minus"),
    "scale up": ("", "plus"),
    "update": ("", "refresh"),
    "roll back": ("", "undo"),
}
_NOWHERE = "nowhere"
_FAILED = {"failed", "rejected", "orphaned"}


class SwarmPanel(Panel):
    """Nodes and their tasks, live, with desired and actual state; scale, update, drain.

    :param managers: where the managers listen; the first that answers is asked.
    :param interval: seconds between two looks; a Swarm tells of no task by itself.
    """

    text: ClassVar[str] = "SwarmPanel: the nodes, services and tasks of this Swarm, live"

    def __init__(self, managers: Sequence[Endpoint], *, interval: float = 0.5) -> None:
        self._swarm = Swarm(managers)
        self._looking = threading.Lock()
        self.form = Form(
            {
                "service": ipywidgets.Text(description="Service", placeholder="web"),
                "image": ipywidgets.Text(description="Image", placeholder="as it is"),
            },
            "Update", "refresh", self._press_update,
        )  # fmt: skip
        self.opener = opener("Update", "refresh", self.form.widget, "Update a service")
        self.node_list = Rows(_NODES, _NODE_BUTTONS, self._press_node)
        self.service_list = Rows(_SERVICES, _SERVICE_BUTTONS, self._press_service)
        lists = [
            box(self.node_list.widget, "lk-nodes"),
            box(self.service_list.widget, "lk-services"),
        ]
        frame = Frame(
            "swarm", "Swarm", tools=[self.opener], body=[self.form.widget, *lists], whom="manager"
        )
        super().__init__(frame)
        self.look()
        self._poll = Poll(self._look_again, interval=interval, name="labkit-swarm")

    @property
    def nodes(self) -> list[NodeRow]:
        """The nodes, by name."""
        return self._swarm.nodes

    @property
    def services(self) -> list[ServiceRow]:
        """The services, by name."""
        return self._swarm.services

    @property
    def tasks(self) -> list[TaskRow]:
        """The tasks that live, and those whose end tells something."""
        return self._swarm.tasks

    def look(self) -> None:
        """Ask a manager now, and show what it says; what was known, where none answers."""
        self._require_open()
        with self._looking:
            try:
                self._swarm.look()
                away = ""
            except LabError as error:
                away = error.message
        with self._lock:
            self._away = away
            self._nudge()
        self._catch_up()

    def scale(self, service: str, replicas: int) -> Outcome:
        """Ask for so many tasks of a service: ``POST /services/{id}/update``."""
        return self._ask(f"Scaling {service}…", services.scale, service, replicas)

    def update(self, service: str, *, image: str = "") -> Outcome:
        """Replace a service's tasks, by such of another image: ``POST /services/{id}/update``."""
        return self._ask(f"Updating {service}…", services.update, service, image=image)

    def rollback(self, service: str) -> Outcome:
        """Take the last update back: ``POST /services/{id}/update?rollback=previous``."""
        return self._ask(f"Rolling {service} back…", services.rollback, service)

    def drain(self, node: str) -> Outcome:
        """Have a node's tasks move to other nodes: ``POST /nodes/{id}/update``."""
        return self._make(node, "drain")

    def activate(self, node: str) -> Outcome:
        """Let a node take tasks again: ``POST /nodes/{id}/update``."""
        return self._make(node, "active")

    def button(self, name: str, action: str) -> Any:
        """Return a button: drain or activate of a node, scale up and so on of a service.

        :raises LabError: there is no such row.
        """
        rows = self.service_list if action in _SERVICE_BUTTONS else self.node_list
        several: Sequence[NodeRow | ServiceRow] = (
            self.services if action in _SERVICE_BUTTONS else self.nodes
        )
        found = next((one for one in several if one.name == name), None)
        with self._lock:
            if found is None or self._closed:
                hint = "panel.nodes and panel.services list what it shows."
                raise LabError(f"The panel shows no {name!r}.", hint=hint)
            return rows.button(found.id, action)

    def _make(self, node: str, availability: str) -> Outcome:
        ids = {one.name: one.id for one in self.nodes}
        set_to = partial(services.set_availability, name=node)
        doing = f"Making {node} {availability}…"
        return self._ask(doing, set_to, ids.get(node, node), availability)

    def _ask(self, doing: str, what: Callable[..., Outcome], *args: Any, **options: Any) -> Outcome:
        outcome = self._do(doing, partial(what, self._swarm.endpoint, *args, **options))
        self._look_again()
        return outcome

    def _look_again(self) -> None:
        if not self._closed:
            self.look()

    def _press_node(self, action: str, node: str) -> None:
        name = next((one.name for one in self.nodes if one.id == node), node)
        (self.drain if action == "drain" else self.activate)(name)

    def _press_service(self, action: str, service: str) -> None:
        row = next((one for one in self.services if one.id == service), None)
        if row is None:
            return
        if action == "update":
            self.form.fill({"service": row.name, "image": row.image})
            self.opener.value = True
        elif action == "roll back":
            self.rollback(row.name)
        else:
            self.scale(row.name, (row.replicas or 0) + (1 if action == "scale up" else -1))

    def _press_update(self) -> None:
        wanted = self.form.values
        if self.update(wanted["service"].strip(), image=wanted["image"].strip()).ok:
            self.opener.value = False

    def _summary(self) -> str:
        ready = sum(node.state == "ready" for node in self.nodes)
        running = sum(task.state == task.wanted == "running" for task in self.tasks)
        return f"{ready} of {len(self.nodes)} nodes ready, {running} tasks run"

    def _draw(self) -> None:
        live = not self._away
        for rows, lines in ((self.node_list, self._hosts()), (self.service_list, self._wishes())):
            rows.show(lines, {line.id for line in lines}, live=live)
        self.frame.empty("" if self.services or self._away else "No services yet.")

    def _hosts(self) -> list[Line]:
        lines = [_host(node, self.tasks) for node in self.nodes]
        waiting = [task for task in self.tasks if not task.node]
        if waiting:
            empty = [cell("no node yet", kind="lk-quiet"), *[cell("")] * 3]
            lines.append(Line(_NOWHERE, "no node", cells([*empty, _chips(waiting)])))
        return lines

    def _wishes(self) -> list[Line]:
        return [_wish(service) for service in self.services]

    def _picture(self) -> str:
        lists = (("lk-nodes", self._hosts()), ("lk-services", self._wishes()))
        return "".join(f'<div class="{kind}">{Rows.picture(rows)}</div>' for kind, rows in lists)

    def _release(self) -> None:
        self.node_list.close()
        self.service_list.close()

    def _end(self) -> None:
        self._poll.close()


def _host(node: NodeRow, tasks: Sequence[TaskRow]) -> Line:
    state = {"ready": "running", "down": "dead"}.get(node.state, "away")
    written = (
        cell(node.name, kind="lk-name"),
        cell(" · ".join(filter(None, (node.role, node.seat)))),
        cell(node.availability),
        f"<span>{dot(state)}{escape(node.state)}</span>",
        _chips([task for task in tasks if task.node == node.id]),
    )
    enabled = {"drain"} if node.availability == "active" else {"activate"}
    return Line(node.id, node.name, cells(written), frozenset(enabled))


def _chips(tasks: Sequence[TaskRow]) -> str:
    return f'<span class="lk-tasks">{"".join(map(_chip, tasks))}</span>'


def _chip(task: TaskRow) -> str:
    """One task; in words only where actual and desired state are not both running."""
    as_wanted = task.state == task.wanted == "running"
    words = "" if as_wanted else task.state
    if task.state == "running" and not as_wanted:
        words = f"running, wanted: {task.wanted}"
    colour = "dead" if task.state in _FAILED else "away"
    mark = {"running": "running" if as_wanted else "away", "complete": "exited"}
    told = f"{task.name} is {task.state}, wanted: {task.wanted}. {task.error}".strip()
    return (
        f'<span class="lk-task" title="{escape(told)}">{dot(mark.get(task.state, colour))}'
        f'{escape(task.name)} <span class="lk-quiet">{escape(words)}</span></span>'
    )


def _wish(service: ServiceRow) -> Line:
    running = f"{service.running} of {service.wanted}"
    written = (
        cell(service.name, kind="lk-name"),
        cell(service.mode),
        cell(service.image),
        cell(running),
        cell(service.update.replace("_", " "), kind="lk-quiet"),
    )
    enabled = {"update"} | ({"roll back"} if service.revertible else set())
    if service.replicas is not None:
        enabled |= {"scale up"} | ({"scale down"} if service.replicas else set())
    return Line(service.id, service.name, cells(written), frozenset(enabled))
