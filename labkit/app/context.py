"""What a route has at hand: the engine, the lists, the streams, the jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, cast

import docker
import requests
from flask import current_app
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from labkit import sdk
from labkit.app.errors import Problem
from labkit.app.hub import Hub
from labkit.app.jobs import Jobs
from labkit.app.meter import Meter
from labkit.app.sse import Streams
from labkit.endpoint import Endpoint

__all__ = [
    "STREAM",
    "Context",
    "Name",
    "Reference",
    "Strict",
    "Thing",
    "called",
    "engine",
    "here",
    "noticing",
    "routes",
]

_NAME = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"
_PART = r"[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
_HOST = r"[a-zA-Z0-9]+(?:[.-]+[a-zA-Z0-9]+)*(?::[0-9]{1,5})?"
_REFERENCE = (
    rf"^(?:{_HOST}/)?{_PART}(?:/{_PART})*"
    r"(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)

Name = Annotated[str, Field(pattern=_NAME, max_length=128)]
"""What Docker takes for the name of a container, a network or a volume; an id is one, too."""

Reference = Annotated[
    str, Field(pattern=_REFERENCE, max_length=255, description="such as busybox:latest, or an id")
]

STREAM = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
"""How the document describes a stream of server-sent events."""

_REFUSALS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def routes(name: str, *, prefix: str) -> APIBlueprint:
    """Return a group of routes, each of which can say no in the same ways.

    :param name: what the group is called in the document.
    :param prefix: how their paths begin.
    """
    return APIBlueprint(
        name,
        __name__,
        url_prefix=prefix,
        abp_tags=[Tag(name=name)],
        abp_responses=dict.fromkeys(_REFUSALS, Problem),
    )


class Strict(BaseModel):
    """A query or a body in which nothing is ignored: a word that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class Thing(BaseModel):
    """Which one: its name, its id, or the beginning of that."""

    id: Name


@dataclass(frozen=True)
class Context:
    """What the routes of one app share."""

    endpoint: Endpoint
    hub: Hub
    meter: Meter
    streams: Streams
    jobs: Jobs


def here() -> Context:
    """Return what the current request's app has."""
    return cast("Context", current_app.extensions["labkit"])


@contextmanager
def engine() -> Iterator[docker.DockerClient]:
    """Yield a client of the SDK for the current request alone.

    requests does not promise that threads can share a session, and an engine that was replaced may
    speak another version. A client of its own costs a request some 12 ms.

    :raises LabError: whatever the SDK raises within, in the kit's own words.
    """
    endpoint = here().endpoint
    client = sdk.client(endpoint)
    try:
        with sdk.border(endpoint):
            yield client
    finally:
        client.close()


@contextmanager
def noticing(client: docker.DockerClient) -> Iterator[list[int]]:
    """Yield the statuses of what the client is answered: the SDK itself hides a 304."""
    statuses: list[int] = []

    def note(response: requests.Response, *_: object, **__: object) -> None:
        statuses.append(response.status_code)

    client.api.hooks["response"].append(note)
    yield statuses


def called(container: str) -> str:
    """Return a container's name where it is known."""
    row = here().hub.containers.find(container)
    return row.name if row else container
