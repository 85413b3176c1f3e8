"""The exercises of 13-capstone about what runs: networks, the worker, room in the volume.

Those about trust are in :mod:`labkit.course.lessons.mend_trust`, the whole in
:mod:`labkit.course.lessons.mend_all`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from labkit.course.exercise import Lesson, Tutor
from labkit.course.lessons.ward import Ward
from labkit.mailroom.faults import FAULTS, break_network, break_one

__all__ = ["expect_told", "lesson", "shuffled"]

lesson = Lesson(
    "13-capstone",
    by_hand={"findings": 1},
    hub={"limit": 100, "window": "6h", "accounts": {"student": 200}, "prefix": 16},
)

WELL = "well"  # one of the ways to be


def shuffled(ways: Sequence[str]) -> list[str]:
    """In an order that nobody knows."""
    return secrets.SystemRandom().sample(ways, len(ways))


def expect_told(tutor: Tutor, answer: Any, wanted: str, *, happened: str) -> None:
    """The function returned the word for what was wrong."""
    tutor.expect(
        answer == wanted,
        saw=f"{happened}. Your function returned {answer!r:.200}, where it should say {wanted!r}.",
        question="Where can it be seen what is wrong: in the state, the log, the events, the files? Is it looked at before it is mended?",
    )


@lesson.exercise(
    "mend-network",
    points=2,
    hints=(
        "For each container compare two sets: the networks in plan['cables'], and those in its inspect.",
        "set(client.containers.get(name).attrs['NetworkSettings']['Networks']) is what it has. Planned minus this is missing, this minus planned is too much.",
        "for each missing pair: client.networks.get(network).connect(container); for each pair that is too much: client.networks.get(network).disconnect(container). Then return {'missing': …, 'extra': …}.",
    ),
)
def mend_network(tutor: Tutor) -> None:
    """The function puts every container into the networks of the plan, and tells what was wrong."""
    with Ward.admitted(tutor) as ward:
        for way in shuffled([*FAULTS["network"], WELL]):
            wanted: dict[str, list[list[str]]] = {"missing": [], "extra": []}
            if way != WELL:
                wanted = break_network(ward.room, way, elsewhere=ward.attic)
            answer = ward.ask()
            tutor.expect(
                _pairs(answer) == wanted,
                saw=f"What was wrong: {wanted}. Your function returned {answer!r:.300}.",
                question="Is it a dict with the lists missing and extra, each with pairs of a container and a network, and were they compared before anything was changed?",
            )
            ward.expect_cured()


def _pairs(answer: Any) -> Any:
    if isinstance(answer, dict) and all(isinstance(one, list) for one in answer.values()):
        return {key: sorted(pairs, key=str) for key, pairs in answer.items()}
    return answer


@lesson.exercise(
    "mend-worker",
    points=2,
    hints=(
        "Three ways to stop working, three ways to go on. The inspect's State tells them apart: Status, and ExitCode.",
        "One that is paused wants unpause. One that was killed (137) wants start. One that gave up (3) would do so again: its log says why, and what has to be out of the way first.",
        "The volume is also in the store, which runs: sh(f'{name}-store', 'mv /letters/in/NAME /letters/returned/'), where NAME is in the worker's last line: …splitlines()[-1], re.search(r'/letters/in/(\\w+)', line)[1]. Then start the worker.",
    ),
)
def mend_worker(tutor: Tutor) -> None:
    """The function has the worker work again, and tells why it did not."""
    words = {
        WELL: "The worker worked",
        "killed": "The worker was killed",
        "paused": "The worker was paused",
        "choked": "The worker had given up on an empty letter",
    }
    with Ward.admitted(tutor) as ward:
        for way in shuffled([*FAULTS["worker"], WELL]):
            if way != WELL:
                break_one(ward.room, "worker", way)
            empty = {number for number, text in ward.letters().items() if not text}
            answer = ward.ask()
            expect_told(tutor, answer, way, happened=words[way])
            ward.expect_cured()
            returned = ward.room["store"].files("/letters/returned").keys()
            tutor.expect(
                empty <= returned,
                saw=f"The empty letter {', '.join(sorted(empty - returned))} is not in /letters/returned.",
                question="Somebody misses it perhaps. Where does the task say that it belongs?",
            )


@lesson.exercise(
    "mend-volume",
    points=2,
    hints=(
        "Two things can be used up: bytes, and files. df -k tells of the first, df -i of the second.",
        "In the last line of sh(store, 'df -k /letters') the fourth word is what is available. What is not in one of the folders in, done and returned is no letter.",
        "find /letters -type f, without those that begin with /letters/in/, /letters/done/ or /letters/returned/, are the ones to remove: rm -f them. Look which of the two is at 0 before you do.",
    ),
)
def mend_volume(tutor: Tutor) -> None:
    """The function makes room in the volume, keeps every letter, and tells what was used up."""
    words = {
        WELL: "There was room in the volume",
        "space": "No byte was free in the volume",
        "files": "There was space in the volume, and no file could be made any more",
    }
    with Ward.admitted(tutor) as ward:
        for way in shuffled([*FAULTS["volume"], WELL]):
            if way != WELL:
                break_one(ward.room, "volume", way)
            answer = ward.ask()
            expect_told(tutor, answer, way, happened=words[way])
            ward.expect_cured()
