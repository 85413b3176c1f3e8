"""The exercises of 08-events that read: who did what, who died, and what was missed.

The supervisor is in :mod:`labkit.course.lessons.bring_back`.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from docker.models.containers import Container

from labkit import wait
from labkit.course.exercise import Lesson, Tutor
from labkit.events import timestamp

__all__ = ["lesson"]

lesson = Lesson("08-events", by_hand={"findings": 1})

JSON = dict[str, Any]


def _now(tutor: Tutor) -> float:
    """The engine's own time, in seconds since 1970."""
    return float(str(timestamp(tutor.raw.get("/info").json()["SystemTime"])))


def _events(
    tutor: Tutor, since: float, *, until: float | None = None, **filters: list[str]
) -> list[JSON]:
    until = until or _now(tutor)
    with tutor.raw.events(since=since, until=until, filters=filters) as events:
        return list(events)


@lesson.exercise(
    "tell",
    points=1,
    hints=(
        "Three places: event['Type'], event['Action'], and event['Actor'].",
        "The action of an exec has more behind a colon: 'exec_create: ls -l'. Split it there, once.",
        "actor = event['Actor']; name = actor['Attributes'].get('name', actor['ID']); "
        "action = event['Action'].partition(':')[0].",
    ),
)
def tell(tutor: Tutor) -> None:
    """The function reads type, action and name of any event, also of newer engines'."""
    name, volume, long_id = tutor.stock.name(), tutor.stock.name(), secrets.token_hex(32)
    old = {"status": "die", "id": long_id, "from": "busybox"}
    cases: list[tuple[JSON, list[str], str]] = [
        (_event("container", "die", long_id, name=name) | old, ["container", "die", name], ""),
        (
            _event("container", "start", long_id, name=name),
            ["container", "start", name],
            "Engines from API 1.52 on send no status, id and from. Where else does it stand?",
        ),
        (
            _event("container", "exec_create: sh -c date; echo a: b", long_id, name=name),
            ["container", "exec_create", name],
            "What stands before the first colon of such an action?",
        ),
        (
            _event("volume", "create", volume, driver="local"),
            ["volume", "create", volume],
            "A volume's event has no attribute called name. By what is it told, then?",
        ),
    ]
    for event, wanted, question in cases:
        answer = tutor.ask(event)
        tutor.expect(
            answer == wanted,
            saw=f"Of {event} your function says {answer!r:.200}; it is {wanted}.",
            question=question or "Do you return a list of three: type, action and name?",
        )


def _event(kind: str, action: str, actor: str, **attributes: str) -> JSON:
    now = time.time_ns()
    return {
        "Type": kind, "Action": action, "Actor": {"ID": actor, "Attributes": attributes},
        "scope": "local", "time": now // 10**9, "timeNano": now,
    }  # fmt: skip


@lesson.exercise(
    "deaths",
    points=2,
    hints=(
        "A container that ends sends a die. Its code is among the attributes of that event.",
        "since and until go into the request as they are; filters={'type': ['container'], 'event': ['die']}.",
        "for event in lab.raw.events(since=since, until=until, filters=…): attributes = event['Actor']['Attributes'], then [attributes['name'], int(attributes['exitCode'])].",
    ),
)
def deaths(tutor: Tutor) -> None:
    """The function finds who died between two moments, in order, with exit codes."""
    for _ in range(2):
        before = _now(tutor)
        tutor.stock.ended()
        _told(tutor, before, 1)
        since = _now(tutor)
        wanted = _bury(tutor, since)
        until = _now(tutor)
        tutor.stock.ended()
        answer = tutor.ask(since, until)
        tutor.expect(
            isinstance(answer, list) and all(isinstance(one, list) for one in answer),
            saw=f"The answer is {answer!r:.200}.",
            question="Do you return a list with a list of two for each death: name and exit code?",
        )
        tutor.expect(
            answer == wanted,
            saw=f"These died, in this order: {wanted}. Your function says {answer!r:.400}.",
            question="Is the code a number? Can one die twice? And what does the engine still know of one that has been removed: whom do you ask, the containers or the events?",
        )


def _bury(tutor: Tutor, since: float) -> list[list[Any]]:
    """Have containers end in all sorts of ways; who died with which code, in order."""
    wanted: list[list[Any]] = []

    def died(container: Container, code: int) -> None:
        container.wait()
        wanted.append([container.name, code])
        _told(tutor, since, len(wanted))

    code = 1 + secrets.randbelow(90)
    twice = tutor.stock.ended(code=code)
    died(twice, code)
    killed = tutor.stock.run()
    killed.kill()
    died(killed, 137)
    twice.start()
    died(twice, code)
    removed = tutor.stock.ended()
    died(removed, 0)
    removed.remove()
    tutor.stock.run()
    return wanted


def _told(tutor: Tutor, since: float, count: int) -> None:
    """Wait until so many deaths are among the events: the engine may tell after a wait has ended."""
    wait.until(lambda: len(_events(tutor, since, event=["die"])) == count, what="the deaths")


@lesson.exercise(
    "rest",
    points=3,
    hints=(
        "Begin where the last event that was seen ended, and read on until the given moment. Then look at the first that comes.",
        "time is in whole seconds, and much can happen within one. timeNano is exact; since takes a fraction: f'{nano // 10**9}.{nano % 10**9:09}'.",
        "since is inclusive: what comes first is the last one that was seen. Leave out what is in seen: [event for event in events if event not in seen].",
    ),
)
def rest(tutor: Tutor) -> None:
    """The function reads on where somebody else's connection broke: no gap, nothing twice."""
    for _ in range(3):
        since = _now(tutor)
        for _ in range(6):
            volume = tutor.stock.volume()
            tutor.stock.create(volumes=[f"{volume.name}:/data"]).remove()
            volume.remove()
        until = _now(tutor)
        events = _events(tutor, since, until=until)
        cut = 1 + secrets.randbelow(len(events) // 2)
        tutor.stock.volume().remove()
        answer = tutor.ask(events[:cut], until)
        tutor.expect(
            isinstance(answer, list) and all(isinstance(one, dict) for one in answer),
            saw=f"The answer is {answer!r:.200}.",
            question="Do you return a list of events, as the engine gives them?",
        )
        _expect_rest(tutor, [_key(one) for one in answer], events, cut)


def _expect_rest(tutor: Tutor, told: list[Any], events: list[JSON], cut: int) -> None:
    seen, wanted = [[_key(one) for one in part] for part in (events[:cut], events[cut:])]
    twice = [one for one in told if one in seen or told.count(one) > 1]
    tutor.expect(
        not twice,
        saw=f"{len(twice)} of the events that you return had been seen before.",
        question="Does since leave out what happened at that very moment, and how exact is what you gave it?",
    )
    lost = [one for one in wanted if one not in told]
    tutor.expect(
        not lost,
        saw=f"{len(lost)} of {len(wanted)} events are missing.",
        question="Some happened within the same second as the last one that was seen. Is a second exact enough?",
    )
    tutor.expect(
        told == wanted,
        saw=f"There are {len(told)} events, {len(wanted)} were to come; or they are in another order.",
        question="Do you stop at until, and leave the order as it is?",
    )


def _key(event: JSON) -> tuple[Any, ...]:
    actor = event.get("Actor")
    who = actor.get("ID") if isinstance(actor, dict) else actor
    return (event.get("timeNano"), event.get("Type"), event.get("Action"), who)
