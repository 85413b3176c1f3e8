"""Wrong answers to the exercises of 05-rate-limits, as honest beginners give them."""

# ruff: noqa: S311  # jitter is no secret

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import docker
import requests

Lab = Any
Learners = Callable[..., Any]


def in_capitals_only(headers: dict[str, str]) -> Any:
    """Know the headers in one spelling."""
    if "RateLimit-Limit" not in headers:
        return None
    limit, window = headers["RateLimit-Limit"].split(";w=")
    remaining = headers["RateLimit-Remaining"].split(";w=")[0]
    return {"limit": int(limit), "remaining": int(remaining), "window": int(window)}


def _found(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def limit_for_remaining(headers: dict[str, str]) -> Any:
    """Look into the wrong header."""
    if "ratelimit-limit" not in (found := _found(headers)):
        return None
    limit, window = map(int, found["ratelimit-limit"].split(";w="))
    return {"limit": limit, "remaining": limit, "window": window}


def any_name_that_looks_alike(headers: dict[str, str]) -> Any:
    """Take any header that has the words in its name."""
    limit = [value for name, value in headers.items() if "ratelimit-limit" in name.lower()]
    if not limit:
        return None
    left = [value for name, value in headers.items() if "ratelimit-remaining" in name.lower()]
    number, window = map(int, limit[0].split(";w="))
    return {"limit": number, "remaining": int((left or limit)[0].split(";")[0]), "window": window}


def nothing_left_is_none(right: Learners) -> Learners:
    """Take 0 for nothing."""

    def read_limit(headers: dict[str, str]) -> Any:
        found = right(headers)
        return found and {key: value or None for key, value in found.items()}

    return read_limit


def junk_is_no_limit(right: Learners) -> Learners:
    """Catch too much."""

    def read_limit(headers: dict[str, str]) -> Any:
        try:
            return right(headers)
        except ValueError:
            return None

    return read_limit


def as_text(right: Learners) -> Learners:
    """Leave the numbers text."""

    def read_limit(headers: dict[str, str]) -> Any:
        found = right(headers)
        return found and {key: str(value) for key, value in found.items()}

    return read_limit


def asked(url: str, method: str = "HEAD", header: str = "ratelimit-remaining") -> str | None:
    """Ask for a manifest, and return one of the headers."""
    with requests.Session() as session:
        session.trust_env = False
        token = session.get(f"{url}/token").json()["token"]
        answer = session.request(
            method,
            f"{url}/v2/ratelimitpreview/test/manifests/latest",
            headers={"Authorization": f"Bearer {token}"},
        )
    return answer.headers.get(header)


def number(text: str | None) -> int | None:
    """The number in front."""
    return int(text.split(";")[0]) if text else None


def asked_once(lab: Lab) -> Learners:
    before = number(asked(lab.hub.url))
    return lambda _: before


def without_a_token(url: str) -> Any:
    """Forget the token: 401, and no header."""
    answer = requests.head(f"{url}/v2/ratelimitpreview/test/manifests/latest", timeout=20)
    return number(answer.headers.get("ratelimit-remaining"))


def zero_for_no_limit(url: str) -> Any:
    """Say 0 where there is no limit."""
    return number(asked(url)) or 0


def pull(lab: Lab, because: Callable[[Exception], str]) -> Learners:
    """Pull with images.pull, and tell why not."""

    def pull(image: str) -> str:
        try:
            lab.docker.images.pull(image)
        except docker.errors.APIError as error:
            return because(error)
        return "pulled"

    return pull


def stream_not_looked_at(lab: Lab) -> Learners:
    def pull(image: str) -> str:
        try:
            for _ in lab.docker.api.pull(image, stream=True, decode=True):
                pass
        except docker.errors.NotFound:
            return "no such image"
        except docker.errors.APIError:
            return "over the limit"
        return "pulled"

    return pull


def only_asked(lab: Lab) -> Learners:
    def pull(image: str) -> str:
        try:
            lab.docker.api.inspect_distribution(image)
        except docker.errors.APIError as error:
            return "over the limit" if "toomanyrequests" in str(error) else "no such image"
        return "pulled"

    return pull


def polite(  # the right client, with a screw loose
    *,
    again: tuple[int, ...] = (429, 503),
    backoff: Callable[[int], float] = lambda tries: random.uniform(0.5, 1) * min(60, 2**tries),
    listens: bool = True,
    looks_ahead: bool = True,
    slows: Callable[[float], bool] = lambda left: left < 0.5,
    sleep: Callable[[Any, float], None] = lambda clock, seconds: clock.sleep(seconds),
    tries_in_all: bool = False,
    most: int = 10**6,
) -> Callable[[Lab], Learners]:
    """A client that is polite but for what is said."""

    def polite(images: list[str], send: Any, clock: Any, patience: float) -> list[int]:
        statuses: list[int] = []
        tries = 0
        for image in images:
            end = clock.monotonic() + patience
            tries = tries if tries_in_all else 0
            while (answer := send(image)).status_code in again:
                told = float(answer.headers.get("retry-after", 0)) if listens else 0.0
                wait = max(told, backoff(tries))
                if tries >= most or clock.monotonic() + wait * looks_ahead > end:
                    raise TimeoutError(image)
                sleep(clock, wait)
                tries += 1
            statuses.append(answer.status_code)
            limit = answer.headers.get("ratelimit-limit")
            left = number(answer.headers.get("ratelimit-remaining"))
            if limit and left is not None:
                pulls, window = map(int, limit.split(";w="))
                if slows(left / pulls):
                    sleep(clock, window / pulls)
        return statuses

    return lambda _: polite


def returns_none_when_tired(images: list[str], send: Any, clock: Any, patience: float) -> Any:
    """Give up without a word."""
    try:
        return polite()(None)(images, send, clock, patience)
    except TimeoutError:
        return None


def never_gives_up(images: list[str], send: Any, clock: Any, _: float) -> Any:
    """Try for ever."""
    statuses = []
    for image in images:
        for tries in itertools.count():
            answer = send(image)
            if answer.status_code not in (429, 503):
                break
            clock.sleep(random.uniform(0.5, 1) * min(60, 2**tries))
        statuses.append(answer.status_code)
    return statuses


def goes_on_to_the_next(images: list[str], send: Any, clock: Any, _: float) -> Any:
    """Leave a refused image behind."""
    statuses = []
    for image in images:
        answer = send(image)
        if answer.status_code == 429:
            clock.sleep(random.random())
        statuses.append(answer.status_code)
    return statuses


def ways(**fits: Callable[..., bool]) -> Callable[[Lab], Learners]:
    """The right ways, but for what is said."""
    right: dict[str, Callable[..., bool]] = {
        "as they are": lambda people, gets, address, _: not address or people * gets <= address,
        "signed in": lambda _, gets, __, account: not account or gets <= account,
        "mirror": lambda _, gets, address, __: not address or gets <= address,
    }
    loose = right | {name.replace("_", " "): fit for name, fit in fits.items()}
    return lambda _: lambda *case: [way for way, fit in loose.items() if fit(*case)]


def wrong(right: ModuleType) -> dict[str, dict[str, Callable[[Lab], Learners]]]:
    """What goes wrong, exercise by exercise; some of it is a right answer, spoilt."""
    return {
        "read-limit": {
            "one spelling": lambda _: in_capitals_only,
            "the wrong header": lambda _: limit_for_remaining,
            "any name alike": lambda _: any_name_that_looks_alike,
            "0 is nothing": lambda _: nothing_left_is_none(right.read_by_split),
            "junk is no limit": lambda _: junk_is_no_limit(right.read_by_split),
            "text": lambda _: as_text(right.read_by_split),
            "no case for no limit": lambda _: (
                lambda headers: {"limit": int(_found(headers)["ratelimit-limit"].split(";")[0])}
            ),
        },
        "remaining": {
            "GET": lambda _: lambda url: number(asked(url, "GET")),
            "the limit": lambda _: lambda url: number(asked(url, header="ratelimit-limit")),
            "text": lambda _: asked,
            "asked once": asked_once,
            "without a token": lambda _: without_a_token,
            "0 for no limit": lambda _: zero_for_no_limit,
        },
        "pull-or-why": {
            "any error is the limit": lambda lab: pull(lab, lambda _: "over the limit"),
            "ImageNotFound is taken at its word": lambda lab: pull(
                lab,
                lambda error: (
                    "no such image"
                    if isinstance(error, docker.errors.NotFound)
                    else "over the limit"
                ),
            ),
            "by status 429": lambda lab: pull(
                lab,
                lambda error: "over the limit" if "429" in str(error)[:3] else "no such image",
            ),
            "the stream is not looked at": stream_not_looked_at,
            "only asked": only_asked,
        },
        "polite": {
            "time.sleep": polite(sleep=lambda _, seconds: time.sleep(min(seconds, 0.01))),
            "tired at once": polite(again=()),
            "every error again": polite(again=(404, 429, 503)),
            "503 is no refusal": polite(again=(429,)),
            "no growth": polite(backoff=lambda _: random.uniform(0.5, 1)),
            "no bound": polite(backoff=lambda tries: random.uniform(0.5, 1) * 2**tries),
            "no jitter": polite(backoff=lambda tries: min(60.0, 2.0**tries)),
            "deaf to Retry-After": polite(listens=False),
            "looks behind": polite(looks_ahead=False),
            "always slow": polite(slows=lambda _: True),
            "never slow": polite(slows=lambda _: False),
            "slow at the very end": polite(slows=lambda left: left < 0.05),
            "three tries": polite(most=3),
            "None in the end": lambda _: returns_none_when_tired,
            "for ever": lambda _: never_gives_up,
            "on to the next": lambda _: goes_on_to_the_next,
        },
        "ways-out": {
            "less than, not up to": ways(
                signed_in=lambda _, gets, __, account: not account or gets < account,
                mirror=lambda _, gets, address, __: not address or gets < address,
            ),
            "a mirror for each": ways(
                mirror=lambda people, gets, address, _: not address or people * gets <= address
            ),
            "one account for all": ways(
                signed_in=lambda people, gets, _, account: not account or people * gets <= account
            ),
            "a mirror always": ways(mirror=lambda *_: True),
            "one word": lambda _: lambda *_: "mirror",
        },
    }
