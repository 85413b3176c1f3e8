"""For each exercise, wrong answers that an honest beginner gives.

A table: exercise → what went wrong → a function that takes a lab and returns the learner's
function. A lab is whatever has ``.docker`` and ``.raw``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import docker
import pandas as pd

from labkit import tables
from labkit.errors import NotFound

Lab = Any
Learners = Callable[..., Any]


def rows(lab: Lab, *, all: bool = False, **filters: list[str]) -> Any:  # noqa: A002  # as the API calls it
    """What the engine lists."""
    return lab.raw.get("/containers/json", params={"all": all, "filters": filters}).json()


def names(listed: Any) -> list[str]:
    """The names in it, without slashes."""
    return [row["Names"][0].removeprefix("/") for row in listed]


def attrs(lab: Lab, name: str) -> Any:
    """What an inspect tells."""
    return lab.raw.get(f"/containers/{name}/json").json()


def versions(lab: Lab, engine: str, api: str, min_api: str) -> dict[str, Any]:
    """Values of GET /version, by their keys."""
    version = lab.raw.get("/version").json()
    return {"engine": version[engine], "api": version[api], "min_api": version[min_api]}


def only_404_is_caught(lab: Lab) -> Learners:
    def status_of(path: str) -> Any:
        try:
            return lab.raw.get(path).status_code
        except NotFound as error:
            return error.status

    return status_of


def refused_means_404(lab: Lab) -> Learners:
    def status_of(path: str) -> Any:
        try:
            return lab.raw.get(path).status_code
        except Exception:  # noqa: BLE001  # as beginners do
            return 404

    return status_of


def boundary_left_out(_: Lab) -> Learners:
    def common_version(client: str, lowest: str, highest: str) -> Any:
        def minor(version: str) -> int:
            return int(version.split(".")[1])

        best = min(client, highest, key=minor)
        return best if minor(best) > minor(lowest) else None

    return common_version


def listed_once_and_for_all(lab: Lab) -> Learners:
    before = names(rows(lab))
    return lambda: before


def table(lab: Lab, *columns: str, all: bool = True, **renamed: str) -> pd.DataFrame:  # noqa: A002  # as above
    """Some columns of all containers, as the engine lists them."""
    listed = pd.DataFrame(rows(lab, all=all)).rename(columns=renamed)
    return listed[list(columns)]


def plain_names(lab: Lab, **options: Any) -> pd.DataFrame:
    """The table as asked for, but in the engine's order."""
    wanted = {"Names": "name", "Image": "image", "State": "state"}
    return table(lab, "name", "image", "state", **wanted, **options).assign(
        name=lambda one: one["name"].str[0].str.removeprefix("/")
    )


def run_without_waiting(lab: Lab) -> Learners:
    def run_to_end(image: str, command: list[str]) -> Any:
        container = lab.docker.containers.run(image, command, detach=True)
        code, output = container.attrs["State"]["ExitCode"], container.logs().decode()
        container.remove(force=True)
        return code, output

    return run_to_end


def run_and_forget(lab: Lab) -> Learners:
    def run_to_end(image: str, command: list[str]) -> Any:
        container = lab.docker.containers.run(image, command, detach=True)
        return container.wait()["StatusCode"], container.logs().decode()

    return run_to_end


def remove_after_success_only(lab: Lab) -> Learners:
    def run_to_end(image: str, command: list[str]) -> Any:
        container = lab.docker.containers.run(image, command, detach=True)
        code, output = container.wait()["StatusCode"], container.logs().decode()
        if code == 0:
            container.remove()
        return code, output

    return run_to_end


def logs_with_their_frames(lab: Lab) -> Learners:
    def run_to_end(image: str, command: list[str]) -> Any:
        container = lab.docker.containers.run(image, command, detach=True)
        code = container.wait()["StatusCode"]
        logs = lab.raw.get(f"/containers/{container.id}/logs", params={"stdout": True}).text
        container.remove()
        return code, logs

    return run_to_end


def run_on_this_machine(_: Lab) -> Learners:
    def run_to_end(_: str, command: list[str]) -> Any:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    return run_to_end


def stop_is_silent(lab: Lab) -> Learners:
    def stop_and_tell(name: str) -> Any:
        try:
            lab.docker.containers.get(name).stop(timeout=1)
        except docker.errors.NotFound:
            return "no such container"
        return "stopped"

    return stop_and_tell


def only_say_so(lab: Lab) -> Learners:
    def stop_and_tell(name: str) -> Any:
        states = {one.name: one.status for one in lab.docker.containers.list(all=True)}
        said = {"running": "stopped", "exited": "was not running"}
        return said.get(states.get(name, ""), "no such container")

    return stop_and_tell


def clean(
    lab: Lab, *, listed: Callable[[str], dict[str, Any]], **how: bool
) -> Callable[[str], None]:
    """Remove what is listed so."""

    def clean_up(label: str) -> None:
        for container in lab.docker.containers.list(**listed(label)):
            container.remove(**how)

    return clean_up


def labelled(label: str) -> dict[str, Any]:
    """All containers with the label."""
    return {"all": True, "filters": {"label": label}}


def facts(lab: Lab, **instead: Callable[[Any], Any]) -> Learners:
    """The right facts, but for one."""

    def answer(name: str) -> Any:
        found = attrs(lab, name)
        network = found["NetworkSettings"]
        right = {
            "state": found["State"]["Status"],
            "address": network["Networks"]["bridge"]["IPAddress"],
            "ports": {port: int(to[0]["HostPort"]) for port, to in network["Ports"].items() if to},
            "mounts": {mount["Destination"]: mount["Source"] for mount in found["Mounts"]},
            "memory": found["HostConfig"]["Memory"],
        }
        return right | {key: wrong(found) for key, wrong in instead.items()}

    return answer


def ports(found: Any) -> Any:
    """What an inspect says of published ports."""
    return found["NetworkSettings"]["Ports"].items()


def flat(lab: Lab, name: str) -> tables.Table:
    """An inspect as a table."""
    return tables.inspect(attrs(lab, name))


def difference(lab: Lab, first: str, second: str) -> Any:
    """The keys of all that differs."""
    return tables.diff(attrs(lab, first), attrs(lab, second))["key"]


WRONG: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "engine-version": {
        "from another machine": lambda _: (
            lambda: {"engine": "28.5.2", "api": "1.51", "min_api": "1.24"}
        ),
        "swapped": lambda lab: lambda: versions(lab, "Version", "MinAPIVersion", "ApiVersion"),
        "the SDK's own": lambda lab: (
            lambda: (
                versions(lab, "Version", "ApiVersion", "MinAPIVersion")
                | {"engine": docker.__version__}
            )
        ),
        "the API's keys": lambda lab: lambda: lab.raw.get("/version").json(),
        "a number": lambda lab: (
            lambda: versions(lab, "Version", "ApiVersion", "MinAPIVersion") | {"api": 1.45}
        ),
    },
    "status-of": {
        "no except": lambda lab: lambda path: lab.raw.get(path).status_code,
        "only 404 is caught": only_404_is_caught,
        "refused means 404": refused_means_404,
        "the response": lambda lab: lab.raw.get,
        "always 200": lambda _: lambda _: 200,
    },
    "common-version": {
        "as text": lambda _: (
            lambda client, low, high: min(client, high) if min(client, high) >= low else None
        ),
        "as floats": lambda _: (
            lambda client, low, high: (
                str(min(float(client), float(high)))
                if min(float(client), float(high)) >= float(low)
                else None
            )
        ),
        "lowest forgotten": lambda _: (
            lambda client, _, high: min(client, high, key=lambda one: int(one.split(".")[1]))
        ),
        "boundary left out": boundary_left_out,
        "the client's": lambda _: lambda client, *_: client,
    },
    "list-running": {
        "all of them": lambda lab: lambda: names(rows(lab, all=True)),
        "with slashes": lambda lab: lambda: [row["Names"][0] for row in rows(lab)],
        "ids": lambda lab: lambda: [row["Id"] for row in rows(lab)],
        "images": lambda lab: lambda: [row["Image"] for row in rows(lab)],
        "written down": lambda _: lambda: ["web", "worker"],
        "asked once": listed_once_and_for_all,
        "only the latest": lambda lab: lambda: names(rows(lab))[:1],
        "one string": lambda lab: lambda: ", ".join(names(rows(lab))),
        "objects": lambda lab: lab.docker.containers.list,
        "printed": lambda lab: lambda: print(*names(rows(lab))),  # noqa: T201  # that is the mistake
    },
    "list-filtered": {
        "running ones only": lambda lab: (
            lambda status, label: [
                name
                for name in names(rows(lab, label=[label]))
                if attrs(lab, name)["State"]["Status"] == status
            ]
        ),
        "the status alone": lambda lab: (
            lambda status, _: names(rows(lab, all=True, status=[status]))
        ),
        "the label alone": lambda lab: lambda _, label: names(rows(lab, all=True, label=[label])),
        "the label's key alone": lambda lab: (
            lambda status, label: names(
                rows(lab, all=True, status=[status], label=[label.split("=")[0]])
            )
        ),
        "one status for all": lambda lab: (
            lambda _, label: names(rows(lab, all=True, status=["exited"], label=[label]))
        ),
        "a part of the label": lambda lab: (
            lambda status, label: [
                name
                for row in rows(lab, all=True, status=[status])
                for name in names([row])
                if any(label in f"{key}={value}" for key, value in row["Labels"].items())
            ]
        ),
    },
    "readable-table": {
        "unsorted": lambda lab: lambda: plain_names(lab),
        "oldest first": lambda lab: lambda: plain_names(lab)[::-1],
        "downwards": lambda lab: lambda: plain_names(lab).sort_values("name", ascending=False),
        "running only": lambda lab: lambda: plain_names(lab, all=False).sort_values("name"),
        "names as lists": lambda lab: (
            lambda: table(lab, "name", "image", "state", Names="name", Image="image", State="state")
        ),
        "with slashes": lambda lab: (
            lambda: plain_names(lab).assign(name=lambda one: "/" + one["name"])
        ),
        "status for state": lambda lab: (
            lambda: (
                tables.containers(lab.raw, all=True)[["name", "image", "status"]]
                .rename(columns={"status": "state"})
                .sort_values("name")
            )
        ),
        "every column": lambda lab: lambda: tables.containers(lab.raw, all=True),
        "the API's columns": lambda lab: lambda: table(lab, "Names", "Image", "State"),
        "no rows": lambda _: lambda: pd.DataFrame(columns=["name", "image", "state"]),
    },
    "run-to-end": {
        "without waiting": run_without_waiting,
        "left behind": run_and_forget,
        "left behind after a failure": remove_after_success_only,
        "with the frames": logs_with_their_frames,
        "run() and no except": lambda lab: (
            lambda image, command: (
                0,
                lab.docker.containers.run(image, command, remove=True).decode(),
            )
        ),
        "the output alone": lambda lab: (
            lambda image, command: lab.docker.containers.run(image, command, remove=True)
        ),
        "on this machine": run_on_this_machine,
    },
    "stop-and-tell": {
        "304 is overlooked": stop_is_silent,
        "only said": only_say_so,
        "404 is not caught": lambda lab: (
            lambda name: (
                "stopped"
                if lab.raw.post(f"/containers/{name}/stop", params={"t": 1}).status_code == 204
                else "was not running"
            )
        ),
        "nothing said": lambda lab: lambda name: lab.docker.containers.get(name).stop(timeout=1),
    },
    "clean-up": {
        "running ones only": lambda lab: clean(
            lab, listed=lambda label: {"filters": {"label": label}}, force=True, v=True
        ),
        "without force": lambda lab: clean(lab, listed=labelled, v=True),
        "without the volumes": lambda lab: clean(lab, listed=labelled, force=True),
        "the label's key alone": lambda lab: clean(
            lab, listed=lambda label: labelled(label.split("=")[0]), force=True, v=True
        ),
        "everything": lambda lab: clean(lab, listed=lambda _: {"all": True}, force=True, v=True),
        "pruned": lambda lab: lambda label: lab.docker.containers.prune({"label": label}),
    },
    "facts": {
        "ports as text": lambda lab: facts(
            lab, ports=lambda found: {port: to[0]["HostPort"] for port, to in ports(found) if to}
        ),
        "ports that are not published": lambda lab: facts(
            lab, ports=lambda found: {port: int(to[0]["HostPort"]) for port, to in ports(found)}
        ),
        "ports as asked for": lambda lab: facts(
            lab, ports=lambda found: found["HostConfig"]["PortBindings"]
        ),
        "volumes by name": lambda lab: facts(
            lab, mounts=lambda found: {one["Destination"]: one["Name"] for one in found["Mounts"]}
        ),
        "memory in MB": lambda lab: facts(
            lab, memory=lambda found: found["HostConfig"]["Memory"] // 10**6
        ),
        "the whole state": lambda lab: facts(lab, state=lambda found: found["State"]),
        "the whole inspect": lambda lab: lambda name: attrs(lab, name),
    },
    "where-is": {
        "a pattern": lambda lab: (
            lambda name, text: flat(lab, name)[lambda one: one["value"].str.contains(text)][
                "key"
            ].tolist()
        ),
        "keys searched too": lambda lab: (
            lambda name, text: flat(lab, name).search(text)["key"].tolist()
        ),
        "the whole value": lambda lab: (
            lambda name, text: flat(lab, name)[lambda one: one["value"] == text]["key"].tolist()
        ),
        "the values": lambda lab: lambda name, text: flat(lab, name).search(text)["value"].tolist(),
        "the first key": lambda lab: lambda name, text: flat(lab, name).search(text)["key"].iloc[0],
        "the top": lambda lab: (
            lambda name, text: [
                key for key, value in attrs(lab, name).items() if text in str(value)
            ]
        ),
    },
    "what-differs": {
        "all that differs": lambda lab: lambda first, second: difference(lab, first, second),
        "Config alone": lambda lab: (
            lambda first, second: [
                key
                for key in difference(lab, first, second)
                if key.startswith("Config.") and key != "Config.Hostname"
            ]
        ),
        "HostConfig alone": lambda lab: (
            lambda first, second: [
                key for key in difference(lab, first, second) if key.startswith("HostConfig.")
            ]
        ),
        "the host's name too": lambda lab: (
            lambda first, second: [
                key
                for key in difference(lab, first, second)
                if key.startswith(("Config.", "HostConfig."))
            ]
        ),
        "the top": lambda lab: (
            lambda first, second: [
                key
                for key in attrs(lab, first)
                if attrs(lab, first)[key] != attrs(lab, second)[key]
            ]
        ),
        "nothing": lambda _: lambda *_: [],
    },
}
