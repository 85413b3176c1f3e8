"""The images, networks and volumes of an engine: small lists, asked for anew when one changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from labkit import raw
from labkit.live.topic import Change, ask

__all__ = ["ImageRow", "NetworkRow", "ThingList", "VolumeRow", "images", "networks", "volumes"]

JSON = Mapping[str, Any]
_SHORT = 12


@dataclass(frozen=True)
class ImageRow:
    """One image. ``tags`` are its names, ``size`` is in bytes, ``created`` seconds since 1970."""

    id: str
    tags: tuple[str, ...]
    size: int
    created: int

    @property
    def name(self) -> str:
        """Its first tag, or twelve characters of its id."""
        return self.tags[0] if self.tags else self.id.removeprefix("sha256:")[:_SHORT]


@dataclass(frozen=True)
class NetworkRow:
    """One network. ``own`` is false for bridge, host and none, which nobody can remove."""

    id: str
    name: str
    driver: str
    subnets: tuple[str, ...]
    internal: bool
    own: bool


@dataclass(frozen=True)
class VolumeRow:
    """One volume; its name is its id. ``created`` are seconds since 1970."""

    id: str
    name: str
    driver: str
    mountpoint: str
    created: int


Row = TypeVar("Row", bound=ImageRow | NetworkRow | VolumeRow)


class ThingList(Generic[Row]):
    """All things of one kind, by name. Any event of that kind asks for the list anew."""

    def __init__(self, name: str, kind: str, path: str, read: Callable[[JSON], Row]) -> None:
        self.name = name
        self.types = frozenset({kind})
        self._path = path
        self._read = read
        self._lock = threading.Lock()
        self._rows: list[Row] = []

    def load(self, client: raw.Client) -> Change:
        """Ask for the list."""
        self._ask(client)
        return Change(self.name, "load")

    def take(self, client: raw.Client, event: JSON) -> Change | None:
        """Ask for the list, for something happened to one of the things."""
        del event  # that it came is enough
        return Change(self.name, "load") if self._ask(client) else None

    def rows(self, *, search: str = "") -> list[Row]:
        """Return the rows whose name or id has each of these words, in any letter case."""
        with self._lock:
            rows = list(self._rows)
        words = search.casefold().split()
        return [row for row in rows if all(word in _text(row) for word in words)]

    def _ask(self, client: raw.Client) -> bool:
        found = ask(client, self._path)
        found = (found["Volumes"] if isinstance(found, dict) else found) or []
        rows = sorted(map(self._read, found), key=lambda row: (row.name, row.id))
        with self._lock:
            changed, self._rows = rows != self._rows, rows
        return changed


def images() -> ThingList[ImageRow]:
    """The images: ``GET /images/json``."""
    return ThingList("images", "image", "/images/json", _image)


def networks() -> ThingList[NetworkRow]:
    """The networks: ``GET /networks``."""
    return ThingList("networks", "network", "/networks", _network)


def volumes() -> ThingList[VolumeRow]:
    """The volumes: ``GET /volumes``."""
    return ThingList("volumes", "volume", "/volumes", _volume)


def _image(one: JSON) -> ImageRow:
    tags = tuple(sorted(tag for tag in one.get("RepoTags") or [] if tag != "<none>:<none>"))
    return ImageRow(str(one["Id"]), tags, int(one["Size"]), int(one["Created"]))


def _network(one: JSON) -> NetworkRow:
    pools = (one.get("IPAM") or {}).get("Config") or []
    return NetworkRow(
        id=str(one["Id"]),
        name=str(one["Name"]),
        driver=str(one["Driver"]),
        subnets=tuple(pool["Subnet"] for pool in pools if "Subnet" in pool),
        internal=bool(one.get("Internal")),
        own=one["Name"] not in {"bridge", "host", "none"},
    )


def _volume(one: JSON) -> VolumeRow:
    name, written = str(one["Name"]), one.get("CreatedAt")
    created = int(datetime.fromisoformat(written).timestamp()) if written else 0
    return VolumeRow(name, name, str(one["Driver"]), str(one["Mountpoint"]), created)


def _text(row: ImageRow | NetworkRow | VolumeRow) -> str:
    tags = row.tags if isinstance(row, ImageRow) else ()
    return " ".join((row.name, row.id, *tags)).casefold()
