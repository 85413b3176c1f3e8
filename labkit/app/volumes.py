"""Volumes: the list, and each of them."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, jsonify
from pydantic import BaseModel, Field

from labkit.app.context import Name, Strict, engine, here, routes
from labkit.app.rows import Anything, Done, Volumes, as_json

__all__ = ["api"]

api = routes("volumes", prefix="/api/volumes")


class NewVolume(Strict):
    """A volume to create, or to have: one of that name that is there already is left as it is."""

    name: Name


class CreatedVolume(BaseModel):
    """The volume."""

    name: str


class Which(BaseModel):
    """Which volume."""

    name: Name


class Removal(Strict):
    """How to remove."""

    force: bool = Field(default=False, description="no error where there is none")


@api.get("", responses={200: Volumes})
def listing() -> Response:
    """The volumes."""
    hub = here().hub
    hub.require()
    return jsonify([as_json(row) for row in hub.volumes.rows()])


@api.post("", responses={201: CreatedVolume})
def create(body: NewVolume) -> tuple[Response, int]:
    """Create a volume."""
    with engine() as client:
        made = client.api.create_volume(body.name)
    return jsonify(CreatedVolume(name=made["Name"]).model_dump()), HTTPStatus.CREATED


@api.get("/<name>", responses={200: Anything})
def inspect(path: Which) -> Response:
    """All that Docker knows of a volume."""
    with engine() as client:
        return jsonify(client.api.inspect_volume(path.name))


@api.delete("/<name>", responses={200: Done})
def remove(path: Which, query: Removal) -> Response:
    """Remove a volume that nobody uses, with what is in it."""
    with engine() as client:
        client.api.remove_volume(path.name, force=query.force)
    return jsonify(Done(changed=True, message=f"Removed {path.name}.").model_dump())
