"""Honest ways to solve the exercises of 07-swarm, as in ``right_answers``."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import docker
from docker.types import SecretReference, ServiceMode

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.errors import APIError

Lab = Any
Learners = Callable[..., Any]


@contextlib.contextmanager
def sdk(socket: str) -> Iterator[docker.DockerClient]:
    """The SDK's client for a socket."""
    with contextlib.closing(docker.DockerClient(f"unix://{socket}")) as client:
        yield client


def by_hand(socket: str) -> raw.Client:
    """The raw client for a socket."""
    return raw.Client(Endpoint.parse(f"unix://{socket}"))


def join_raw(socket: str, address: str, manager: str, token: str) -> None:
    """One request to the worker's own engine."""
    body = {
        "ListenAddr": "0.0.0.0:2377",
        "AdvertiseAddr": address,
        "RemoteAddrs": [f"{manager}:2377"],
        "JoinToken": token,
    }
    with by_hand(socket) as client:
        client.post("/swarm/join", json=body)


def join_sdk(socket: str, address: str, manager: str, token: str) -> None:
    """The SDK's word for it."""
    with sdk(socket) as client:
        client.swarm.join([manager], token, advertise_addr=address)


def run_raw(manager: str, name: str, command: list[str], replicas: int | None) -> Any:
    """A spec by hand."""
    spec = {
        "Name": name,
        "Mode": {"Replicated": {"Replicas": replicas}} if replicas else {"Global": {}},
        "TaskTemplate": {"ContainerSpec": {"Image": "busybox", "Command": command}},
    }
    with by_hand(manager) as client:
        return client.post("/services/create", json=spec).json()


def run_sdk(manager: str, name: str, command: list[str], replicas: int | None) -> None:
    """The SDK's arguments."""
    mode = ServiceMode("replicated", replicas) if replicas else ServiceMode("global")
    with sdk(manager) as client:
        client.services.create("busybox", command, name=name, mode=mode)


def label_raw(manager: str, service: str, key: str, value: str) -> None:
    """Read, change, send, and again if somebody was quicker."""
    with by_hand(manager) as client:
        for _ in range(1000):
            found = client.get(f"/services/{service}").json()
            found["Spec"].setdefault("Labels", {})[key] = value
            index = {"version": found["Version"]["Index"]}
            try:
                client.post(f"/services/{service}/update", params=index, json=found["Spec"])
            except APIError as refused:
                if "out of sequence" not in refused.explanation:
                    raise
            else:
                return


def label_sdk(manager: str, service: str, key: str, value: str) -> None:
    """The SDK's connection with a spec of one's own; its update() would change more."""
    with sdk(manager) as client:
        while True:
            found = client.api.inspect_service(service)
            spec = {**found["Spec"], "Labels": {**found["Spec"].get("Labels", {}), key: value}}
            url = f"{client.api.base_url}/v1.41/services/{found['ID']}/update"
            answer = client.api.post(url, params={"version": found["Version"]["Index"]}, json=spec)
            if answer.ok:
                return


def give_raw(manager: str, service: str, name: str, text: str) -> None:
    """Two requests by hand."""
    data = base64.b64encode(text.encode()).decode()
    with by_hand(manager) as client:
        made = client.post("/secrets/create", json={"Name": name, "Data": data}).json()["ID"]
        found = client.get(f"/services/{service}").json()
        file = {"Name": name, "UID": "0", "GID": "0", "Mode": 0o444}
        container = found["Spec"]["TaskTemplate"]["ContainerSpec"]
        one = {"SecretID": made, "SecretName": name, "File": file}
        container["Secrets"] = [*container.get("Secrets", []), one]
        index = {"version": found["Version"]["Index"]}
        client.post(f"/services/{service}/update", params=index, json=found["Spec"])


def give_sdk(manager: str, service: str, name: str, text: str) -> None:
    """The SDK makes the secret and updates the service with all of them."""
    with sdk(manager) as client:
        made = client.secrets.create(name=name, data=text.encode())
        found = client.services.get(service)
        had = found.attrs["Spec"]["TaskTemplate"]["ContainerSpec"].get("Secrets", [])
        kept = [SecretReference(one["SecretID"], one["SecretName"]) for one in had]
        found.update(secrets=[*kept, SecretReference(made.id, name)])


def drain_raw(manager: str, hostname: str) -> None:
    """Find the node, change its spec, send all of it."""
    with by_hand(manager) as client:
        for node in client.get("/nodes").json():
            if node["Description"]["Hostname"] == hostname:
                node["Spec"]["Availability"] = "drain"
                index = {"version": node["Version"]["Index"]}
                client.post(f"/nodes/{node['ID']}/update", params=index, json=node["Spec"])


def drain_sdk(manager: str, hostname: str) -> None:
    """The SDK's node."""
    with sdk(manager) as client:
        [node] = client.nodes.list(filters={"name": hostname})
        node.update({**node.attrs["Spec"], "Availability": "drain"})


def still_by_majority(managers: int, lost: int, workers: int, gone: int) -> list[str]:
    """Count who is left."""
    left = ["run"] if managers + workers > lost + gone else []
    return [*left, "change", "mend"] if managers - lost >= managers // 2 + 1 else left


def still_by_table(managers: int, lost: int, workers: int, gone: int) -> list[str]:
    """Know how many may be lost."""
    if lost <= {1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 7: 3}[managers]:
        return ["mend", "run", "change"]
    return ["run"] if managers > lost or workers > gone else []


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "join-node": {"raw": lambda _: join_raw, "SDK": lambda _: join_sdk},
    "run-service": {"raw": lambda _: run_raw, "SDK": lambda _: run_sdk},
    "label-service": {"raw": lambda _: label_raw, "SDK": lambda _: label_sdk},
    "give-secret": {"raw": lambda _: give_raw, "SDK": lambda _: give_sdk},
    "drain-node": {"raw": lambda _: drain_raw, "SDK": lambda _: drain_sdk},
    "what-still-works": {
        "majority": lambda _: still_by_majority,
        "a table": lambda _: still_by_table,
    },
}
