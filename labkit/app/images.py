"""Images: the list, pulls and builds."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, jsonify
from pydantic import BaseModel, Field

from labkit.app.context import Reference, Strict, engine, here, routes
from labkit.app.rows import Done, Images, as_json
from labkit.live import jobs

__all__ = ["api"]

api = routes("images", prefix="/api/images")


class Which(BaseModel):
    """Which image."""

    name: Reference


class Pull(Strict):
    """What to pull."""

    image: Reference


class Build(Strict):
    """What to build: a Dockerfile that copies nothing, for there is no folder with it."""

    dockerfile: str = Field(min_length=1, max_length=100_000)
    tag: Reference


class Begun(BaseModel):
    """What was begun; see `/api/jobs/{job}/stream`."""

    job: str


class Removal(Strict):
    """How to remove."""

    force: bool = Field(default=False, description="also when a container was made of it")


@api.get("", responses={200: Images})
def listing() -> Response:
    """The images."""
    hub = here().hub
    hub.require()
    return jsonify([as_json(row) for row in hub.images.rows()])


@api.post("/pull", responses={202: Begun})
def pull(body: Pull) -> tuple[Response, int]:
    """Begin to pull an image."""
    context = here()
    job = context.jobs.begin(lambda told: jobs.pull(context.endpoint, body.image, told=told))
    return jsonify(job=job), HTTPStatus.ACCEPTED


@api.post("/build", responses={202: Begun})
def build(body: Build) -> tuple[Response, int]:
    """Begin to build an image."""
    context, text, tag = here(), body.dockerfile, body.tag
    job = context.jobs.begin(lambda told: jobs.build(context.endpoint, text, tag, told=told))
    return jsonify(job=job), HTTPStatus.ACCEPTED


@api.delete("/<path:name>", responses={200: Done})
def remove(path: Which, query: Removal) -> Response:
    """Remove a name from an image, and with its last name the image."""
    with engine() as client:
        client.api.remove_image(path.name, force=query.force)
    return jsonify(Done(changed=True, message=f"Removed {path.name}.").model_dump())
