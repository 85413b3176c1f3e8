"""Wrong answers to the exercises of 12-networks, as honest beginners give them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import docker

from labkit import archives

Lab = Any
Learners = Callable[..., Any]

SLEEP = ["sleep", "600"]


def with_the_prefix(lab: Lab) -> Learners:
    def addresses(network: str) -> Any:
        found = lab.raw.get(f"/networks/{network}").json()["Containers"]
        return {one["Name"]: one["IPv4Address"] for one in found.values()}

    return addresses


def by_id(lab: Lab) -> Learners:
    def addresses(network: str) -> Any:
        found = lab.raw.get(f"/networks/{network}").json()["Containers"]
        return {key: one["IPv4Address"].split("/")[0] for key, one in found.items()}

    return addresses


def the_first_address(lab: Lab) -> Learners:
    """Take the first network that a container has."""

    def addresses(network: str) -> Any:
        found = {}
        for one in lab.docker.containers.list(filters={"network": network}):
            joined = one.attrs["NetworkSettings"]["Networks"]
            found[one.name] = min(there["IPAddress"] for there in joined.values())
        return found

    return addresses


def all_of_the_engine(lab: Lab) -> Learners:
    def addresses(network: str) -> Any:
        del network
        return {one.name: "" for one in lab.docker.containers.list()}

    return addresses


def names_alone(lab: Lab) -> Learners:
    return lambda network: [one.name for one in lab.docker.networks.get(network).containers]


def _build(lab: Lab, name: str, *, internal: bool = True, network: bool = True) -> tuple[Any, Any]:
    client = lab.docker
    front = client.networks.create(f"{name}-front")
    back = client.networks.create(f"{name}-back", internal=internal)
    for role, tier in (("web", front), ("app", front), ("db", back)):
        where = {"network": tier.name} if network else {}
        client.containers.run("busybox", SLEEP, name=f"{name}-{role}", detach=True, **where)
        if not network:
            aliases = ["database"] if role == "db" else []
            tier.connect(f"{name}-{role}", aliases=aliases)
    back.connect(f"{name}-app")
    return front, back


def still_on_the_bridge(lab: Lab) -> Learners:
    """Forget that a new container joins the default bridge."""
    return lambda name: _build(lab, name, network=False) and None


def without_the_alias(lab: Lab) -> Learners:
    return lambda name: _build(lab, name) and None


def with_a_way_out(lab: Lab) -> Learners:
    return lambda name: _build(lab, name, internal=False) and None


def alias_on_the_wrong_side(lab: Lab) -> Learners:
    """Give app the alias that db should have."""

    def build(name: str) -> None:
        _, back = _build(lab, name)
        back.disconnect(f"{name}-app")
        back.connect(f"{name}-app", aliases=["database"])
        back.disconnect(f"{name}-db")

    return build


def all_in_both(lab: Lab) -> Learners:
    def build(name: str) -> None:
        _, back = _build(lab, name)
        back.connect(f"{name}-web")

    return build


def networks_only(lab: Lab) -> Learners:
    def build(name: str) -> None:
        lab.docker.networks.create(f"{name}-front")
        lab.docker.networks.create(f"{name}-back", internal=True)

    return build


def created_only(lab: Lab) -> Learners:
    def build(name: str) -> None:
        _build(lab, name)
        lab.docker.containers.get(f"{name}-db").kill()

    return build


def any_shared_network(lab: Lab) -> Learners:
    """Count the default bridge, and what has ended."""

    def reaches(names: list[str]) -> Any:
        get = lab.docker.containers.get
        joined = {name: set(get(name).attrs["NetworkSettings"]["Networks"]) for name in names}
        return {
            one: [other for other in names if other != one and joined[one] & joined[other]]
            for one in names
        }

    return reaches


def by_address(lab: Lab) -> Learners:
    """Ping addresses of a network that both are in, where names were asked for."""

    def reaches(names: list[str]) -> Any:
        get = lab.docker.containers.get
        ends = {name: get(name).attrs["NetworkSettings"]["Networks"] for name in names}
        found: dict[str, list[str]] = {name: [] for name in names}
        for one, other in itertools.permutations(names, 2):
            for network in ends[one].keys() & ends[other].keys():
                ping = ["ping", "-c1", "-W1", ends[other][network]["IPAddress"]]
                with contextlib.suppress(docker.errors.APIError):
                    if get(one).exec_run(ping).exit_code == 0:
                        found[one].append(other)
        return found

    return reaches


def wrong_list(right: Learners, change: Callable[[dict[str, list[str]]], Any]) -> Learners:
    return lambda names: change(right(names))


def with_itself(found: dict[str, list[str]]) -> Any:
    return {one: [*others, one] for one, others in found.items()}


def only_who_reaches_somebody(found: dict[str, list[str]]) -> Any:
    return {one: others for one, others in found.items() if others}


def one_way(found: dict[str, list[str]]) -> Any:
    return {one: [other for other in others if one < other] for one, others in found.items()}


def told_once(right: Learners) -> Learners:
    """Work it out once, and remember."""
    known: dict[str, list[str]] = {}
    return lambda names: known or known.update(right(names)) or known


def read(
    lab: Lab,
    *,
    path: str = "/data/.",
    content: Callable[[bytes], Any] = bytes.decode,
    clean: bool = True,
    volume: bool = False,
) -> Learners:
    """Read a volume by /archive, with something wrong."""

    def read_volume(name: str) -> Any:
        container = lab.docker.containers.create("busybox", volumes=[f"{name}:/data"])
        pieces, _ = container.get_archive(path)
        files = archives.unpack(b"".join(pieces))
        if clean:
            container.remove()
        if volume:
            lab.docker.volumes.get(name).remove()
        return {key.removeprefix("./"): content(one) for key, one in files.items()}

    return read_volume


def top_folder_only(lab: Lab) -> Learners:
    def read_volume(name: str) -> Any:
        script = "cd /data; for one in *; do test -f $one && echo $one $(cat $one); done; true"
        options = {"volumes": [f"{name}:/data"], "remove": True}
        said = lab.docker.containers.run("busybox", ["sh", "-c", script], **options).decode()
        pairs = (line.split() for line in said.splitlines())
        return {one: f"{text}\n" for one, text in pairs}

    return read_volume


def prune_by_label(lab: Lab) -> Learners:
    """Leave it to the prunes."""

    def tidy(label: str) -> Any:
        filters = {"label": label}
        gone = lab.docker.networks.prune(filters)["NetworksDeleted"] or []
        return gone + (lab.docker.volumes.prune(filters)["VolumesDeleted"] or [])

    return tidy


def prune_all(lab: Lab) -> Learners:
    def tidy(label: str) -> Any:
        del label
        networks = lab.docker.networks.prune()["NetworksDeleted"] or []
        volumes = lab.docker.volumes.prune({"all": True})["VolumesDeleted"] or []
        return networks + volumes

    return tidy


def _volumes(lab: Lab, label: str) -> list[str]:
    found = lab.docker.volumes.list(filters={"label": label, "dangling": True})
    for one in found:
        one.remove()
    return [one.name for one in found]


def volumes_alone(lab: Lab) -> Learners:
    return lambda label: _volumes(lab, label)


def what_is_connected_now(lab: Lab) -> Learners:
    """Forget what has ended and wants its network when it is started again."""

    def tidy(label: str) -> Any:
        gone = []
        for network in lab.docker.networks.list(filters={"label": label}, greedy=True):
            if not network.containers:
                network.remove()
                gone.append(network.name)
        return gone + _volumes(lab, label)

    return tidy


def key_alone(right: Learners) -> Learners:
    """Look at the label's key, and not at its value."""
    return lambda label: right(label.partition("=")[0])


def by_force(lab: Lab) -> Learners:
    """Remove the containers first."""

    def tidy(label: str) -> Any:
        for container in lab.docker.containers.list(all=True):
            if container.labels.get("labkit.stock"):
                container.remove(force=True)
        networks = lab.docker.networks.list(filters={"label": label})
        for one in networks:
            one.remove()
        return [one.name for one in networks] + _volumes(lab, label)

    return tidy


def count(right: Learners) -> Learners:
    return lambda label: len(right(label))


def wrong(right: ModuleType) -> dict[str, dict[str, Callable[[Lab], Learners]]]:
    """The wrong answers; some are right ones with one thing wrong."""
    reach, tidy = right.reach_by_networks, right.tidy_one_by_one
    return {
        "addresses": {
            "with the prefix": with_the_prefix,
            "ids": by_id,
            "the first address": the_first_address,
            "all containers": all_of_the_engine,
            "names alone": names_alone,
        },
        "two-tiers": {
            "on the bridge too": still_on_the_bridge,
            "no alias": without_the_alias,
            "a way out": with_a_way_out,
            "the wrong alias": alias_on_the_wrong_side,
            "all in both": all_in_both,
            "no containers": networks_only,
            "not running": created_only,
        },
        "who-reaches": {
            "any shared network": any_shared_network,
            "by address": by_address,
            "with itself": lambda lab: wrong_list(reach(lab), with_itself),
            "no empty lists": lambda lab: wrong_list(reach(lab), only_who_reaches_somebody),
            "one way": lambda lab: wrong_list(reach(lab), one_way),
            "told once": lambda lab: told_once(reach(lab)),
        },
        "read-volume": {
            "the folder's name": lambda lab: read(lab, path="/data"),
            "lengths": lambda lab: read(lab, content=len),
            "container left": lambda lab: read(lab, clean=False),
            "volume removed": lambda lab: read(lab, volume=True),
            "top folder only": top_folder_only,
        },
        "tidy": {
            "prune by label": prune_by_label,
            "prune all": prune_all,
            "volumes alone": volumes_alone,
            "what is connected now": what_is_connected_now,
            "the key alone": lambda lab: key_alone(tidy(lab)),
            "by force": by_force,
            "how many": lambda lab: count(tidy(lab)),
        },
    }
