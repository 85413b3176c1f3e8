"""Honest ways to solve the exercises of 05-rate-limits, as in ``right_answers``.

A lab also has ``.hub``.
"""

# ruff: noqa: S311  # jitter is no secret

from __future__ import annotations

import http.client
import json
import random
import re
import urllib.request
from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import docker
import requests

from labkit import ratelimit
from labkit.errors import APIError, GaveUp, NotFound
from labkit.hub.limits import Registry

Lab = Any
Learners = Callable[..., Any]

MANIFEST = "/v2/ratelimitpreview/test/manifests/latest"
TOKEN = "/token?service=registry.docker.io&scope=repository:ratelimitpreview/test:pull"  # noqa: S105  # a path
ANSWERS = {"as they are": 0, "signed in": 1, "mirror": 2}


def read_by_split(headers: dict[str, str]) -> Any:
    """Take the headers apart at their signs."""
    found = {name.lower(): value for name, value in headers.items()}
    if "ratelimit-limit" not in found:
        return None
    limit, window = found["ratelimit-limit"].split(";w=")
    remaining = found["ratelimit-remaining"].split(";")[0]
    return {"limit": int(limit), "remaining": int(remaining), "window": int(window)}


def read_by_pattern(headers: dict[str, str]) -> Any:
    """Find the numbers with regular expressions, and refuse what has none."""
    numbers = {}
    for name, value in headers.items():
        if name.lower() in ("ratelimit-limit", "ratelimit-remaining"):
            found = re.fullmatch(r"(\d+);w=(\d+)", value)
            if not found:
                raise ValueError(value)
            numbers[name.lower()] = [int(one) for one in found.groups()]
    if not numbers:
        return None
    limit, window = numbers["ratelimit-limit"]
    return {"window": window, "limit": limit, "remaining": numbers["ratelimit-remaining"][0]}


def read_by_labkit(headers: dict[str, str]) -> Any:
    """Use the course's own library."""
    limit = ratelimit.read(headers)
    return limit and asdict(limit)


def remaining_by_requests(url: str) -> Any:
    """Ask with requests, as the lesson does."""
    with requests.Session() as session:
        session.trust_env = False
        token = session.get(url + TOKEN).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        found = read_by_split(dict(session.head(url + MANIFEST, headers=headers).headers))
    return found["remaining"] if found else None


def remaining_by_the_standard_library(url: str) -> Any:
    """Ask with nothing but what Python brings."""
    with urllib.request.urlopen(url + TOKEN) as answer:  # noqa: S310  # the hub's
        token = json.load(answer)["token"]
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
    connection.request("HEAD", MANIFEST, headers={"Authorization": f"Bearer {token}"})
    found = connection.getresponse().getheader("ratelimit-remaining")
    connection.close()
    return int(found.split(";")[0]) if found else None


def remaining_by_labkit(url: str) -> Any:
    """Use the course's own library."""
    limit = Registry(url).limit()
    return limit.remaining if limit else None


def pull_by_stream(lab: Lab) -> Learners:
    def pull(image: str) -> str:
        try:
            said = str(list(lab.docker.api.pull(image, stream=True, decode=True)))
        except docker.errors.APIError as error:
            said = str(error)
        if "toomanyrequests" in said:
            return "over the limit"
        return "no such image" if "not found" in said else "pulled"

    return pull


def pull_by_raw(lab: Lab) -> Learners:
    def pull(image: str) -> str:
        name, _, tag = image.rpartition(":") if ":" in image else (image, "", "latest")
        try:
            answer = lab.raw.post("/images/create", params={"fromImage": name, "tag": tag})
        except NotFound:
            return "no such image"
        except APIError as error:
            return "over the limit" if "toomanyrequests" in str(error) else str(error)
        return "over the limit" if "toomanyrequests" in answer.text else "pulled"

    return pull


def pull_by_looking_at_the_hub(lab: Lab) -> Learners:
    def pull(image: str) -> str:
        try:
            lab.docker.images.pull(image)
        except docker.errors.APIError as error:
            left = remaining_by_requests(lab.hub.url)
            known = "manifest unknown" in str(error)
            return "no such image" if known or left else "over the limit"
        return "pulled"

    return pull


def politely(images: list[str], send: Any, clock: Any, patience: float) -> list[int]:
    """Do all of it in one function, as the lesson's hints do."""
    statuses = []
    for image in images:
        end, tries = clock.monotonic() + patience, 0
        while (answer := send(image)).status_code in (429, 503):
            wait = random.uniform(0.5, 1) * min(60, 2**tries)
            wait = max(wait, float(answer.headers.get("Retry-After", 0)))
            if clock.monotonic() + wait > end:
                raise TimeoutError(image)
            clock.sleep(wait)
            tries += 1
        statuses.append(answer.status_code)
        budget = read_by_split(answer.headers)
        if budget and budget["remaining"] < budget["limit"] / 2:
            clock.sleep(budget["window"] / budget["limit"])
    return statuses


def politely_before(images: list[str], send: Any, clock: Any, patience: float) -> list[int]:
    """Remember the budget, wait in small steps before a request, with the whole bound as jitter."""
    statuses: list[int] = []
    pause = 0.0
    for image in images:
        for _ in range(int(pause)):
            clock.sleep(1)
        clock.sleep(pause % 1)
        waited, longest = 0.0, 1.0
        while True:
            answer = send(image)
            if answer.status_code not in (429, 503):
                break
            least = float(answer.headers.get("retry-after", 0))
            wait = least + random.random() * longest
            waited, longest = waited + wait, min(60.0, 2 * longest)
            if waited > patience:
                raise TimeoutError
            clock.sleep(wait)
        statuses.append(answer.status_code)
        limit = ratelimit.read(answer.headers)
        pause = 1.5 * limit.pace if limit and limit.fraction < 0.5 else 0.0
    return statuses


def politely_with_labkit(images: list[str], send: Any, clock: Any, patience: float) -> list[int]:
    """Have labkit.ratelimit wait after refusals, and see to the pace oneself."""
    client = ratelimit.Polite(clock=clock, patience=patience, slow_below=0)
    statuses = []
    for image in images:
        if client.limit and client.limit.fraction < 0.5:
            clock.sleep(client.limit.pace)
        try:
            statuses.append(client(lambda image=image: send(image)).status_code)  # type: ignore[misc]
        except GaveUp as tired:
            raise TimeoutError from tired
    return statuses


def ways_by_arithmetic(people: int, gets: int, address: int | None, account: int | None) -> Any:
    """Compare, with infinity for no limit."""
    limits = SimpleNamespace(address=address or float("inf"), account=account or float("inf"))
    ways = set()
    if people * gets <= limits.address:
        ways.add("as they are")
    if gets <= limits.account:
        ways.add("signed in")
    if gets <= limits.address:
        ways.add("mirror")
    return ways


def ways_by_spending(people: int, gets: int, address: int | None, account: int | None) -> Any:
    """Count what is spent of each budget."""
    spent = {"as they are": people * gets, "signed in": gets, "mirror": gets}
    budgets = {"as they are": address, "signed in": account, "mirror": address}
    fits = [way for way in spent if budgets[way] is None or budgets[way] - spent[way] >= 0]  # type: ignore[operator]
    return tuple(fits)


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "read-limit": {
        "split": lambda _: read_by_split,
        "a pattern": lambda _: read_by_pattern,
        "labkit": lambda _: read_by_labkit,
    },
    "remaining": {
        "requests": lambda _: remaining_by_requests,
        "the standard library": lambda _: remaining_by_the_standard_library,
        "labkit": lambda _: remaining_by_labkit,
    },
    "pull-or-why": {
        "stream": pull_by_stream,
        "raw": pull_by_raw,
        "a look at the hub": pull_by_looking_at_the_hub,
    },
    "polite": {
        "one function": lambda _: politely,
        "waiting before": lambda _: politely_before,
        "labkit": lambda _: politely_with_labkit,
    },
    "ways-out": {
        "arithmetic": lambda _: ways_by_arithmetic,
        "spending": lambda _: ways_by_spending,
    },
}
