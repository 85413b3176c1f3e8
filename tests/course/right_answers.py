"""For each exercise, honest ways to solve it: with curl, raw, with the SDK, with tables.

A table: exercise → what the way is → a function that takes a lab and returns the learner's
function. A lab is whatever has ``.docker``, ``.raw`` and ``.socket``.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pandas as pd
from docker.errors import NotFound as SDKNotFound

from labkit import streams, tables
from labkit.errors import APIError, NotFound

Lab = Any
Learners = Callable[..., Any]


def curl(lab: Lab, path: str, *options: str) -> str:
    """What curl prints."""
    base = ["curl", "-s", "--unix-socket", str(lab.socket)]
    done = subprocess.run(
        [*base, *options, f"http://localhost{path}"], capture_output=True, check=True, text=True
    )
    return done.stdout


def version_by_curl(lab: Lab) -> Learners:
    def engine_version() -> Any:
        version = json.loads(curl(lab, "/version"))
        keys = {"engine": "Version", "api": "ApiVersion", "min_api": "MinAPIVersion"}
        return {mine: version[its] for mine, its in keys.items()}

    return engine_version


def version_by_sdk(lab: Lab) -> Learners:
    def engine_version() -> Any:
        version = lab.docker.version()
        return {
            "engine": version["Version"],
            "api": version["ApiVersion"],
            "min_api": version["MinAPIVersion"],
        }

    return engine_version


def status_by_raw(lab: Lab) -> Learners:
    def status_of(path: str) -> Any:
        try:
            return lab.raw.get(path).status_code
        except APIError as error:
            return error.status

    return status_of


def status_by_curl(lab: Lab) -> Learners:
    def status_of(path: str) -> Any:
        return int(curl(lab, path, "-o", "/dev/null", "-w", "%{http_code}"))

    return status_of


def status_by_the_sdks_session(lab: Lab) -> Learners:
    return lambda path: lab.docker.api.get(lab.docker.api.base_url + path).status_code


def common_by_tuples(_: Lab) -> Learners:
    def common_version(client: str, lowest: str, highest: str) -> Any:
        def number(version: str) -> list[int]:
            return [int(part) for part in version.split(".")]

        best = min(client, highest, key=number)
        return None if number(best) < number(lowest) else best

    return common_version


def common_by_counting_down(_: Lab) -> Learners:
    def common_version(client: str, lowest: str, highest: str) -> Any:
        low, high = int(lowest.split(".")[1]), int(highest.split(".")[1])
        for minor in range(high, low - 1, -1):
            if minor <= int(client.split(".")[1]):
                return f"1.{minor}"
        return None

    return common_version


def running_by_curl(lab: Lab) -> Learners:
    return lambda: [one["Names"][0][1:] for one in json.loads(curl(lab, "/containers/json"))]


def running_by_choosing_oneself(lab: Lab) -> Learners:
    def list_running() -> Any:
        every = tables.containers(lab.docker, all=True)
        return every[every["state"] == "running"]["name"]

    return list_running


def filtered_by_raw(lab: Lab) -> Learners:
    def list_filtered(status: str, label: str) -> Any:
        filters = {"status": [status], "label": [label]}
        rows = lab.raw.get("/containers/json", params={"all": True, "filters": filters}).json()
        return tuple(row["Names"][0].removeprefix("/") for row in rows)

    return list_filtered


def filtered_by_choosing_oneself(lab: Lab) -> Learners:
    def list_filtered(status: str, label: str) -> Any:
        key, value = label.split("=")
        return {
            container.name
            for container in lab.docker.containers.list(all=True)
            if container.status == status and container.labels.get(key) == value
        }

    return list_filtered


def table_of_dicts(lab: Lab) -> Learners:
    def readable_table() -> Any:
        rows = lab.raw.get("/containers/json", params={"all": "true"}).json()
        chosen = [
            {"state": row["State"], "image": row["Image"], "name": row["Names"][0].strip("/")}
            for row in rows
        ]
        return pd.DataFrame(chosen).sort_values("name", ignore_index=True)

    return readable_table


def table_by_sdk(lab: Lab) -> Learners:
    def readable_table() -> Any:
        every = lab.docker.containers.list(all=True)
        rows = sorted((one.name, one.image.tags[0], one.status) for one in every)
        return pd.DataFrame(rows, columns=["name", "image", "state"])

    return readable_table


def run_by_sdk(lab: Lab) -> Learners:
    def run_to_end(image: str, command: list[str]) -> Any:
        container = lab.docker.containers.run(image, command, detach=True)
        try:
            code = container.wait()["StatusCode"]
            return code, container.logs().decode()
        finally:
            container.remove(force=True)

    return run_to_end


def run_by_raw(lab: Lab) -> Learners:
    def run_to_end(image: str, command: list[str]) -> Any:
        body = {"Image": image, "Cmd": command}
        path = f"/containers/{lab.raw.post('/containers/create', json=body).json()['Id']}"
        try:
            lab.raw.post(f"{path}/start")
            code = lab.raw.post(f"{path}/wait").json()["StatusCode"]
            logs = lab.raw.get(f"{path}/logs", params={"stdout": True, "stderr": True}).content
            return [code, b"".join(one.data for one in streams.frames([logs])).decode()]
        finally:
            lab.raw.delete(path, params={"force": True, "v": True})

    return run_to_end


def stop_by_raw(lab: Lab) -> Learners:
    def stop_and_tell(name: str) -> Any:
        try:
            response = lab.raw.post(f"/containers/{name}/stop", params={"t": 1})
        except NotFound:
            return "no such container"
        return {204: "stopped", 304: "was not running"}[response.status_code]

    return stop_and_tell


def stop_by_sdk(lab: Lab) -> Learners:
    def stop_and_tell(name: str) -> Any:
        try:
            container = lab.docker.containers.get(name)
        except SDKNotFound:
            return "no such container"
        if container.status != "running":
            return "was not running"
        container.stop(timeout=1)
        return "stopped"

    return stop_and_tell


def clean_by_sdk(lab: Lab) -> Learners:
    def clean_up(label: str) -> None:
        for container in lab.docker.containers.list(all=True, filters={"label": label}):
            container.remove(force=True, v=True)

    return clean_up


def clean_by_curl(lab: Lab) -> Learners:
    def clean_up(label: str) -> Any:
        filters = f"filters={json.dumps({'label': [label]})}"
        found = curl(lab, "/containers/json?all=1", "--get", "--data-urlencode", filters)
        ids = [one["Id"] for one in json.loads(found)]
        return [curl(lab, f"/containers/{one}?force=1&v=1", "-X", "DELETE") for one in ids]

    return clean_up


def facts_by_raw(lab: Lab) -> Learners:
    def facts(name: str) -> Any:
        attrs = lab.raw.get(f"/containers/{name}/json").json()
        ports = {}
        for port, bound in (attrs["NetworkSettings"]["Ports"] or {}).items():
            if bound:
                ports[port] = int(bound[0]["HostPort"])
        return {
            "memory": attrs["HostConfig"]["Memory"],
            "mounts": {one["Destination"]: one["Source"] for one in attrs["Mounts"]},
            "ports": ports,
            "address": attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"],
            "state": attrs["State"]["Status"],
        }

    return facts


def facts_by_sdk(lab: Lab) -> Learners:
    def facts(name: str) -> Any:
        container = lab.docker.containers.get(name)
        attrs, network = container.attrs, lab.docker.networks.get("bridge")
        address = network.attrs["Containers"].get(container.id, {}).get("IPv4Address", "")
        return {
            "state": container.status,
            "address": address.split("/")[0],
            "ports": {port: int(to[0]["HostPort"]) for port, to in container.ports.items() if to},
            "mounts": {mount["Destination"]: mount["Source"] for mount in attrs["Mounts"]},
            "memory": attrs["HostConfig"]["Memory"],
        }

    return facts


def where_by_table(lab: Lab) -> Learners:
    def where_is(name: str, text: str) -> Any:
        table = tables.inspect(lab.docker.containers.get(name).attrs).search(text)
        return table[[text in value for value in table["value"]]]["key"]

    return where_is


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(f"{key}.{name}" if key else name, one)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _leaves(f"{key}[{number}]", one)
    else:
        yield key, value


def where_by_hand(lab: Lab) -> Learners:
    def where_is(name: str, text: str) -> Any:
        attrs = json.loads(curl(lab, f"/containers/{name}/json"))
        return {key for key, value in _leaves("", attrs) if text in str(value)}

    return where_is


def differs_by_table(lab: Lab) -> Learners:
    def what_differs(first: str, second: str) -> Any:
        one, other = (lab.raw.get(f"/containers/{name}/json").json() for name in (first, second))
        keys = tables.diff(one, other)["key"]
        configured = keys.str.match(r"(Host)?Config\.") & (keys != "Config.Hostname")
        return keys[configured].tolist()

    return what_differs


def differs_by_sets(lab: Lab) -> Learners:
    def what_differs(first: str, second: str) -> Any:
        def wishes(name: str) -> set[tuple[str, str]]:
            attrs = docker.APIClient.inspect_container(lab.docker.api, name)
            asked = {part: attrs[part] for part in ("Config", "HostConfig")}
            asked["Config"].pop("Hostname")
            return set(tables.inspect(asked).itertuples(index=False, name=None))

        return {key for key, _ in wishes(first) ^ wishes(second)}

    return what_differs


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "engine-version": {"curl": version_by_curl, "SDK": version_by_sdk},
    "status-of": {
        "raw": status_by_raw,
        "curl": status_by_curl,
        "SDK's session": status_by_the_sdks_session,
    },
    "common-version": {"tuples": common_by_tuples, "counting down": common_by_counting_down},
    "list-running": {
        "curl": running_by_curl,
        "SDK": lambda lab: lambda: [one.name for one in lab.docker.containers.list()],
        "choosing oneself": running_by_choosing_oneself,
    },
    "list-filtered": {
        "raw": filtered_by_raw,
        "choosing oneself": filtered_by_choosing_oneself,
        "SDK, a status filter implying all": lambda lab: (
            lambda status, label: [
                one.name
                for one in lab.docker.containers.list(filters={"status": status, "label": label})
            ]
        ),
    },
    "readable-table": {"raw": table_of_dicts, "SDK": table_by_sdk},
    "run-to-end": {"raw": run_by_raw, "SDK": run_by_sdk},
    "stop-and-tell": {"raw": stop_by_raw, "SDK": stop_by_sdk},
    "clean-up": {"curl": clean_by_curl, "SDK": clean_by_sdk},
    "facts": {"raw": facts_by_raw, "SDK": facts_by_sdk},
    "where-is": {"table": where_by_table, "by hand": where_by_hand},
    "what-differs": {"table": differs_by_table, "sets": differs_by_sets},
}
