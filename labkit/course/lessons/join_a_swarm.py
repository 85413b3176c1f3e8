"""The exercises of 07-swarm: join a node, run a service, change it while others do.

The rest is in :mod:`labkit.course.lessons.keep_a_swarm`. Every check has a small cluster of its
own, lends one manager to the learner, and looks from one of its own choosing.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from labkit import wait
from labkit.course.exercise import Lesson, Tutor
from labkit.course.outfit import version
from labkit.engine.engine import Engine
from labkit.errors import LabError, NotFound, WaitTimeout
from labkit.raw import Client
from labkit.swarm import tables
from labkit.swarm.cluster import Cluster

__all__ = ["any_manager", "described", "lesson", "small", "within"]

lesson = Lesson("07-swarm", by_hand={"findings": 1})

FOREVER = ["sleep", "3600"]
QUICK = {"RestartPolicy": {"Delay": 10**8}}


@contextmanager
def small(tutor: Tutor, *, joined: bool = True) -> Iterator[tuple[Cluster, str]]:
    """Two managers, and the socket of the one that is lent to the learner.

    Where they have not joined, it is a manager and a worker, and the worker is lent.
    """
    managers, fenced = 1 + joined, tutor.seat.fenced
    with Cluster.start(
        version=version(), managers=managers, workers=2 - managers, joined=joined, fenced=fenced
    ) as cluster:
        lent = secrets.choice(list(cluster.nodes)) if joined else "worker-1"
        with tutor.seat.lend(cluster.nodes[lent]) as socket:
            yield cluster, socket


def any_manager(cluster: Cluster) -> Engine:
    """A manager of the judge's own choosing: what it says is true for all of them."""
    return secrets.choice(list(cluster.managers.values()))


def within(probe: Callable[[], object], *, timeout: float = 15) -> bool:
    """Whether that comes true in time, in seconds."""
    with suppress(WaitTimeout):
        wait.until(probe, what="that", timeout=timeout)
        return True
    return False


def described(tutor: Tutor, manager: Client, service: str) -> dict[str, Any]:
    """The service as its manager describes it, which must be there."""
    try:
        found: dict[str, Any] = manager.get(f"/services/{service}").json()
    except NotFound:
        names = ", ".join(tables.services(manager)["name"]) or "none"
        tutor.refuse(
            f"There is no service {service}; there is {names}.",
            "Did your function create it, and under the name that it was given?",
        )
    return found


@lesson.exercise(
    "join-node",
    points=3,
    hints=(
        "The worker joins, so it is the worker's engine that is asked: raw_client(socket), or docker.DockerClient(f'unix://{socket}').",
        "POST /swarm/join wants ListenAddr, AdvertiseAddr, RemoteAddrs (a list) and JoinToken. An address with its port is '10.0.0.1:2377'.",
        "raw_client(socket).post('/swarm/join', json={'ListenAddr': '0.0.0.0:2377', 'AdvertiseAddr': address, 'RemoteAddrs': [f'{manager_address}:2377'], 'JoinToken': token})",
    ),
)
def join_node(tutor: Tutor) -> None:
    """The function has an engine join a Swarm, at the address that it was told."""
    with small(tutor, joined=False) as (cluster, socket):
        first, second = cluster.nodes
        manager = cluster.nodes[first].raw
        begin = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": cluster.address(first)}
        manager.post("/swarm/init", json=begin)
        token = manager.get("/swarm").json()["JoinTokens"]["Worker"]
        worker = cluster.nodes[second]
        tutor.ask(socket, cluster.address(second), cluster.address(first), token)
        state = worker.raw.get("/info").json()["Swarm"]["LocalNodeState"]
        tutor.expect(
            state == "active",
            saw=f"The engine at {socket} says that its Swarm is {state}.",
            question="Which engine was asked to join: the one at this socket? And at which port does a manager listen?",
        )
        ready = within(lambda: tables.nodes(manager)["state"].tolist() == ["ready"] * 2)
        table = tables.nodes(manager)
        tutor.expect(
            ready and len(table) == len(cluster.nodes),
            saw=f"The manager sees:\n{table.to_words()}",
            question="Has the engine joined this manager's Swarm, or begun one of its own?",
        )
        told = worker.raw.get("/info").json()["Swarm"]["NodeAddr"]
        tutor.expect(
            told == cluster.address(second),
            saw=f"The node tells the others to find it at {told}.",
            question="Was it told its own address, as AdvertiseAddr?",
        )


@lesson.exercise(
    "run-service",
    points=4,
    hints=(
        "POST /services/create takes a spec with Name, TaskTemplate and Mode. The SDK's client.services.create has the same in its arguments.",
        "Mode is {'Replicated': {'Replicas': 3}} or {'Global': {}}. The command is a list in TaskTemplate.ContainerSpec.Command.",
        "raw_client(manager).post('/services/create', json={'Name': name, 'TaskTemplate': {'ContainerSpec': {'Image': 'busybox', 'Command': command}}, 'Mode': …})",
    ),
)
def run_service(tutor: Tutor) -> None:
    """The function runs as many tasks as it was told, or one on each node."""
    with small(tutor) as (cluster, socket):
        for replicas in (3, 1, None):
            name, seconds = tutor.stock.name(), str(3000 + secrets.randbelow(600))
            tutor.ask(socket, name, ["sleep", seconds], replicas)
            manager = any_manager(cluster).raw
            found = described(tutor, manager, name)
            mode = found["Spec"]["Mode"]
            wanted = {"Global": {}} if replicas is None else {"Replicated": {"Replicas": replicas}}
            tutor.expect(
                mode == wanted,
                saw=f"For replicas={replicas} the service has the mode {mode}.",
                question="How many tasks shall there be, and what does None ask for?",
            )
            count = replicas or len(cluster.nodes)
            tutor.expect(
                within(partial(_runs, cluster, name, count)),
                saw=f"{count} tasks should run for replicas={replicas}. Seen:\n{cluster.tasks(name).to_words():.600}",
                question="What do the tasks' errors say? Does your command reach the container as a list?",
            )
            tutor.expect(
                _commands(cluster, name) == {f"sleep {seconds}"},
                saw=f"The tasks run {', '.join(sorted(_commands(cluster, name)))}.",
                question="Is it the command that your function was given?",
            )
            manager.delete(f"/services/{name}")


def _runs(cluster: Cluster, service: str, count: int) -> bool:
    found = cluster.tasks(service)
    return bool(((found["state"] == "running") & (found["wanted"] == "running")).sum() == count)


def _commands(cluster: Cluster, service: str) -> set[str]:
    """What the service's containers run, asked of each node's own engine."""
    params = {"filters": {"label": [f"com.docker.swarm.service.name={service}"]}}
    return {
        row["Command"]
        for engine in cluster.nodes.values()
        for row in engine.raw.get("/containers/json", params=params).json()
    }


@lesson.exercise(
    "label-service",
    points=5,
    hints=(
        "Three steps in a loop: read the service, change its spec, send all of it with the index of the version that you have read.",
        "When the answer is 'update out of sequence', somebody was quicker: begin the loop again. Any other error is a real one. And keep the labels that are there.",
        "while True: found = client.get(…).json(); spec = found['Spec']; spec['Labels'] = {**spec.get('Labels', {}), key: value}; try: return client.post(…, params={'version': found['Version']['Index']}, json=spec).ok, except LabError as refused: if 'out of sequence' not in str(refused): raise",
    ),
)
def label_service(tutor: Tutor) -> None:
    """The function adds a label and loses nothing, though somebody else changes the service."""
    key, value = f"team-{secrets.token_hex(2)}", secrets.token_hex(3)
    with small(tutor) as (cluster, socket):
        manager, name = any_manager(cluster).raw, tutor.stock.name()
        run = {"Image": "busybox", "Command": FOREVER, "Env": ["KEEP=me"]}
        spec = {
            "Name": name, "Labels": {"first": "1"}, "Mode": {"Replicated": {"Replicas": 2}},
            "TaskTemplate": {"ContainerSpec": run, **QUICK},
        }  # fmt: skip
        manager.post("/services/create", json=spec)
        before = described(tutor, manager, name)["Spec"]
        with _somebody_else(cluster, name) as counted:
            tutor.ask(socket, name, key, value)
        after = described(tutor, manager, name)["Spec"]
        labels = after.pop("Labels")
        before.pop("Labels")
        tutor.expect(
            labels.get(key) == value and labels.get("first") == "1",
            saw=f"The service has the labels {labels!s:.300}; {key}={value} was to be added.",
            question="Are the labels that were there still there? If the update was refused: what does your function do then?",
        )
        tutor.expect(
            after == before,
            saw=f"More than the labels has changed: {_difference(before, after)}.",
            question="An update needs the whole spec. Is it the spec that you have read, with one label more?",
        )
        lost = [one for one in counted[1:] if f"note-{one}" not in labels]
        tutor.expect(
            not lost,
            saw=f"Somebody else has added {len(counted) - 1} labels; {len(lost)} of them are gone.",
            question="Whose change was undone? Which version of the service had your function read before it wrote?",
        )


@contextmanager
def _somebody_else(cluster: Cluster, service: str) -> Iterator[list[int]]:
    """Add label after label to the service; the numbers of those that were added."""
    counted, done = [0], threading.Event()

    def count() -> None:
        with Client(any_manager(cluster).endpoint) as manager:
            while not done.wait(0.002):
                found = manager.get(f"/services/{service}").json()
                found["Spec"].setdefault("Labels", {})[f"note-{counted[-1] + 1}"] = "1"
                with suppress(LabError):  # somebody was quicker
                    params = {"version": found["Version"]["Index"]}
                    manager.post(f"/services/{service}/update", params=params, json=found["Spec"])
                    counted.append(counted[-1] + 1)

    writer = threading.Thread(target=count)
    writer.start()
    wait.until(lambda: len(counted) > 1, what="somebody else to begin")
    try:
        yield counted
    finally:
        done.set()
        writer.join()


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return ", ".join(names) or "nothing"
