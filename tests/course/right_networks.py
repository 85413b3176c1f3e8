"""Honest ways to solve the exercises of 12-networks, as in ``right_answers``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from labkit import archives

Lab = Any
Learners = Callable[..., Any]

SLEEP = ["sleep", "600"]
ROLES = {"web": ["front"], "app": ["front", "back"], "db": ["back"]}


def addresses_by_the_network(lab: Lab) -> Learners:
    def addresses(network: str) -> dict[str, str]:
        found = lab.raw.get(f"/networks/{network}").json()["Containers"]
        return {one["Name"]: one["IPv4Address"].split("/")[0] for one in found.values()}

    return addresses


def addresses_by_the_containers(lab: Lab) -> Learners:
    def addresses(network: str) -> dict[str, str]:
        found = {}
        for one in lab.docker.containers.list():
            joined = one.attrs["NetworkSettings"]["Networks"]
            if network in joined:
                found[one.name] = joined[network]["IPAddress"]
        return found

    return addresses


def tiers_by_sdk(lab: Lab) -> Learners:
    def build(name: str) -> None:
        client = lab.docker
        front = client.networks.create(f"{name}-front")
        back = client.networks.create(f"{name}-back", internal=True)
        for role, network in (("web", front), ("app", front), ("db", back)):
            options = {"name": f"{name}-{role}", "network": network.name, "detach": True}
            client.containers.run("busybox", SLEEP, **options)
        back.connect(f"{name}-app")
        back.disconnect(f"{name}-db")
        back.connect(f"{name}-db", aliases=["database"])

    return build


def tiers_by_raw(lab: Lab) -> Learners:
    def build(name: str) -> None:
        for tier in ("front", "back"):
            network = {"Name": f"{name}-{tier}", "Internal": tier == "back"}
            lab.raw.post("/networks/create", json=network)
        for role, (first, *others) in ROLES.items():
            alias = {"Aliases": ["database"]} if role == "db" else {}
            body = {
                "Image": "busybox",
                "Cmd": SLEEP,
                "HostConfig": {"NetworkMode": f"{name}-{first}"},
                "NetworkingConfig": {"EndpointsConfig": {f"{name}-{first}": alias}},
            }
            lab.raw.post("/containers/create", params={"name": f"{name}-{role}"}, json=body)
            for other in others:
                path = f"/networks/{name}-{other}/connect"
                lab.raw.post(path, json={"Container": f"{name}-{role}"})
            lab.raw.post(f"/containers/{name}-{role}/start")

    return build


def reach_by_trying(lab: Lab) -> Learners:
    def reaches(names: list[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {name: [] for name in names}
        for one in names:
            container = lab.docker.containers.get(one)
            for other in set(names) - {one} if container.status == "running" else ():
                if container.exec_run(["ping", "-c1", "-W1", other]).exit_code == 0:
                    found[one].append(other)
        return found

    return reaches


def reach_by_networks(lab: Lab) -> Learners:
    def reaches(names: list[str]) -> dict[str, list[str]]:
        joined: dict[str, set[str]] = {name: set() for name in names}
        for row in lab.raw.get("/containers/json").json():
            joined[row["Names"][0][1:]] = set(row["NetworkSettings"]["Networks"])
        named = {name: networks - {"bridge", "host", "none"} for name, networks in joined.items()}
        return {
            one: [other for other in names if other != one and named[one] & named[other]]
            for one in names
        }

    return reaches


def read_by_archive(lab: Lab) -> Learners:
    def read_volume(volume: str) -> dict[str, str]:
        container = lab.docker.containers.create("busybox", volumes=[f"{volume}:/data:ro"])
        try:
            pieces, _ = container.get_archive("/data/.")
            files = archives.unpack(b"".join(pieces))
        finally:
            container.remove()
        return {name.removeprefix("./"): content.decode() for name, content in files.items()}

    return read_volume


def read_by_running(lab: Lab) -> Learners:
    def read_volume(volume: str) -> dict[str, str]:
        def run(*command: str) -> str:
            options = {"volumes": [f"{volume}:/data"], "working_dir": "/data", "remove": True}
            return str(lab.docker.containers.run("busybox", list(command), **options).decode())

        names = run("find", ".", "-type", "f").split()
        return {name[2:]: run("cat", name) for name in names}

    return read_volume


def tidy_one_by_one(lab: Lab) -> Learners:
    def tidy(label: str) -> list[str]:
        client, gone = lab.docker, []
        rows = client.api.containers(all=True)
        used = {name for row in rows for name in row["NetworkSettings"]["Networks"]}
        for network in client.networks.list(filters={"label": label}):
            if network.name not in used:
                network.remove()
                gone.append(network.name)
        for volume in client.volumes.list(filters={"label": label, "dangling": True}):
            volume.remove()
            gone.append(volume.name)
        return gone

    return tidy


def tidy_as_the_engine_refuses(lab: Lab) -> Learners:
    """Leave it to the engine to say what of the volumes is in use."""

    def tidy(label: str) -> tuple[str, ...]:
        gone = []
        mine = {"filters": {"label": [label]}}
        for one in lab.raw.get("/volumes", params=mine).json()["Volumes"]:
            with contextlib.suppress(Exception):
                lab.raw.delete(f"/volumes/{one['Name']}")
                gone.append(one["Name"])
        for one in lab.raw.get("/networks", params=mine).json():
            needed = {"all": True, "filters": {"network": [one["Id"]]}}
            if not lab.raw.get("/containers/json", params=needed).json():
                lab.raw.delete(f"/networks/{one['Id']}")
                gone.append(one["Name"])
        return tuple(gone)

    return tidy


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "addresses": {
        "the network's inspect": addresses_by_the_network,
        "the containers' inspects": addresses_by_the_containers,
    },
    "two-tiers": {"sdk": tiers_by_sdk, "raw": tiers_by_raw},
    "who-reaches": {"trying": reach_by_trying, "networks": reach_by_networks},
    "read-volume": {"archive": read_by_archive, "a container that runs": read_by_running},
    "tidy": {"one by one": tidy_one_by_one, "refusals": tidy_as_the_engine_refuses},
}
