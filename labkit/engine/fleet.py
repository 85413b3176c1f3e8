"""All engines of this user on this machine: their names, labels, folders, and their end.

Everything that the kit makes on the host engine bears two labels: ``labkit`` says what it is, and
``labkit.scope`` whose. Only what bears both is ever listed or removed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import re
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any

import docker
import psutil
from docker.errors import APIError
from docker.errors import NotFound as DockerNotFound

from labkit import raw, transport
from labkit.endpoint import Endpoint
from labkit.engine import networks, places
from labkit.engine.container import LABEL
from labkit.engine.found import Companion, Found
from labkit.engine.host import Host
from labkit.engine.spec import Spec
from labkit.errors import EngineError, LabError

COMPANIONS = ("hub", "mirror", "sandbox")  # the kinds of containers that go with engines
ASIDE = "labkit-old-"  # the name of an engine's container that a reset is about to remove


def mine(kind: str) -> dict[str, str]:
    """The two labels of everything that the kit makes for this user."""
    return {LABEL: kind, f"{LABEL}.scope": places.scope()}


def labels(name: str, spec: Spec, owner: str) -> dict[str, str]:
    """The labels of an engine's container and volume."""
    return {
        **mine("engine"),
        f"{LABEL}.name": name,
        f"{LABEL}.owner": owner,
        f"{LABEL}.spec": json.dumps(dataclasses.asdict(spec)),
    }


def valid_name(name: str) -> str:
    """The name itself, if it can be one.

    :raises EngineError: it can't; says what can.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,39}", name):
        raise EngineError(
            f"{name!r} can't be an engine's name.",
            hint="Use up to 40 lower-case letters, digits, dots, dashes and underscores.",
        )
    return name


def container_name(name: str) -> str:
    """What the engine's container is called on the host engine."""
    return f"labkit-{places.scope()}-{name}"


def folder(name: str) -> Path:
    """The engine's folder on this machine: its socket, its certificates."""
    return places.run() / name


def make_folder(name: str) -> Path:
    """Make the engine's folder.

    :raises EngineError: the path of the socket in it would be too long for this system.
    """
    path = folder(name)
    if len(os.fsencode(path / "docker.sock")) > transport.PATH_LIMIT:
        raise EngineError(
            f"{path}/docker.sock is too long for a unix socket (about 100 bytes at most).",
            hint="Set LABKIT_HOME to a shorter folder, or give the engine a shorter name.",
        )
    places.make(places.run())
    return places.make(path)


def needs_bridge(host: Host) -> bool:
    """Whether containers of the host engine can't share a unix socket with this machine."""
    transport = os.environ.get("LABKIT_TRANSPORT", "")
    if transport not in ("", "unix", "tcp"):
        raise EngineError(
            f"LABKIT_TRANSPORT={transport} is not known.", hint="Use unix or tcp, or unset it."
        )
    return transport == "tcp" or (not transport and platform.system() != "Linux") or _desktop(host)


def _desktop(host: Host) -> bool:
    return "desktop" in str(host.endpoint.unix or "")


def engines(client: docker.DockerClient) -> list[Found]:
    """Every engine of this user, oldest first (``GET /containers/json`` with a label filter)."""
    found = []
    for row in _containers(client, "engine"):
        described = row["Labels"]
        spec = Spec.read(described[f"{LABEL}.spec"])
        found.append(
            Found(
                name=described[f"{LABEL}.name"],
                spec=spec,
                id=row["Id"],
                owner=described[f"{LABEL}.owner"],
                running=row["State"] not in ("exited", "dead"),
                created=row["Created"],
                aside=row["Names"][0].startswith(f"/{ASIDE}"),
            )
        )
    return sorted(found, key=lambda one: one.created)


def companions(client: docker.DockerClient) -> list[Companion]:
    """Every hub and mirror of this user, oldest first."""
    rows = [row for kind in COMPANIONS for row in _containers(client, kind)]
    return [_companion(row) for row in sorted(rows, key=lambda row: int(row["Created"]))]


def _companion(row: dict[str, Any]) -> Companion:
    """Read one element of ``GET /containers/json``."""
    described, networks = row["Labels"], row["NetworkSettings"]["Networks"]
    return Companion(
        name=described[f"{LABEL}.name"],
        kind=described[LABEL],
        id=row["Id"],
        owner=described[f"{LABEL}.owner"],
        keep=described[f"{LABEL}.keep"] == "true",
        created=row["Created"],
        address=next((one["IPAddress"] for one in networks.values()), ""),
        port=next((one["PublicPort"] for one in row["Ports"] if "PublicPort" in one), 0),
    )


def _containers(client: docker.DockerClient, kind: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.api.containers(all=True, filters={"label": _ours(kind)})
    return rows


def _ours(kind: str) -> list[str]:
    return [f"{name}={value}" for name, value in mine(kind).items()]


def sweep(client: docker.DockerClient) -> list[str]:
    """Remove the engines that nobody needs any more; their names."""
    orphans = [found for found in engines(client) if found.orphan]
    for found in orphans:
        end(client, found)
    networks.remove(client, _ours("cluster"), orphans_only=True)
    return [found.name for found in orphans] + _end_companions(client, orphans_only=True)


def down(client: docker.DockerClient) -> list[str]:
    """Remove all of this user's engines and whatever else of theirs is left; their names."""
    every = engines(client)
    for found in every:
        end(client, found)
    for volume in client.api.volumes(filters={"label": _ours("engine")})["Volumes"] or []:
        with contextlib.suppress(APIError):
            client.api.remove_volume(volume["Name"], force=True)
    networks.remove(client, _ours("cluster"), orphans_only=False)
    remove_folders()
    return [found.name for found in every] + _end_companions(client, orphans_only=False)


def _end_companions(client: docker.DockerClient, *, orphans_only: bool) -> list[str]:
    """Remove the hubs and mirrors that nobody needs any more, or all; their names."""
    unwanted = [one for one in companions(client) if one.orphan or not orphans_only]
    for one in unwanted:
        remove(client, one.id)
    return [one.name for one in unwanted]


def end(client: docker.DockerClient, found: Found) -> None:
    """Remove an engine with all that it has on this machine."""
    if found.aside:
        remove(client, found.id)
        return
    thaw(folder(found.name) / "docker.sock")
    with places.lock("names"):  # nobody gets the name before the folder is gone, too
        remove(client, found.id)
        remove_folder(folder(found.name))


def set_aside(client: docker.DockerClient, container_id: str, name: str) -> None:
    """Take name and socket from an engine's container, so that a new one can have them."""
    socket = folder(name) / "docker.sock"
    thaw(socket)
    with contextlib.suppress(DockerNotFound):
        client.api.rename(container_id, f"{ASIDE}{container_id[:12]}")
    end_bridge(socket)
    for one in folder(name).glob("*.sock"):  # also that of a proxy in front of it
        one.unlink(missing_ok=True)


def thaw(socket: Path) -> None:
    """Unpause what is paused in an engine: cgroup v1 can't kill a process that is frozen."""
    paused = {"filters": {"status": ["paused"]}}
    with contextlib.suppress(LabError), raw.Client(Endpoint(unix=socket), timeout=5) as engine:
        for row in engine.get("/containers/json", params=paused).json():
            engine.post(f"/containers/{row['Id']}/unpause")


def remove(client: docker.DockerClient, container_id: str) -> None:
    """Remove an engine's container with its volume, whatever state it is in.

    :raises EngineError: the host engine can't.
    """
    try:
        client.api.remove_container(container_id, v=True, force=True)
    except APIError as failed:
        if failed.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            return  # gone already, or somebody else is about it
        raise EngineError(
            f"The host engine could not remove an engine: {failed.explanation}",
            hint="labkit down tries again; if that fails, too, restart Docker.",
        ) from failed


def remove_folder(path: Path) -> None:
    """Remove an engine's folder, and end its bridge if it has one."""
    end_bridge(path / "docker.sock")
    shutil.rmtree(path, ignore_errors=True)


def remove_folders() -> None:
    """Remove the folders of engines that are gone."""
    if places.run().exists():
        for path in places.run().iterdir():
            if path.is_dir() and path.name not in ("host", "vm"):
                remove_folder(path)


def end_bridge(socket: Path) -> None:
    """End the process that carries the engine's TLS port to this socket, if there is one."""
    if not socket.with_name("bridge.log").exists():
        return
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if str(socket) in command and any(part.endswith("bridge.py") for part in command):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()  # it holds nothing but connections
