"""Honest ways to solve the exercises of 08-events, as in ``right_answers``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Lab = Any
Learners = Callable[..., Any]


def exact(event: dict[str, Any]) -> str:
    """Return an event's moment as ``since`` reads it."""
    return f"{event['timeNano'] // 10**9}.{event['timeNano'] % 10**9:09}"


def tell_by_the_actor(_: Lab) -> Learners:
    def tell(event: dict[str, Any]) -> list[str]:
        actor = event["Actor"]
        name = actor["Attributes"].get("name", actor["ID"])
        return [event["Type"], event["Action"].partition(":")[0], name]

    return tell


def tell_by_splitting(_: Lab) -> Learners:
    def tell(event: dict[str, Any]) -> tuple[str, ...]:
        attributes = event["Actor"]["Attributes"]
        name = attributes["name"] if "name" in attributes else event["Actor"]["ID"]
        return (event["Type"], event["Action"].split(":", 1)[0].strip(), name)

    return tell


def deaths_raw(lab: Lab) -> Learners:
    def deaths(since: float, until: float) -> list[Any]:
        filters = {"type": ["container"], "event": ["die"]}
        with lab.raw.events(since=since, until=until, filters=filters) as events:
            actors = [event["Actor"]["Attributes"] for event in events]
        return [[one["name"], int(one["exitCode"])] for one in actors]

    return deaths


def deaths_by_sdk(lab: Lab) -> Learners:
    def deaths(since: float, until: float) -> list[Any]:
        found = []
        for event in lab.docker.events(since=since, until=until, decode=True):
            if event["Type"] == "container" and event["Action"] == "die":
                attributes = event["Actor"]["Attributes"]
                found.append((attributes["name"], int(attributes["exitCode"])))
        return found

    return deaths


def rest_by_nanoseconds(lab: Lab) -> Learners:
    def rest(seen: list[dict[str, Any]], until: float) -> list[Any]:
        with lab.raw.events(since=exact(seen[-1]), until=until) as events:
            return [event for event in events if event not in seen]

    return rest


def rest_by_seconds(lab: Lab) -> Learners:
    """Whole seconds are fine where what was seen is left out."""

    def rest(seen: list[dict[str, Any]], until: float) -> list[Any]:
        moment = seen[-1]["timeNano"]
        events = lab.docker.events(since=seen[-1]["time"], until=until, decode=True)
        return [event for event in events if event["timeNano"] > moment]

    return rest


def supervise_raw(lab: Lab) -> Learners:
    def supervise(label: str, seconds: float) -> list[str]:
        restarted = []
        filters = {"type": ["container"], "event": ["die"], "label": [label]}
        with lab.raw.events(until=time.time() + seconds, filters=filters) as events:
            for event in events:
                if event["Actor"]["Attributes"]["exitCode"] != "0":
                    lab.raw.post(f"/containers/{event['Actor']['ID']}/start")
                    restarted.append(event["Actor"]["Attributes"]["name"])
        return restarted

    return supervise


def supervise_by_sdk(lab: Lab) -> Learners:
    def supervise(label: str, seconds: float) -> list[str]:
        restarted = []
        filters = {"event": "die", "label": label}
        until = time.time() + seconds
        for event in lab.docker.events(until=until, filters=filters, decode=True):
            container = lab.docker.containers.get(event["Actor"]["ID"])
            if event["Actor"]["Attributes"]["exitCode"] != "0":
                container.restart()
                restarted.append(container.name)
        return restarted

    return supervise


def supervise_by_looking(lab: Lab) -> Learners:
    """Look again and again, as one does without events."""

    def supervise(label: str, seconds: float) -> list[str]:
        restarted, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            filters = {"label": label, "status": "exited"}
            for one in lab.docker.containers.list(all=True, filters=filters):
                if one.attrs["State"]["ExitCode"]:
                    one.start()
                    restarted.append(one.name)
            time.sleep(0.1)
        return restarted

    return supervise


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "tell": {"by the actor": tell_by_the_actor, "by splitting": tell_by_splitting},
    "deaths": {"raw": deaths_raw, "sdk": deaths_by_sdk},
    "rest": {"by nanoseconds": rest_by_nanoseconds, "by seconds": rest_by_seconds},
    "supervise": {
        "raw": supervise_raw,
        "sdk": supervise_by_sdk,
        "by looking": supervise_by_looking,
    },
}
