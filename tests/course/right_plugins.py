"""Honest ways to solve the exercises of 11-plugins, as in ``right_answers``.

A lab also has ``.hub``.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from docker.errors import APIError as SDKError

from labkit.errors import APIError, NotFound

Lab = Any
JSON = dict[str, Any]
Learners = Callable[..., Any]

DRIVER = """\
import os, shutil
from pathlib import Path
from server import calls, serve

DATA = Path(os.environ.get("DATA", "/data"))
PLACES = int(os.environ.get("PLACES", "2"))

def volume(folder):
    return {"Name": folder.name, "Mountpoint": str(folder)}

def find(asked):
    folder = DATA / asked["Name"]
    if not folder.is_dir():
        raise LookupError(f"there is no volume {folder.name}")
    return volume(folder)

def list_all(asked):
    return {"Volumes": [volume(folder) for folder in DATA.iterdir()]}

def create(asked):
    if len(os.listdir(DATA)) >= PLACES:
        raise OSError("the shelf is full")
    folder, options = DATA / asked["Name"], asked.get("Opts") or {}
    folder.mkdir()
    for name, text in options.items():
        (folder / name).write_text(text)

serve({
    "/VolumeDriver.Create": create,
    "/VolumeDriver.Remove": lambda asked: shutil.rmtree(find(asked)["Mountpoint"]),
    "/VolumeDriver.Mount": find,
    "/VolumeDriver.Path": find,
    "/VolumeDriver.Unmount": lambda asked: {},
    "/VolumeDriver.Get": lambda asked: {"Volume": find(asked) | {"Status": {"calls": list(calls)}}},
    "/VolumeDriver.List": list_all,
    "/VolumeDriver.Capabilities": lambda asked: {"Capabilities": {"Scope": "local"}},
})
"""
"""The driver of the lesson."""

_MAKE = "    folder.mkdir()\n"


def changed(old: str, new: str) -> str:
    """The driver of the lesson, with one part of it changed."""
    assert DRIVER.count(old) == 1
    return DRIVER.replace(old, new)


def copies_at_once(_: Lab) -> Learners:
    """Copy the folder in one, before anything else is made."""
    lines = (
        "    other = options.pop('from', None)",
        "    if other:",
        "        shutil.copytree(find({'Name': other})['Mountpoint'], folder)",
        "    else:",
        "        folder.mkdir()",
        "",
    )
    return lambda: changed(_MAKE, "\n".join(lines))


def copies_by_a_program(_: Lab) -> Learners:
    """Have busybox copy; take everything back when that fails."""
    lines = (
        "    folder.mkdir()",
        "    other = DATA / options.pop('from') if 'from' in options else None",
        "    if other and os.system(f'cp -a {other}/. {folder}/') != 0:",
        "        folder.rmdir()",
        "        raise OSError('there is nothing to copy')",
        "",
    )
    return lambda: changed(_MAKE, "\n".join(lines))


def asks_for_by_sdk(lab: Lab) -> Learners:
    def asks_for(remote: str) -> JSON | None:
        try:
            found = lab.docker.api.plugin_privileges(remote)
        except SDKError:
            return None
        if found == []:
            return None
        asked: JSON = {}
        for one in found or []:
            asked[one["Name"]] = asked.get(one["Name"], []) + one["Value"]
        return asked

    return asks_for


def asks_for_raw(lab: Lab) -> Learners:
    def asks_for(remote: str) -> JSON | None:
        try:
            answer = lab.raw.get("/plugins/privileges", params={"remote": remote})
        except APIError:
            return None
        if answer.text.strip() != "null" and not answer.json():
            return None
        asked: JSON = {}
        for one in json.loads(answer.text) or ():
            asked.setdefault(one["Name"], []).extend(one["Value"])
        return asked

    return asks_for


def configure_after_a_look(lab: Lab) -> Learners:
    """Look which names can be set, and only then do anything."""

    def configure(plugin: str, settings: dict[str, str]) -> bool:
        found = lab.docker.plugins.get(plugin)
        variables = found.attrs["Config"]["Env"]
        known = {one["Name"] for one in variables if "value" in (one["Settable"] or [])}
        if not settings.keys() <= known:
            return False
        enabled = found.enabled
        try:
            if enabled:
                found.disable()
        except SDKError:
            return False
        found.configure(settings)
        if enabled:
            found.enable(timeout=20)
        return True

    return configure


def configure_and_put_back(lab: Lab) -> Learners:
    """Try, and put the old values back when the engine refuses."""

    def configure(plugin: str, settings: dict[str, str]) -> bool:
        path = f"/plugins/{plugin}"
        before = lab.raw.get(f"{path}/json").json()
        if before["Enabled"]:
            try:
                lab.raw.post(f"{path}/disable")
            except APIError:
                return False
        try:
            lab.raw.post(f"{path}/set", json=[f"{name}={new}" for name, new in settings.items()])
            done = True
        except APIError:
            old = [one for one in before["Settings"]["Env"] if one.split("=")[0] in settings]
            lab.raw.post(f"{path}/set", json=[one for one in old if not one.startswith("FIXED")])
            done = False
        if before["Enabled"]:
            lab.raw.post(f"{path}/enable", params={"timeout": 20})
        return done

    return configure


def retire_by_mounts(lab: Lab) -> Learners:
    def retire(plugin: str) -> list[str]:
        users = [
            row["Names"][0].removeprefix("/")
            for row in lab.docker.api.containers(all=True)
            if plugin in {mount.get("Driver") for mount in row["Mounts"]}
        ]
        if users:
            return users
        for volume in lab.docker.volumes.list(filters={"driver": plugin}):
            volume.remove()
        found = lab.docker.plugins.get(plugin)
        if found.enabled:
            found.disable()
        found.remove()
        return []

    return retire


def retire_by_volumes(lab: Lab) -> Learners:
    """Ask of each volume who has it, by a filter; and let force end a plugin without volumes."""

    def retire(plugin: str) -> list[str]:
        found = lab.raw.get("/volumes").json()["Volumes"] or []
        volumes = [one["Name"] for one in found if one["Driver"] == plugin]
        users = set()
        for volume in volumes:
            params = {"all": True, "filters": {"volume": [volume]}}
            rows = lab.raw.get("/containers/json", params=params).json()
            users |= {row["Names"][0][1:] for row in rows}
        if not users:
            for volume in volumes:
                lab.raw.delete(f"/volumes/{volume}")
            lab.raw.delete(f"/plugins/{plugin}", params={"force": True})
        return sorted(users)

    return retire


def _inside(place: str, allowed: list[str]) -> bool:
    real = PurePosixPath(posixpath.normpath(place))
    return any(real.is_relative_to(one) for one in allowed)


def _fine(one: JSON, allowed: JSON) -> bool:
    granted = allowed.get(one["Name"], [])
    if one["Name"] == "mount":
        return all(_inside(place, granted) for place in one["Value"])
    return set(one["Value"]) <= set(granted)


def trust_by_sdk(lab: Lab) -> Learners:
    def trust(remote: str, allowed: JSON) -> bool:
        asked = lab.docker.api.plugin_privileges(remote)
        if asked == [] or not all(_fine(one, allowed) for one in asked or []):
            return False
        pulled = list(lab.docker.api.pull_plugin(remote, asked or []))
        return not any("errorDetail" in message for message in pulled)

    return trust


def trust_raw(lab: Lab) -> Learners:
    """Do not look for the empty list: the pull says, too, that there is nothing."""

    def trust(remote: str, allowed: JSON) -> bool:
        params = {"remote": remote}
        asked = lab.raw.get("/plugins/privileges", params=params).json() or []
        if not all(_fine(one, allowed) for one in asked):
            return False
        try:
            said = lab.raw.post("/plugins/pull", params=params, json=asked).text
            lab.raw.get(f"/plugins/{remote}/json")
        except (APIError, NotFound):
            return False
        return "errorDetail" not in said

    return trust


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "asks-for": {"by the SDK": asks_for_by_sdk, "raw": asks_for_raw},
    "configure": {"after a look": configure_after_a_look, "put back": configure_and_put_back},
    "retire": {"by mounts": retire_by_mounts, "by volumes": retire_by_volumes},
    "copies": {"at once": copies_at_once, "by a program": copies_by_a_program},
    "trust": {"by the SDK": trust_by_sdk, "raw": trust_raw},
}
