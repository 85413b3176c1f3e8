"""The Engine's JSON as tables: one request, one table.

A *source* is a :class:`labkit.raw.Client` or a ``docker.DockerClient``, and either is asked once
(the SDK's own ``containers.list()`` inspects every container that it lists). Whatever the engine
has, or has not, a table has its columns and their dtypes: text, ``int64`` for bytes,
``datetime64[s, UTC]`` for times.

Every function that asks raises an EngineError when the engine cannot be reached, and an APIError
when it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import docker
import numpy as np
import pandas as pd

from labkit import sdk
from labkit.errors import EngineError
from labkit.raw import Client
from labkit.table import Table

__all__ = [
    "Source",
    "Table",
    "containers",
    "diff",
    "images",
    "inspect",
    "networks",
    "port_names",
    "volumes",
]

Source = Client | docker.DockerClient
JSON = dict[str, Any]

_SHORT = 12
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104  # read from an answer, bound by nobody here


def containers(
    source: Source,
    *,
    all: bool = False,  # noqa: A002  # the API's own name for it
    filters: Mapping[str, Any] | None = None,
) -> Table:
    """Return the containers: ``GET /containers/json``, API 1.18+.

    Columns: name, image, state, status, ports, created, id (12 characters of it).

    :param all: also those that do not run.
    :param filters: such as ``{"status": "exited", "label": ["lab=1"]}``.
    """
    found = _ask(source, "/containers/json", {"all": all, "filters": _lists(filters)})
    return Table(
        {
            "name": _text(_container_name(one) for one in found),
            "image": _text(_image_name(one["Image"]) for one in found),
            "state": _text(one["State"] for one in found),
            "status": _text(one["Status"] for one in found),
            "ports": _text(", ".join(port_names(one["Ports"])) for one in found),
            "created": _times(one["Created"] for one in found),
            "id": _text(one["Id"][:_SHORT] for one in found),
        }
    )


def images(source: Source) -> Table:
    """Return the images: ``GET /images/json``, API 1.18+.

    Columns: tags (all names, with commas), size (bytes), created, id (12 characters of it).
    """
    found = _ask(source, "/images/json", {})
    return Table(
        {
            "tags": _text(", ".join(one["RepoTags"] or ["<none>"]) for one in found),
            "size": pd.Series([one["Size"] for one in found], dtype="int64"),
            "created": _times(one["Created"] for one in found),
            "id": _text(_short(one["Id"]) for one in found),
        }
    )


def networks(source: Source) -> Table:
    """Return the networks: ``GET /networks``, API 1.21+.

    By name. Columns: name, driver, scope, subnet (all, with commas), internal (bool), created, id
    (12 characters of it).
    """
    found = _by_name(_ask(source, "/networks", {}))
    return Table(
        {
            "name": _text(one["Name"] for one in found),
            "driver": _text(one["Driver"] for one in found),
            "scope": _text(one["Scope"] for one in found),
            "subnet": _text(_subnets(one) for one in found),
            "internal": pd.Series([one["Internal"] for one in found], dtype="bool"),
            "created": _times(_seconds(one["Created"]) for one in found),
            "id": _text(one["Id"][:_SHORT] for one in found),
        }
    )


def volumes(source: Source) -> Table:
    """Return the volumes: ``GET /volumes``, API 1.21+.

    By name. Columns: name, driver, scope, created, mountpoint (the folder on the engine's side).
    """
    found = _by_name(_ask(source, "/volumes", {}))
    return Table(
        {
            "name": _text(one["Name"] for one in found),
            "driver": _text(one["Driver"] for one in found),
            "scope": _text(one["Scope"] for one in found),
            "created": _times(_seconds(one.get("CreatedAt")) for one in found),
            "mountpoint": _text(one["Mountpoint"] for one in found),
        }
    )


def inspect(attrs: Mapping[str, Any]) -> Table:
    """Flatten what an inspect returns into two columns of text, key and value.

    ``NetworkSettings.Ports.80/tcp[0].HostPort`` is a key. A value that is no text stands as JSON:
    ``true``, ``0``, ``null``, ``[]``. Find things with :meth:`Table.search`.
    """
    pairs = list(_flat("", attrs))
    return Table(
        {"key": _text(key for key, _ in pairs), "value": _text(value for _, value in pairs)}
    )


def diff(left: Mapping[str, Any] | Table, right: Mapping[str, Any] | Table) -> Table:
    """Return what differs between two inspects, or between two tables of :func:`inspect`.

    Columns: key, left, right; a value that one side lacks is missing (NaN) there.
    """
    one, other = _pairs(left), _pairs(right)
    keys = [key for key in one | other if one.get(key) != other.get(key)]
    return Table(
        {
            "key": _text(keys),
            "left": _text(one.get(key) for key in keys),
            "right": _text(other.get(key) for key in keys),
        }
    )


def _ask(source: Source, path: str, params: Mapping[str, Any]) -> list[JSON]:
    """Send the one request, and return the list in its answer."""
    if isinstance(source, Client):
        found = _decoded(source, path, params)
    else:
        found = _ask_sdk(source.api, path, params)
    return list((found["Volumes"] if path == "/volumes" else found) or [])


def _by_name(found: list[JSON]) -> list[JSON]:
    """Sort what the engine lists in no order, each time another."""
    return sorted(found, key=lambda one: str(one["Name"]))


def _decoded(source: Client, path: str, params: Mapping[str, Any]) -> Any:
    response = source.get(path, params=params)
    try:
        return response.json()
    except ValueError as cause:
        raise EngineError(
            f"What listens at {source.endpoint.url} answers {path}, but not with JSON.",
            hint="Is this a Docker Engine's address?",
        ) from cause


def _ask_sdk(api: docker.APIClient, path: str, params: Mapping[str, Any]) -> Any:
    """Call the method of the SDK's low-level client that sends that very request."""
    methods: dict[str, Callable[..., Any]] = {
        "/containers/json": api.containers,
        "/images/json": api.images,
        "/networks": api.networks,
        "/volumes": api.volumes,
    }
    with sdk.border(sdk.endpoint_of(api)):
        return methods[path](**params)


def _lists(filters: Mapping[str, Any] | None) -> dict[str, list[str]] | None:
    """Return filters as the API wants them: a list of text for each."""
    if not filters:
        return None
    return {name: [_filter(one) for one in _many(value)] for name, value in filters.items()}


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set) else [value]


def _filter(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(values: Iterable[str | None]) -> pd.Series[str]:
    return pd.Series(list(values), dtype="str")


def _times(seconds: Iterable[float | None]) -> pd.Series[Any]:
    """Return times as a column; None, and the time that Go calls zero (year 1), as NaT."""
    whole = [int(one) if one is not None and one >= 0 else None for one in seconds]
    return pd.Series(np.array(whole, dtype="datetime64[s]")).dt.tz_localize("UTC")


def _seconds(written: str | None) -> float | None:
    return datetime.fromisoformat(written).timestamp() if written else None


def _container_name(one: JSON) -> str:
    """Return a container's own name; one with two slashes is another container's link to it."""
    return next((name[1:] for name in one["Names"] or [] if name.count("/") == 1), "")


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_SHORT]


def _image_name(image: str) -> str:
    return _short(image) if image.startswith("sha256:") else image


def port_names(ports: Iterable[JSON] | None) -> list[str]:
    """Write the ``Ports`` of a listed container as the docker CLI does: ``8080->80/tcp``.

    In order; one that is published on IPv4 and IPv6 alike stands once.
    """
    return list(dict.fromkeys(map(_port, sorted(ports or [], key=_port_order))))


def _port_order(one: JSON) -> tuple[int, str, str, int]:
    return one["PrivatePort"], one["Type"], one.get("IP", ""), one.get("PublicPort") or 0


def _port(one: JSON) -> str:
    inside = f"{one['PrivatePort']}/{one['Type']}"
    if not (outside := one.get("PublicPort")):
        return inside
    address = one.get("IP", "")
    return f"{'' if address in _EVERYWHERE else address + ':'}{outside}->{inside}"


def _subnets(network: JSON) -> str:
    pools = network["IPAM"]["Config"] or []
    return ", ".join(pool["Subnet"] for pool in pools if "Subnet" in pool)


def _flat(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the leaves of nested JSON, each with the path that leads to it."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(f"{key}.{name}" if key else str(name), inner)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _flat(f"{key}[{number}]", inner)
    elif key:
        yield key, value if isinstance(value, str) else json.dumps(value)


def _pairs(inspected: Mapping[str, Any] | Table) -> dict[str, str]:
    table = inspected if isinstance(inspected, Table) else inspect(inspected)
    return dict(zip(table["key"], table["value"], strict=True))
