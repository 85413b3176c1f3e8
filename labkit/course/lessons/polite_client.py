"""One more exercise of 05-rate-limits: a client that stays polite. ``lesson`` is complete here.

The judge writes what the registry answers; the kernel plays it to the learner's function on a clock
of its own, and no check takes a real minute.
"""

from __future__ import annotations

import itertools
import secrets
from typing import Any

from labkit.course.exercise import Tutor
from labkit.course.lessons.rate_limits import lesson
from labkit.course.rehearsal import rehearsed

__all__ = ["lesson"]

LONGEST = 60.0  # seconds between two tries, unless the registry says more
SLACK = 1.0
OK, TOO_MANY, BUSY, MISSING = 200, 429, 503, 404

Answer = tuple[int, dict[str, str]]
JSON = dict[str, Any]


@lesson.exercise(
    "polite",
    points=3,
    driver=rehearsed,
    hints=(
        "Two loops: one over the images, and inside it `while True:` around one send. All waiting goes through clock.sleep, all reading of the time through clock.monotonic.",
        "The n-th wait (n from 0) is random.uniform(0.5, 1) * min(60, 2**n), and not less than float(answer.headers.get('retry-after', 0)). Before you sleep: is clock.monotonic() + wait beyond start + patience? Then raise TimeoutError.",
        "After an answer that is no refusal: budget = read_limit(answer.headers), and if there is one with budget['remaining'] < budget['limit'] / 2: clock.sleep(budget['window'] / budget['limit']).",
    ),
)
def polite(tutor: Tutor) -> None:
    """Slows down with the budget, backs off with jitter, honours Retry-After, gives up in time."""
    _goes_on(tutor)
    _comes_again(tutor)
    _backs_off(tutor)
    _listens(tutor)
    _slows_down(tutor)
    _gives_up(tutor)


def _play(
    tutor: Tutor, images: list[str], script: list[Answer], *, patience: float = 1000.0
) -> JSON:
    """Have a script played; what came of it, with ``waits``: seconds before each further request."""
    said = tutor.ask(images, script, patience)
    tutor.expect(
        isinstance(said, dict) and {"sent", "ended", "returned", "now"} <= said.keys(),
        saw=f"The answer is {said!r:.200}.",
        question="Did you hand over the function itself, as the check's cell does?",
    )
    tutor.expect(
        said["ended"] != "endless",
        saw=f"{_told(script)}: your function sent hundreds of requests, and did not end.",
        question="When is a refusal a reason to stop? Does patience end the loop, and is its time the time of the clock?",
    )
    times = [moment for _, moment in said["sent"]]
    said["waits"] = [later - sooner for sooner, later in itertools.pairwise(times)]
    return dict(said)


def _told(script: list[Answer]) -> str:
    """A script as a tutor would tell it."""
    words = [f"{status}{f' {headers}' if headers else ''}" for status, headers in script[:4]]
    return f"The answers were {', '.join(words)}{', …' if len(script) > len(words) else ''}"


def _expect_end(tutor: Tutor, said: JSON, script: list[Answer], wanted: list[int]) -> None:
    tutor.expect(
        said["ended"] != "gave up",
        saw=f"{_told(script)}. Your function gave up after {len(said['sent'])} requests.",
        question="There was patience left. Is it the time that ends the tries, or their number?",
    )
    tutor.expect(
        said["ended"] == "returned" and said["returned"] == wanted,
        saw=f"{_told(script)}. Your function {_done(said)}, where {wanted} was to be returned.",
        question="Does it return one status for each image, that of the answer which was no refusal? Only 429 and 503 are tried again.",
    )


def _done(said: JSON) -> str:
    return f"returned {said['returned']!r:.200}" if said["ended"] == "returned" else "gave up"


def _names(count: int) -> list[str]:
    return [f"app:{secrets.token_hex(2)}" for _ in range(count)]


def _headers(limit: int, left: int, window: int) -> dict[str, str]:
    return {
        "RateLimit-Limit": f"{limit};w={window}",
        "RateLimit-Remaining": f"{left};w={window}",
    }


def _goes_on(tutor: Tutor) -> None:
    """With plenty left, or no limit, each image is asked for once, in order, without waiting."""
    plenty = _headers(100, 90, 1000)
    script: list[Answer] = [(OK, {}), (MISSING, plenty), (OK, plenty)]
    images = _names(3)
    said = _play(tutor, images, script)
    _expect_end(tutor, said, script, [OK, MISSING, OK])
    asked = [image for image, _ in said["sent"]]
    tutor.expect(
        asked == images,
        saw=f"For the images {images} requests were sent for {asked}.",
        question="Is there one request for each image, in order, as long as none is refused?",
    )
    tutor.expect(
        sum(said["waits"]) == 0,
        saw=f"90 of 100 pulls were left, or no limit was told, and it waited {said['waits']} seconds.",
        question="When is there a reason to wait: also when more than half of the budget is left?",
    )


def _comes_again(tutor: Tutor) -> None:
    """A refused image is asked for again, after some time."""
    for status in (TOO_MANY, BUSY):
        script: list[Answer] = [(status, {}), (OK, {}), (OK, {})]
        images = _names(2)
        said = _play(tutor, images, script)
        _expect_end(tutor, said, script, [OK, OK])
        asked = [image for image, _ in said["sent"]]
        tutor.expect(
            asked == [images[0], *images],
            saw=f"The first request was refused with {status}; then these were sent: {asked[1:]}.",
            question="Which image is to be tried again after a refusal?",
        )
        tutor.expect(
            said["waits"][0] > 0,
            saw=f"Between the refusal ({status}) and the next try, no time passed on the clock.",
            question="Does your function wait with clock.sleep, the clock that it was given? time.sleep would make everybody wait, and the clock would not know.",
        )


def _backs_off(tutor: Tutor) -> None:
    """The waits grow, to a bound, and are not the same for everybody."""
    script: list[Answer] = [*[(TOO_MANY, dict[str, str]())] * 10, (OK, {})]
    plays = [_play(tutor, _names(1), script) for _ in range(2)]
    _expect_end(tutor, plays[0], script, [OK])
    waits = [one["waits"] for one in plays]
    for number, wait in enumerate(waits[0][:10]):
        longest = min(LONGEST, 2.0**number)
        tutor.expect(
            0 < wait <= longest * (1 + 1e-9),
            saw=f"After refusal {number + 1} it waited {wait:.2f} s; up to {longest:.0f} s was asked for.",
            question="The first wait is up to 1 s, each next one up to twice that, never more than 60 s, never nothing. What does yours begin with, and is the count set back for the next image?",
        )
    tutor.expect(
        max(waits[0][6:10]) > 4,  # by chance alone: once in 50 000, where the whole bound is used
        saw=f"Ten refusals, and the waits were {_list(waits[0])} seconds.",
        question="Does the longest possible wait double with each refusal?",
    )
    tutor.expect(
        waits[0] != waits[1],
        saw=f"Two clients that were refused at the same time both waited {_list(waits[0])} seconds.",
        question="They come back at the same moment, too. What keeps many clients from doing that?",
    )


def _listens(tutor: Tutor) -> None:
    """Retry-After is the least that is waited."""
    told = 5 + secrets.randbelow(100)
    script: list[Answer] = [(TOO_MANY, {"Retry-After": str(told)}), (OK, {})]
    wait = _play(tutor, _names(1), script)["waits"][0]
    tutor.expect(
        told <= wait <= told + LONGEST + SLACK,
        saw=f"The registry said Retry-After: {told}, and the next try came after {wait:.1f} s.",
        question="Is a header Retry-After looked at, and is it the least that is waited?",
    )


def _slows_down(tutor: Tutor) -> None:
    """With less than half left it goes at the even pace, or slower; with more it does not wait."""
    limit, window = 100, 100 * (2 + secrets.randbelow(20))
    left = [80, 51, 45, 30, 10, 1]
    script: list[Answer] = [(OK, _headers(limit, one, window)) for one in left] + [(OK, {})]
    said = _play(tutor, _names(len(script)), script)
    _expect_end(tutor, said, script, [OK] * len(script))
    pace = window / limit
    for remaining, wait in zip(left, said["waits"], strict=False):
        if remaining > limit / 2:
            question = "More than half is left: is there a reason to wait?"
            met = wait == 0
        else:
            question = f"Less than half is left. The even pace is window / limit, here {pace:.0f} s: is that what it waits before the next request, or somewhat more?"
            met = pace - 1e-6 <= wait <= 10 * pace
        tutor.expect(
            met,
            saw=f"{remaining} of {limit} pulls in {window} s were left; the next request came after {wait:.1f} s.",
            question=question,
        )


def _gives_up(tutor: Tutor) -> None:
    """It is refused for ever: after some tries, and within its patience, it raises TimeoutError."""
    patience = 100.0 + secrets.randbelow(200)
    scripts: list[list[Answer]] = [
        [(TOO_MANY, {})],
        [(TOO_MANY, {"Retry-After": str(int(patience) * 3)})],
    ]
    for script in scripts:
        said = _play(tutor, _names(2), script, patience=patience)
        tutor.expect(
            said["ended"] == "gave up",
            saw=f"{_told(script)}, again and again, with {patience:.0f} s of patience: your function {_done(said)}.",
            question="Whoever called must be able to tell this from a success. Is TimeoutError raised?",
        )
        waited = said["now"] - said["sent"][0][1]
        tutor.expect(
            waited <= patience,
            saw=f"{_told(script)}, again and again: it gave up after {waited:.0f} s, where its patience was {patience:.0f} s.",
            question="Before it sleeps, does it look whether that sleep ends in time?",
        )
    tries = len(_play(tutor, _names(1), scripts[0], patience=patience)["sent"])
    tutor.expect(
        tries >= 5,
        saw=f"It gave up after {tries} tries, with {patience:.0f} s of patience.",
        question="Is there time for another try? The first waits are short.",
    )


def _list(waits: list[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in waits)
