"""Networks: the list, and who is in them."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import Annotated, Literal

from docker.types import IPAMConfig, IPAMPool
from flask import Response, jsonify
from pydantic import AfterValidator, BaseModel, Field

from labkit.app.context import Name, Strict, Thing, called, engine, here, routes
from labkit.app.rows import Anything, Done, Networks, as_json

__all__ = ["api"]

api = routes("networks", prefix="/api/networks")


def _subnet(text: str) -> str:
    """Check that it is one.

    :raises ValueError: it is none, which pydantic turns into an answer.
    """
    if text:
        ipaddress.ip_network(text)
    return text


class NewNetwork(Strict):
    """A network to create."""

    name: Name
    driver: Literal["bridge", "macvlan", "ipvlan", "overlay"] = "bridge"
    internal: bool = Field(default=False, description="without a way out")
    subnet: Annotated[str, AfterValidator(_subnet)] = Field(
        default="", max_length=50, description="such as 10.1.0.0/24; Docker chooses one without"
    )


class CreatedNetwork(BaseModel):
    """The new network."""

    id: str
    name: str
    warnings: list[str]


class Member(Strict):
    """Which container."""

    container: Name


class Leaver(Strict):
    """Which container."""

    container: Name
    force: bool = False


@api.get("", responses={200: Networks})
def listing() -> Response:
    """The networks."""
    hub = here().hub
    hub.require()
    return jsonify([as_json(row) for row in hub.networks.rows()])


@api.post("", responses={201: CreatedNetwork})
def create(body: NewNetwork) -> tuple[Response, int]:
    """Create a network."""
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=body.subnet)]) if body.subnet else None
    with engine() as client:
        made = client.api.create_network(
            body.name, body.driver, ipam=ipam, internal=body.internal, check_duplicate=True
        )
    warning = made.get("Warning")
    answer = CreatedNetwork(id=made["Id"], name=body.name, warnings=[warning] if warning else [])
    return jsonify(answer.model_dump()), HTTPStatus.CREATED


@api.get("/<id>", responses={200: Anything})
def inspect(path: Thing) -> Response:
    """All that Docker knows of a network."""
    with engine() as client:
        return jsonify(client.api.inspect_network(path.id))


@api.delete("/<id>", responses={200: Done})
def remove(path: Thing) -> Response:
    """Remove a network that nobody is in."""
    name = _name(path.id)
    with engine() as client:
        client.api.remove_network(path.id)
    return _done(f"Removed {name}.")


@api.post("/<id>/connect", responses={200: Done})
def connect(path: Thing, body: Member) -> Response:
    """Let a container into a network."""
    with engine() as client:
        client.api.connect_container_to_network(body.container, path.id)
    return _done(f"Connected {called(body.container)} to {_name(path.id)}.")


@api.post("/<id>/disconnect", responses={200: Done})
def disconnect(path: Thing, body: Leaver) -> Response:
    """Take a container out of a network."""
    with engine() as client:
        client.api.disconnect_container_from_network(body.container, path.id, force=body.force)
    return _done(f"Disconnected {called(body.container)} from {_name(path.id)}.")


def _name(network: str) -> str:
    """Return a network's name where it is known."""
    found = (row.name for row in here().hub.networks.rows() if row.id == network)
    return next(found, network)


def _done(message: str) -> Response:
    return jsonify(Done(changed=True, message=message).model_dump())
