"""The engine itself, and what happened in it."""

from __future__ import annotations

from flask import Response, jsonify
from pydantic import BaseModel, Field

from labkit.app.context import Strict, engine, here, routes
from labkit.app.rows import Events, as_json

__all__ = ["api"]

api = routes("system", prefix="/api")


class EngineInfo(BaseModel):
    """The engine that the app manages."""

    version: str
    api_version: str
    name: str
    os: str
    containers: int
    endpoint: str


class Search(Strict):
    """Which ones."""

    search: str = Field(default="", max_length=200, description="words that each must have")


@api.get("/engine", responses={200: EngineInfo})
def about() -> Response:
    """The engine."""
    with engine() as client:
        version, info = client.api.version(), client.api.info()
    found = EngineInfo(
        version=version["Version"],
        api_version=version["ApiVersion"],
        name=info["Name"],
        os=info["OperatingSystem"],
        containers=info["Containers"],
        endpoint=here().endpoint.url,
    )
    return jsonify(found.model_dump())


@api.get("/events", responses={200: Events})
def events(query: Search) -> Response:
    """The latest events, oldest first."""
    hub = here().hub
    hub.require()
    return jsonify([as_json(row) for row in hub.events.rows(search=query.search)])
