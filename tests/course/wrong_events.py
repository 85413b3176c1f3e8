"""Wrong answers to the exercises of 08-events, as honest beginners give them."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

Lab = Any
Learners = Callable[..., Any]
DIES = {"type": ["container"], "event": ["die"]}


def tell_by_status(_: Lab) -> Learners:
    return lambda event: [event["Type"], event["status"], event["Actor"]["Attributes"]["name"]]


def tell_the_whole_action(_: Lab) -> Learners:
    def tell(event: dict[str, Any]) -> list[str]:
        actor = event["Actor"]
        return [event["Type"], event["Action"], actor["Attributes"].get("name", actor["ID"])]

    return tell


def tell_no_volume(_: Lab) -> Learners:
    def tell(event: dict[str, Any]) -> list[Any]:
        name = event["Actor"]["Attributes"].get("name")
        return [event["Type"], event["Action"].split(":")[0], name]

    return tell


def tell_the_id(_: Lab) -> Learners:
    return lambda event: [event["Type"], event["Action"].split(":")[0], event["Actor"]["ID"]]


def deaths_by_containers(lab: Lab) -> Learners:
    """Ask the containers: they know of their last death alone, and the removed of none."""

    def deaths(*_: float) -> list[Any]:
        ended = lab.docker.containers.list(all=True, filters={"status": "exited"})
        return [[one.name, one.attrs["State"]["ExitCode"]] for one in reversed(ended)]

    return deaths


def deaths_in_words(lab: Lab) -> Learners:
    def deaths(since: float, until: float) -> list[Any]:
        with lab.raw.events(since=since, until=until, filters=DIES) as events:
            actors = [event["Actor"]["Attributes"] for event in events]
        return [[one["name"], one["exitCode"]] for one in actors]

    return deaths


def deaths_until_now(lab: Lab) -> Learners:
    def deaths(since: float, until: float) -> list[Any]:
        del until
        with lab.raw.events(since=since, until=time.time() + 1, filters=DIES) as events:
            actors = [event["Actor"]["Attributes"] for event in events]
        return [[one["name"], int(one["exitCode"])] for one in actors]

    return deaths


def deaths_once_each(lab: Lab) -> Learners:
    def deaths(since: float, until: float) -> list[Any]:
        with lab.raw.events(since=since, until=until, filters=DIES) as events:
            actors = [event["Actor"]["Attributes"] for event in events]
        return list({one["name"]: [one["name"], int(one["exitCode"])] for one in actors}.values())

    return deaths


def rest_and_the_last_again(lab: Lab) -> Learners:
    def rest(seen: list[dict[str, Any]], until: float) -> list[Any]:
        nano = seen[-1]["timeNano"]
        since = f"{nano // 10**9}.{nano % 10**9:09}"
        with lab.raw.events(since=since, until=until) as events:
            return list(events)

    return rest


def rest_by_the_second(lab: Lab) -> Learners:
    def rest(seen: list[dict[str, Any]], until: float) -> list[Any]:
        with lab.raw.events(since=seen[-1]["time"], until=until) as events:
            return list(events)

    return rest


def rest_from_the_next_second(lab: Lab) -> Learners:
    def rest(seen: list[dict[str, Any]], until: float) -> list[Any]:
        with lab.raw.events(since=seen[-1]["time"] + 1, until=until) as events:
            return list(events)

    return rest


def rest_from_now(lab: Lab) -> Learners:
    def rest(seen: list[dict[str, Any]], until: float) -> list[Any]:
        del seen
        return list(lab.docker.events(until=until, decode=True))

    return rest


def rest_beyond_the_end(lab: Lab) -> Learners:
    def rest(seen: list[dict[str, Any]], until: float) -> list[Any]:
        del until
        with lab.raw.events(since=seen[-1]["time"], until=time.time() + 0.5) as events:
            return [event for event in events if event not in seen]

    return rest


def supervisor(
    lab: Lab, *, once: bool = False, label: bool = True, zero: bool = False, told: bool = True
) -> Learners:
    """Make a supervisor that has one fault."""

    def supervise(wanted: str, seconds: float) -> Any:
        restarted = []
        filters = DIES | ({"label": [wanted]} if label else {})
        with lab.raw.events(until=time.time() + seconds, filters=filters) as events:
            for event in events:
                if zero or event["Actor"]["Attributes"]["exitCode"] != "0":
                    lab.raw.post(f"/containers/{event['Actor']['ID']}/start")
                    restarted.append(event["Actor"]["Attributes"]["name"])
                    if once:
                        break
        return restarted if told else None

    return supervise


def after_the_watch(lab: Lab) -> Learners:
    """Look once, when the time is over."""

    def supervise(label: str, seconds: float) -> Any:
        time.sleep(seconds)
        found = lab.docker.containers.list(all=True, filters={"label": label, "status": "exited"})
        for one in found:
            one.start()
        return [one.name for one in found]

    return supervise


def wrong(_: ModuleType) -> dict[str, dict[str, Callable[[Lab], Learners]]]:
    """Return the wrong answers by exercise."""
    return {
        "tell": {
            "by status": tell_by_status,
            "the whole action": tell_the_whole_action,
            "no volume": tell_no_volume,
            "the id": tell_the_id,
        },
        "deaths": {
            "by containers": deaths_by_containers,
            "in words": deaths_in_words,
            "until now": deaths_until_now,
            "once each": deaths_once_each,
        },
        "rest": {
            "and the last again": rest_and_the_last_again,
            "by the second": rest_by_the_second,
            "from the next second": rest_from_the_next_second,
            "from now": rest_from_now,
            "beyond the end": rest_beyond_the_end,
        },
        "supervise": {
            "once": lambda lab: supervisor(lab, once=True),
            "no label": lambda lab: supervisor(lab, label=False),
            "also what was done": lambda lab: supervisor(lab, zero=True),
            "tells nothing": lambda lab: supervisor(lab, told=False),
            "after the watch": after_the_watch,
        },
    }
