"""What a person can ask of a Swarm: each a whole spec, read, changed and sent with its version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from labkit.endpoint import Endpoint
from labkit.live import actions
from labkit.live.actions import Outcome, quoted

__all__ = ["rollback", "scale", "set_availability", "update"]

_TRIES = 3
_STALE = "out of sequence"

Edit = Callable[[dict[str, Any]], None]


def scale(manager: Endpoint, service: str, replicas: int) -> Outcome:
    """Ask for so many tasks of a replicated service: ``POST /services/{id}/update``, API 1.24+."""

    def edit(spec: dict[str, Any]) -> None:
        spec["Mode"]["Replicated"]["Replicas"] = replicas

    path = f"/services/{quoted(service)}"
    if replicas < 0:
        return _unsent(path, "A service can't have less than no tasks.")
    found = actions.ask(manager, "GET", path, done="")
    if found.attrs and "Replicated" not in found.attrs["Spec"]["Mode"]:
        return _unsent(path, f"{service} is no replicated service: it has no number to change.")
    done = f"{service} is to have {replicas} {'task' if replicas == 1 else 'tasks'}."
    return _change(manager, path, edit, done)


def update(manager: Endpoint, service: str, *, image: str = "") -> Outcome:
    """Have a service's tasks replaced, by such of another image where one is given.

    ``POST /services/{id}/update``, API 1.24+; the same image again counts up ``ForceUpdate``.
    """

    def edit(spec: dict[str, Any]) -> None:
        template = spec["TaskTemplate"]
        template["ForceUpdate"] = template.get("ForceUpdate", 0) + 1
        template["ContainerSpec"]["Image"] = image or template["ContainerSpec"]["Image"]

    done = f"{service} is being updated{f' to {image}' if image else ''}, task by task."
    return _change(manager, f"/services/{quoted(service)}", edit, done)


def rollback(manager: Endpoint, service: str) -> Outcome:
    """Take the last update back: ``POST /services/{id}/update?rollback=previous``, API 1.25+."""
    path = f"/services/{quoted(service)}"
    done = f"{service} goes back to what it was before."
    return _change(manager, path, lambda _: None, done, query="&rollback=previous")


def set_availability(manager: Endpoint, node: str, availability: str, *, name: str = "") -> Outcome:
    """Make a node active, pause it or drain it: ``POST /nodes/{id}/update``, API 1.24+.

    :param availability: ``active``, ``pause`` or ``drain``.
    :param name: what to call it in the answer, when ``node`` is an id.
    """

    def edit(spec: dict[str, Any]) -> None:
        spec["Availability"] = availability

    done = {
        "active": f"{name or node} takes tasks again; those that moved away stay where they are.",
        "drain": f"{name or node} is drained: its tasks move to other nodes.",
    }.get(availability, f"{name or node} takes no new tasks.")
    return _change(manager, f"/nodes/{quoted(node)}", edit, done)


def _change(manager: Endpoint, path: str, edit: Edit, done: str, *, query: str = "") -> Outcome:
    """Read, change, send; and again where somebody else was faster."""
    for _ in range(_TRIES):
        found = actions.ask(manager, "GET", path, done="")
        if not found.ok or found.attrs is None:
            return found
        spec = found.attrs["Spec"]
        edit(spec)
        target = f"{path}/update?version={found.attrs['Version']['Index']}{query}"
        outcome = actions.ask(manager, "POST", target, done=done, json=spec)
        if _STALE not in outcome.text:
            return outcome
    return replace(outcome, hint="Others change it all the time. Try again.")


def _unsent(path: str, why: str) -> Outcome:
    return Outcome(f"POST {path}/update (not sent)", 0, why)
