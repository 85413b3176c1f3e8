"""The things of an engine as the app's JSON has them: what stands in the OpenAPI document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field, RootModel

from labkit.live.container import ContainerRow
from labkit.live.journal import EventRow
from labkit.live.things import ImageRow, NetworkRow, VolumeRow

__all__ = [
    "Anything",
    "Container",
    "Containers",
    "Done",
    "Event",
    "Events",
    "Image",
    "Images",
    "Network",
    "Networks",
    "Volume",
    "Volumes",
    "as_json",
]


class Container(BaseModel):
    """One container; `actions` are what can sensibly be asked of it now."""

    id: str
    name: str
    image: str
    state: str = Field(description="Docker's own word, such as running or exited")
    status: str = Field(description="the exit code, or the health")
    health: str
    ports: list[str] = Field(description="as docker ps writes them: 8080->80/tcp")
    networks: list[str]
    volumes: list[str]
    created: int = Field(description="seconds since 1970")
    actions: list[str]


class Image(BaseModel):
    """One image; `name` is its first tag, or the beginning of its id."""

    id: str
    tags: list[str]
    name: str
    size: int = Field(description="bytes")
    created: int = Field(description="seconds since 1970")


class Network(BaseModel):
    """One network; `own` is false for those of Docker itself, which nobody can remove."""

    id: str
    name: str
    driver: str
    subnets: list[str]
    internal: bool
    own: bool


class Volume(BaseModel):
    """One volume; its name is its id."""

    id: str
    name: str
    driver: str
    mountpoint: str
    created: int = Field(description="seconds since 1970")


class Event(BaseModel):
    """One thing that happened."""

    id: str
    time: float = Field(description="seconds since 1970")
    type: str
    action: str
    actor: str
    name: str
    attributes: dict[str, str]


class Containers(RootModel[list[Container]]):
    """Containers."""


class Images(RootModel[list[Image]]):
    """Images."""


class Networks(RootModel[list[Network]]):
    """Networks."""


class Volumes(RootModel[list[Volume]]):
    """Volumes."""


class Events(RootModel[list[Event]]):
    """Events, oldest first."""


class Anything(RootModel[dict[str, Any]]):
    """What Docker's own inspect answers."""


class Done(BaseModel):
    """What was done; `changed` is false when it was so already."""

    changed: bool
    message: str


def as_json(row: ContainerRow | ImageRow | NetworkRow | VolumeRow | EventRow) -> dict[str, Any]:
    """Return a row's fields and what follows from them, for JSON."""
    fields = asdict(row)
    if isinstance(row, ContainerRow):
        fields["actions"] = sorted(row.actions)
    if isinstance(row, ImageRow):
        fields["name"] = row.name
    return fields
