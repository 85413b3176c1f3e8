"""The last exercise of 08-events: react. ``lesson`` is complete here."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from typing import Self

from docker.errors import APIError, NotFound
from docker.models.containers import Container

from labkit import wait
from labkit.course.exercise import Tutor
from labkit.course.lessons.follow_events import lesson
from labkit.errors import WaitTimeout

__all__ = ["lesson"]

WATCH = 6  # seconds that a supervisor is on duty
LAST = 2.5  # seconds before its end nobody is killed any more: a machine may be slow


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
    watch = round(wait.paced(WATCH))
    with _Killer(tutor, wards, strangers, watch) as killer:
        answer = tutor.ask(f"{key}=yes", watch)
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
    with suppress(NotFound):
        container.reload()
        return bool(container.status == "running")
    return False


class _Killer:
    """Kills the wards, one of them twice, and strangers among them, while somebody supervises."""

    def __init__(
        self, tutor: Tutor, wards: list[Container], strangers: list[Container], watch: float
    ) -> None:
        self.killed: list[str] = []
        self.missed = ""
        self._raw = tutor.raw
        self._wards = random.sample(wards, len(wards))
        self._strangers = strangers
        self._watch = watch
        self._relieved = threading.Event()
        self._thread = threading.Thread(target=self._run, name="labkit-killer", daemon=True)

    def __enter__(self) -> Self:
        self._listeners = self._listening()
        self._end = time.monotonic() + self._watch
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._relieved.set()
        self._thread.join()

    def _listening(self) -> int:
        return int(self._raw.get("/info").json()["NEventsListener"])

    def _run(self) -> None:
        with suppress(WaitTimeout):  # one who looks again and again does not listen
            wait.until(
                lambda: self._listening() > self._listeners, what="a listener", timeout=1.5
            )  # fmt: skip
        for stranger in self._strangers:
            stranger.kill()
        for ward in [*self._wards, self._wards[0]]:
            if not self.missed and (
                not self.killed or time.monotonic() < self._end - wait.paced(LAST)
            ):
                self._kill(ward)

    def _kill(self, ward: Container) -> None:
        began = time.monotonic()
        ward.kill()
        self.killed.append(str(ward.name))
        with suppress(APIError, WaitTimeout):
            wait.until(
                lambda: _running(ward) or self._relieved.is_set(),
                what="the supervisor", timeout=self._end - time.monotonic(),
            )  # fmt: skip
        if not _running(ward):
            seconds = time.monotonic() - began
            self.missed = f"{ward.name} has the label and was killed; it did not run again for {seconds:.0f} seconds, until the watch was over."
        time.sleep(random.uniform(0.05, 0.4))  # noqa: S311  # no secret: when is a matter of chance
