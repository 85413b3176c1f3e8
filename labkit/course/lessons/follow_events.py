"""The exercises of 08-events: read the past, miss nothing, and react."""

from __future__ import annotations

import random
import secrets
import threading
import time
from typing import Any

from docker.errors import APIError
from docker.models.containers import Container

from labkit import wait
from labkit.course.exercise import Lesson, Tutor
from labkit.errors import WaitTimeout
from labkit.events import timestamp

__all__ = ["lesson"]

lesson = Lesson("08-events", by_hand={"findings": 1})

JSON = dict[str, Any]
WATCH = 6  # seconds that a supervisor is on duty
PROMPT = 2.0  # seconds within which what died is to be back


def _now(tutor: Tutor) -> float:
    """The engine's own time, in seconds since 1970."""
    return float(str(timestamp(tutor.raw.get("/info").json()["SystemTime"])))


def _events(tutor: Tutor, since: float, **filters: list[str]) -> list[JSON]:
    with tutor.raw.events(since=since, until=_now(tutor), filters=filters) as events:
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
        tutor.stock.ended()
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
    code = 1 + secrets.randbelow(90)
    twice = tutor.stock.ended(code=code)
    wanted.append([twice.name, code])
    killed = tutor.stock.run()
    killed.kill()
    killed.wait()
    wanted.append([killed.name, 137])
    twice.start()
    twice.wait()
    wanted.append([twice.name, code])
    removed = tutor.stock.ended()
    removed.remove()
    wanted.append([removed.name, 0])
    tutor.stock.run()
    wait.until(  # it may be told a moment later than a wait ends
        lambda: len(_events(tutor, since, event=["die"])) == len(wanted), what="the deaths"
    )
    return wanted


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
        time.sleep(0.05)
        events, until = _events(tutor, since), _now(tutor)
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


@lesson.exercise(
    "supervise",
    points=3,
    hints=(
        "Follow the events from now on: a stream that ends by itself after so many seconds, filtered to deaths of containers with that label.",
        "until may lie in the future: lab.raw.events(until=now() + seconds, filters={'event': ['die'], 'label': [label]}) ends then. The exit code is a text among the attributes.",
        "for each event whose attributes['exitCode'] != '0': client.containers.get(event['Actor']['ID']).start(), and append attributes['name'] to the list.",
    ),
)
def supervise(tutor: Tutor) -> None:
    """The function restarts what dies with a label; meanwhile things are killed at random."""
    key = tutor.stock.name()
    wards = [tutor.stock.run(labels={key: "yes"}) for _ in range(3)]
    strangers = [tutor.stock.run(), tutor.stock.run(labels={key: "no"})]
    leaver = tutor.stock.run(command=["sleep", "2"], labels={key: "yes"})
    killer = _Killer(wards, strangers)
    try:
        answer = tutor.ask(f"{key}=yes", WATCH)
    finally:
        killer.join()
    tutor.expect(
        not killer.missed,
        saw=killer.missed,
        question="Do you go on listening after the first death, and start the container as soon as you hear of it?",
    )
    for ward in wards:
        tutor.expect(
            _running(ward),
            saw=f"{ward.name} has the label, was killed, and does not run.",
            question="Do you listen until the time is over, and start what died each time?",
        )
    for one, why in ((strangers[0], "has no such label"), (strangers[1], f"has {key}=no")):
        tutor.expect(
            not _running(one),
            saw=f"{one.name} {why}, and was started all the same.",
            question="Do you look at the label, and at its value?",
        )
    tutor.expect(
        not _running(leaver),
        saw=f"{leaver.name} had ended by itself, with exit code 0, and was started again.",
        question="How do you tell one that was done from one that failed?",
    )
    tutor.expect(
        isinstance(answer, list) and sorted(map(str, answer)) == sorted(killer.killed),
        saw=f"Killed were {killer.killed}. Your function returned {answer!r:.300}.",
        question="Do you return the list of the names, one for each restart?",
    )


def _running(container: Container) -> bool:
    container.reload()
    return bool(container.status == "running")


class _Killer(threading.Thread):
    """Kills the wards, one of them twice, and strangers among them, while somebody supervises."""

    def __init__(self, wards: list[Container], strangers: list[Container]) -> None:
        super().__init__(name="labkit-killer", daemon=True)
        self.killed: list[str] = []
        self.missed = ""
        self._wards = random.sample(wards, len(wards))
        self._strangers = strangers
        self.start()

    def run(self) -> None:
        """Kill one after another; the first one again when it is back."""
        time.sleep(0.7)  # the supervisor begins to listen
        for stranger in self._strangers:
            stranger.kill()
        try:
            for ward in [*self._wards, self._wards[0]]:
                self._kill(ward)
        except (APIError, WaitTimeout):
            self.missed = f"{ward.name} has the label and was killed; {PROMPT:g} seconds later it did not run."

    def _kill(self, ward: Container) -> None:
        ward.kill()
        self.killed.append(str(ward.name))
        wait.until(lambda: _running(ward), what="the supervisor", timeout=PROMPT)
        time.sleep(random.uniform(0.05, 0.4))  # noqa: S311  # no secret: when is a matter of chance
