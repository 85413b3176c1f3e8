"""Containers: the list, and all that can be done to one."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal

import docker
from flask import Response, jsonify
from pydantic import BaseModel, Field

from labkit.app.context import Strict, Thing, called, engine, here, noticing, routes
from labkit.app.rows import Anything, Containers, Done, as_json
from labkit.errors import LabError
from labkit.live import creation

__all__ = ["api"]

api = routes("containers", prefix="/api/containers")
Seconds = Annotated[
    int, Field(ge=0, le=60, description="seconds until what does not end is killed")
]
Text = Annotated[str, Field(max_length=10_000)]


class Listing(Strict):
    """Which containers, and in which order."""

    all: bool = Field(default=True, description="also those that do not run")
    search: str = Field(default="", max_length=200, description="words that each must have")
    sort: Literal["created", "name", "image", "state", "status"] = "created"
    descending: bool = False


class Form(Strict):
    """A container to create, each field as in the options of `docker run`."""

    image: Text
    name: Text = ""
    command: Text = Field(default="", description="as in a shell")
    ports: Text = Field(default="", description="such as 8080:80, several between commas")
    env: Text = Field(default="", description="KEY=value, each on a line of its own")
    mounts: Text = Field(default="", description="such as data:/var/lib/data:ro")
    restart: Text = Field(default="", description="such as on-failure:3")
    start: bool = True


class Created(BaseModel):
    """The new container."""

    id: str
    name: str
    warnings: list[str]
    started: bool


class Waiting(Strict):
    """How long to wait."""

    timeout: Seconds = 1


class Signal(Strict):
    """Which signal."""

    signal: str = Field(default="SIGKILL", pattern="^(SIG)?[A-Z]{1,6}[12]?$|^[1-9][0-9]?$")


class Removal(Strict):
    """How to remove."""

    force: bool = Field(default=False, description="kill it if it runs")
    volumes: bool = Field(default=False, description="its anonymous volumes, too")


@api.get("", responses={200: Containers})
def listing(query: Listing) -> Response:
    """The containers."""
    hub = here().hub
    hub.require()
    rows = hub.containers.rows(**query.model_dump())
    return jsonify([as_json(row) for row in rows])


@api.post("", responses={201: Created})
def create(body: Form) -> tuple[Response, int]:
    """Create a container, and start it."""
    form = body.model_dump(exclude={"start"})
    config, name = creation.body(form), creation.name(form)
    with engine() as client:
        api: Any = client.api  # this method has no types
        made = api.create_container_from_config(config, name or None)
        warnings, started = list(made.get("Warnings") or []), False
        found = client.api.inspect_container(made["Id"])["Name"].lstrip("/")
    if body.start:
        started, words = _try_to_start(made["Id"])
        warnings += words
    answer = Created(id=made["Id"], name=found, warnings=warnings, started=started)
    return jsonify(answer.model_dump()), HTTPStatus.CREATED


@api.get("/<id>", responses={200: Anything})
def inspect(path: Thing) -> Response:
    """All that Docker knows of a container."""
    with engine() as client:
        return jsonify(client.api.inspect_container(path.id))


@api.delete("/<id>", responses={200: Done})
def remove(path: Thing, query: Removal) -> Response:
    """Remove a container."""
    name = called(path.id)
    with engine() as client:
        client.api.remove_container(path.id, force=query.force, v=query.volumes)
    return _done(f"Removed {name}.")


@api.post("/<id>/start", responses={200: Done})
def start(path: Thing) -> Response:
    """Start a container."""
    return _act(path, "Started", "was already running", lambda api: api.start(path.id))


@api.post("/<id>/stop", responses={200: Done})
def stop(path: Thing, query: Waiting) -> Response:
    """Stop a container: SIGTERM, and after the time-out SIGKILL."""
    wait = query.timeout
    return _act(path, "Stopped", "was already stopped", lambda api: api.stop(path.id, wait))


@api.post("/<id>/restart", responses={200: Done})
def restart(path: Thing, query: Waiting) -> Response:
    """Stop a container, and start it again."""
    return _act(path, "Restarted", "", lambda api: api.restart(path.id, query.timeout))


@api.post("/<id>/pause", responses={200: Done})
def pause(path: Thing) -> Response:
    """Freeze a container's processes."""
    return _act(path, "Paused", "", lambda api: api.pause(path.id))


@api.post("/<id>/unpause", responses={200: Done})
def unpause(path: Thing) -> Response:
    """Let a paused container go on."""
    return _act(path, "Unpaused", "", lambda api: api.unpause(path.id))


@api.post("/<id>/kill", responses={200: Done})
def kill(path: Thing, query: Signal) -> Response:
    """Send a signal to a container's first process."""
    signal = int(query.signal) if query.signal.isdigit() else query.signal
    return _act(path, f"Sent {query.signal} to", "", lambda api: api.kill(path.id, signal))


def _act(
    path: Thing, done: str, was_so: str, action: Callable[[docker.APIClient], Any]
) -> Response:
    name = called(path.id)
    with engine() as client, noticing(client) as statuses:
        action(client.api)
    if HTTPStatus.NOT_MODIFIED in statuses:
        return _done(f"{name} {was_so}.", changed=False)
    return _done(f"{done} {name}.")


def _try_to_start(container: str) -> tuple[bool, list[str]]:
    """Start what was created; that it does not start does not undo that it was created."""
    try:
        with engine() as client:
            client.api.start(container)
    except LabError as error:
        words = getattr(error, "explanation", error.message)
        return False, [f"It was created, but could not be started: {words}"]
    return True, []


def _done(message: str, *, changed: bool = True) -> Response:
    return jsonify(Done(changed=changed, message=message).model_dump())
