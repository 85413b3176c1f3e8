"""The last two exercises of 13-capstone: find every fault, and mend them all.

``lesson`` is complete here.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from labkit.course.exercise import Tutor
from labkit.course.lessons.mend_mailroom import lesson, shuffled
from labkit.course.lessons.mend_trust import account_of, budgets, expect_secret_kept, now
from labkit.course.lessons.ward import Ward
from labkit.mailroom.faults import FAULTS, break_one
from labkit.mailroom.plan import STAMP, STATIONS, TLS

__all__ = ["lesson"]


@lesson.exercise(
    "diagnose",
    points=3,
    hints=(
        "Look, and don't touch: six questions, one for each fault. Your six functions have asked them already, before they mended anything.",
        "Take the looking half out of each function into one of its own, such as wrong_cables(plan). Whether the stamp is right can be told without the stamp: the store's Env in the plan has its SHA-256, hashlib.sha256(content).hexdigest().",
        "Begin with found = []; then six times: if …: found.append('network'), and so on. A worker that is not running or is paused; a press that is not there, nor its image; df with a 0.",
    ),
)
def diagnose(tutor: Tutor) -> None:
    """The function finds all faults and no others, and changes nothing."""
    faults = shuffled(list(FAULTS))
    with budgets(tutor), Ward.admitted(tutor) as ward:
        for number, some in enumerate(([], faults[:3], faults[3:])):
            if number > 1:
                ward.room.renew()
            _break(tutor, ward, some)
            _expect_diagnosis(tutor, ward, some)


def _expect_diagnosis(tutor: Tutor, ward: Ward, wanted: list[str]) -> None:
    before = _everything(tutor, ward)
    answer = ward.ask()
    after = _everything(tutor, ward)
    changed = sorted(key for key in before | after if before.get(key) != after.get(key))
    tutor.expect(
        not changed,
        saw=f"Your function has changed something: {', '.join(changed)}.",
        question="A diagnosis must not do anything to the patient. Which of its steps mends?",
    )
    tutor.expect(
        isinstance(answer, list) and all(isinstance(one, str) for one in answer),
        saw=f"The answer is {answer!r:.300}.",
        question="Do you return a list of words, empty when all is well?",
    )
    missed, invented = sorted(set(wanted) - set(answer)), sorted(set(answer) - set(wanted))
    tutor.expect(
        not missed and not invented,
        saw=f"Broken: {', '.join(wanted) or 'nothing'}. Your function says {', '.join(answer) or 'nothing'}.",
        question=f"Look at {', '.join(missed or invented)}: what is there to be seen of it, in each of the ways in which it happens?",
    )


def _break(tutor: Tutor, ward: Ward, some: list[str]) -> None:
    for fault in FAULTS:
        if fault in some:
            break_one(ward.room, fault, hub=tutor.hub)


def _everything(tutor: Tutor, ward: Ward) -> dict[str, str]:
    """What a diagnosis has to leave as it is, each with a mark of its state."""
    found: dict[str, Any] = {}
    for station in STATIONS:
        name = f"{ward.room.name}-{station}"
        about = ward.inspect(name)
        keys = ("Status", "StartedAt", "ExitCode")
        found[name] = [about.get("Id"), *(about.get("State", {}).get(key) for key in keys)]
        found[f"the networks of {name}"] = sorted(
            about.get("NetworkSettings", {}).get("Networks", ())
        )
    folders = {"store": "/letters", "gate": TLS, "clerk": STAMP.rpartition("/")[0]}
    for station, folder in folders.items():
        files = ward.room[station].files(folder).items()
        found |= {f"{folder}/{path}": hashlib.sha256(text).hexdigest() for path, text in files}
    found["the images"] = sorted(
        tag for one in tutor.docker.api.images() for tag in one["RepoTags"] or ()
    )
    return {key: json.dumps(value) for key, value in found.items()}


@lesson.exercise(
    "mend-all",
    points=4,
    hints=(
        "Diagnose first, then then call the function for each fault that was found; or call all six, if each of them leaves alone what is well.",
        "Five of the six leave alone what is well. The budget's function would make a press that is there already: ask for it only where the diagnosis has the word.",
        "found = diagnose(plan); if 'network' in found: mend_network(plan); … if 'budget' in found: mend_budget(plan, account).",
    ),
)
def mend_all(tutor: Tutor) -> None:
    """The function mends a mailroom, however many of the six faults it has."""
    faults = shuffled(list(FAULTS))
    with budgets(tutor), Ward.admitted(tutor) as ward:
        for some in ([], faults[:3], faults[3:]):
            _break(tutor, ward, some)
            since = now(tutor)
            ward.ask(ward.room.stamp, account_of(tutor))
            ward.expect_cured()
            expect_secret_kept(tutor, ward, since)
