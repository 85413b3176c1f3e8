"""Wrong answers to the exercises of 07-swarm, as honest beginners give them."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from labkit.errors import LabError

Lab = Any
Learners = Callable[..., Any]


def join(right: ModuleType, **change: Callable[..., Any]) -> Callable[[Lab], Learners]:
    """The right request with something else in it."""

    def joined(socket: str, address: str, manager: str, token: str) -> None:
        body: dict[str, Any] = {
            "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": address,
            "RemoteAddrs": [f"{manager}:2377"], "JoinToken": token,
        }  # fmt: skip
        body |= {name: value(address, manager) for name, value in change.items()}
        with right.by_hand(socket) as client:
            client.post("/swarm/join", json=body)

    return lambda _: joined


def begins_its_own(right: ModuleType) -> Callable[[Lab], Learners]:
    """Make a second Swarm instead of joining."""

    def joined(socket: str, address: str, _manager: str, _token: str) -> None:
        with right.by_hand(socket) as client:
            client.post("/swarm/init", json={"ListenAddr": address, "AdvertiseAddr": address})

    return lambda _: joined


def run(right: ModuleType, **change: Any) -> Callable[[Lab], Learners]:
    """The right service with something else in it."""

    def ran(manager: str, name: str, command: list[str], replicas: int | None) -> None:
        told = {"name": name, "command": command, "replicas": replicas}
        told |= {key: value(told) for key, value in change.items()}
        right.run_raw(manager, told["name"], told["command"], told["replicas"])

    return lambda _: ran


def plain_containers(right: ModuleType) -> Callable[[Lab], Learners]:
    """Run containers on the manager: no service."""

    def ran(manager: str, name: str, command: list[str], replicas: int | None) -> None:
        with right.sdk(manager) as client:
            for number in range(replicas or 1):
                client.containers.run("busybox", command, name=f"{name}-{number}", detach=True)

    return lambda _: ran


def label(right: ModuleType, change: Callable[[Any, str, str], None]) -> Callable[[Lab], Learners]:
    """Update in a loop, but with another spec."""

    def labelled(manager: str, service: str, key: str, value: str) -> None:
        with right.by_hand(manager) as client:
            for _ in range(1000):
                found = client.get(f"/services/{service}").json()
                change(found["Spec"], key, value)
                index = {"version": found["Version"]["Index"]}
                with contextlib.suppress(LabError):
                    client.post(f"/services/{service}/update", params=index, json=found["Spec"])
                    return

    return lambda _: labelled


def gives_up(right: ModuleType) -> Callable[[Lab], Learners]:
    """Try once, with what was read long ago, and say nothing."""

    def labelled(manager: str, service: str, key: str, value: str) -> None:
        with right.by_hand(manager) as client:
            found = client.get(f"/services/{service}").json()
            for _ in range(20):
                client.get(f"/services/{service}")
            found["Spec"]["Labels"][key] = value
            index = {"version": found["Version"]["Index"]}
            with contextlib.suppress(LabError):
                client.post(f"/services/{service}/update", params=index, json=found["Spec"])

    return lambda _: labelled


def overwrites(right: ModuleType) -> Callable[[Lab], Learners]:
    """Send an old spec with ever newer indexes until one is taken."""

    def labelled(manager: str, service: str, key: str, value: str) -> None:
        with right.by_hand(manager) as client:
            spec = client.get(f"/services/{service}").json()["Spec"]
            spec["Labels"] = {"first": "1", key: value}
            for _ in range(1000):
                index = client.get(f"/services/{service}").json()["Version"]["Index"]
                with contextlib.suppress(LabError):
                    params = {"version": index}
                    client.post(f"/services/{service}/update", params=params, json=spec)
                    return

    return lambda _: labelled


def only_the_new(spec: Any, key: str, value: str) -> None:
    spec["Labels"] = {key: value}


def on_the_containers(spec: Any, key: str, value: str) -> None:
    spec["TaskTemplate"]["ContainerSpec"]["Labels"] = {key: value}


def scaled_too(spec: Any, key: str, value: str) -> None:
    spec["Labels"][key] = value
    spec["Mode"]["Replicated"]["Replicas"] = 1


def give(
    right: ModuleType,
    *,
    pack: Callable[[bytes], bytes] = base64.b64encode,
    keep: bool = True,
    update: bool = True,
    file: str = "",
) -> Callable[[Lab], Learners]:
    """Make a secret and give it, with something not thought of."""

    def given(manager: str, service: str, name: str, text: str) -> None:
        with right.by_hand(manager) as client:
            data = {"Name": name, "Data": pack(text.encode()).decode()}
            made = client.post("/secrets/create", json=data).json()["ID"]
            if not update:
                return
            found = client.get(f"/services/{service}").json()
            place = {"Name": file or name, "UID": "0", "GID": "0", "Mode": 0o444}
            container = found["Spec"]["TaskTemplate"]["ContainerSpec"]
            one = {"SecretID": made, "SecretName": name, "File": place}
            container["Secrets"] = [*(container["Secrets"] if keep else []), one]
            index = {"version": found["Version"]["Index"]}
            client.post(f"/services/{service}/update", params=index, json=found["Spec"])

    return lambda _: given


def in_the_environment(right: ModuleType) -> Callable[[Lab], Learners]:
    """Pass it as a variable instead."""

    def given(manager: str, service: str, name: str, text: str) -> None:
        with right.by_hand(manager) as client:
            found = client.get(f"/services/{service}").json()
            found["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] = [f"{name}={text}"]
            index = {"version": found["Version"]["Index"]}
            client.post(f"/services/{service}/update", params=index, json=found["Spec"])

    return lambda _: given


def drain(right: ModuleType, change: Callable[[Any], Any], *, every: bool = False) -> Any:
    """Update a node with another spec."""

    def drained(manager: str, hostname: str) -> None:
        with right.by_hand(manager) as client:
            for node in client.get("/nodes").json():
                if every or node["Description"]["Hostname"] == hostname:
                    index = {"version": node["Version"]["Index"]}
                    path = f"/nodes/{node['ID']}/update"
                    client.post(path, params=index, json=change(node["Spec"]))

    return lambda _: drained


def still(mend: Callable[..., bool], run: Callable[..., bool]) -> Callable[[Lab], Learners]:
    """Count, but not quite so."""

    def able(managers: int, lost: int, workers: int, gone: int) -> list[str]:
        case = (managers, lost, workers, gone)
        return (["run"] if run(*case) else []) + (["change", "mend"] if mend(*case) else [])

    return lambda _: able


def majority(managers: int, lost: int, *_: int) -> bool:
    return 2 * (managers - lost) > managers


def any_left(managers: int, lost: int, workers: int, gone: int) -> bool:
    return managers + workers > lost + gone


def wrong(right: ModuleType) -> dict[str, dict[str, Callable[[Lab], Learners]]]:
    """What goes wrong, exercise by exercise."""
    return {
        "join-node": {
            "its own Swarm": begins_its_own(right),
            "the manager's address as its own": join(
                right, AdvertiseAddr=lambda _, manager: manager
            ),
            "the wrong port": join(right, RemoteAddrs=lambda _, manager: [f"{manager}:2376"]),
            "its own address as the manager's": join(
                right, RemoteAddrs=lambda own, _: [f"{own}:2377"]
            ),
            "nothing": lambda _: lambda *_: None,
        },
        "run-service": {
            "always three": run(right, replicas=lambda _: 3),
            "None is one": run(right, replicas=lambda told: told["replicas"] or 1),
            "another name": run(right, name=lambda told: f"{told['name']}-service"),
            "another command": run(right, command=lambda _: ["sleep", "3600"]),
            "one word": run(right, command=lambda told: [" ".join(told["command"])]),
            "containers": plain_containers(right),
        },
        "label-service": {
            "only the new label": label(right, only_the_new),
            "on the containers": label(right, on_the_containers),
            "scaled, too": label(right, scaled_too),
            "gives up": gives_up(right),
            "overwrites": overwrites(right),
        },
        "give-secret": {
            "not in Base64": give(right, pack=lambda _: base64.b64encode(b"text")),
            "twice in Base64": give(
                right, pack=lambda text: base64.b64encode(base64.b64encode(text))
            ),
            "the old one is lost": give(right, keep=False),
            "made, not given": give(right, update=False),
            "another file": give(right, file="secret"),
            "in the environment": in_the_environment(right),
        },
        "drain-node": {
            "only the availability": drain(
                right, lambda spec: {"Availability": "drain", "Role": spec["Role"]}
            ),
            "every node": drain(right, lambda spec: {**spec, "Availability": "drain"}, every=True),
            "paused": drain(right, lambda spec: {**spec, "Availability": "pause"}),
            "nothing": drain(right, lambda spec: spec),
        },
        "what-still-works": {
            "half is enough": still(
                lambda managers, lost, *_: 2 * (managers - lost) >= managers, any_left
            ),
            "one is enough": still(lambda managers, lost, *_: managers > lost, any_left),
            "no manager, no task": still(majority, majority),
            "workers count": still(
                lambda *case: 2 * (sum(case[::2]) - sum(case[1::2])) > sum(case[::2]), any_left
            ),
            "managers don't run": still(majority, lambda _, __, workers, gone: workers > gone),
        },
    }
