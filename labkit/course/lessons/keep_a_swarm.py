"""More exercises of 07-swarm: a secret, a drained node, and what a loss leaves."""

from __future__ import annotations

import secrets
from contextlib import suppress
from itertools import product
from typing import Any

from docker.errors import APIError
from docker.models.containers import Container

from labkit.course.exercise import Tutor
from labkit.course.lessons.join_a_swarm import (
    FOREVER,
    QUICK,
    any_manager,
    described,
    lesson,
    small,
    within,
)
from labkit.swarm.cluster import Cluster

__all__ = ["lesson"]


@lesson.exercise(
    "give-secret",
    points=3,
    hints=(
        "Two requests: POST /secrets/create makes it, and an update of the service says that its tasks get it.",
        "Data is Base64: base64.b64encode(text.encode()).decode(). The update is as in the exercise before; the place is TaskTemplate.ContainerSpec.Secrets, a list.",
        "One element of Secrets is {'SecretID': …, 'SecretName': name, 'File': {'Name': name, 'UID': '0', 'GID': '0', 'Mode': 0o444}}. Add it to those that are there.",
    ),
)
def give_secret(tutor: Tutor) -> None:
    """The tasks find the new secret as a file, and those that they had before."""
    name, text = f"key-{secrets.token_hex(2)}", f"{secrets.token_urlsafe(12)} ö"
    with small(tutor) as (cluster, socket):
        manager, service = any_manager(cluster).raw, tutor.stock.name()
        old = manager.post("/secrets/create", json={"Name": "old", "Data": "b2xk"}).json()["ID"]
        place = {"Name": "old", "UID": "0", "GID": "0", "Mode": 0o444}
        run = {
            "Image": "busybox", "Command": FOREVER, "StopGracePeriod": 10**8,
            "Secrets": [{"SecretID": old, "SecretName": "old", "File": place}],
        }  # fmt: skip
        mode = {"Replicated": {"Replicas": 2}}
        spec = {"Name": service, "TaskTemplate": {"ContainerSpec": run, **QUICK}, "Mode": mode}
        manager.post("/services/create", json=spec)
        cluster.converged(service)
        tutor.ask(socket, service, name, text)
        known = {one["Spec"]["Name"] for one in manager.get("/secrets").json()}
        tutor.expect(
            name in known,
            saw=f"The Swarm has the secrets {', '.join(sorted(known))}.",
            question="Which request makes a secret, and under which name?",
        )
        update = described(tutor, manager, service)["Spec"]["TaskTemplate"]["ContainerSpec"]
        given = [one["SecretName"] for one in update.get("Secrets", [])]
        tutor.expect(
            sorted(given) == ["old", name] or sorted(given) == [name, "old"],
            saw=f"The service's tasks are given the secrets {given}.",
            question="It had one already, called old. Does it have both now?",
        )
        expected = {"old": "old", name: text}
        found = within(lambda: _files(cluster, service) == [expected] * 2, timeout=25)
        tutor.expect(
            found,
            saw=f"In the tasks' /run/secrets there is {_files(cluster, service)}; {text!r} was given.",
            question="Is the text packed in Base64 once, and is the file's name the secret's?",
        )


def _files(cluster: Cluster, service: str) -> list[dict[str, str]]:
    """What each running task of the service has in /run/secrets."""
    label: dict[str, Any] = {"label": f"com.docker.swarm.service.name={service}"}
    found = []
    for engine in cluster.nodes.values():
        for container in engine.docker.containers.list(filters=label, ignore_removed=True):
            with suppress(APIError):  # it may have ended meanwhile
                names = _said(container, "ls", "/run/secrets").split()
                texts = {name: _said(container, "cat", f"/run/secrets/{name}") for name in names}
                found.append(texts)
    return found


def _said(container: Container, *command: str) -> str:
    return bytes(container.exec_run(list(command)).output).decode()  # type: ignore[arg-type]


@lesson.exercise(
    "drain-node",
    points=2,
    hints=(
        "The host name stands in Description.Hostname of a node; its update goes by its ID.",
        "A node's update wants the whole spec, too: Role, Labels and Availability. node.attrs['Spec'] has it, and node.update sends it.",
        "for node in client.nodes.list(): if node.attrs['Description']['Hostname'] == hostname: node.update({**node.attrs['Spec'], 'Availability': 'drain'})",
    ),
)
def drain_node(tutor: Tutor) -> None:
    """The node's tasks move, and the node keeps its role and labels."""
    with small(tutor) as (cluster, socket):
        manager, service = any_manager(cluster).raw, tutor.stock.name()
        chosen, other = secrets.SystemRandom().sample(list(cluster.nodes), 2)
        node = _node(cluster, chosen)
        labels = {"shelf": secrets.token_hex(2)}
        params = {"version": node["Version"]["Index"]}
        manager.post(
            f"/nodes/{node['ID']}/update", params=params, json={**node["Spec"], "Labels": labels}
        )
        run = {"Image": "busybox", "Command": FOREVER, "StopGracePeriod": 10**8}
        mode = {"Replicated": {"Replicas": 4}}
        spec = {"Name": service, "TaskTemplate": {"ContainerSpec": run, **QUICK}, "Mode": mode}
        manager.post("/services/create", json=spec)
        cluster.converged(service)
        tutor.ask(socket, chosen)
        after = _node(cluster, chosen)["Spec"]
        tutor.expect(
            after["Availability"] == "drain",
            saw=f"{chosen} has the availability {after['Availability']}.",
            question="Was the right node updated? Its host name is not its ID.",
        )
        tutor.expect(
            after["Role"] == "manager" and after.get("Labels") == labels,
            saw=f"{chosen} had the role manager and the labels {labels}; now {after}.",
            question="What becomes of what you leave out of a spec?",
        )
        beside = _node(cluster, other)["Spec"]["Availability"]
        tutor.expect(
            beside == "active",
            saw=f"{other} has the availability {beside}.",
            question="Only one node was to be drained. Which ones does your function update?",
        )


def _node(cluster: Cluster, hostname: str) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = any_manager(cluster).raw.get("/nodes").json()
    return next(one for one in nodes if one["Description"]["Hostname"] == hostname)


@lesson.exercise(
    "what-still-works",
    points=2,
    hints=(
        "Tasks run as long as any node lives. Everything else needs managers that can decide.",
        "A majority is more than half of all managers that belong to the Swarm, the lost ones counted.",
        "if managers - managers_lost > managers / 2: the cluster can change and mend. if managers - managers_lost + workers - workers_lost > 0: it runs.",
    ),
)
def what_still_works(tutor: Tutor) -> None:
    """The function knows what a majority is, and what does not need one."""
    cases = [
        (managers, lost, workers, gone)
        for managers, workers in product((1, 2, 3, 4, 5, 7), (0, 3))
        for lost in range(managers + 1)
        for gone in {0, workers}
    ]
    secrets.SystemRandom().shuffle(cases)
    for managers, lost, workers, gone in cases:
        wanted = {"run"} if managers - lost + workers - gone else set()
        if 2 * (managers - lost) > managers:
            wanted |= {"change", "mend"}
        answer = tutor.ask(managers, lost, workers, gone)
        tutor.expect(
            isinstance(answer, list) and set(map(str, answer)) == wanted,
            saw=f"{lost} of {managers} managers and {gone} of {workers} workers are lost. Your function returned {answer!r:.200}.",
            question="Which nodes are left, and are the managers among them more than half of all managers?",
        )
