"""The exercises of 05-rate-limits: read the limit, ask for it, meet it, and a class behind it.

The polite client is in :mod:`labkit.course.lessons.polite_client`. The judge gives the lab hub
budgets of its own; afterwards it is as it was, with nothing spent.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

import requests
from docker.errors import APIError

from labkit.course.exercise import Lesson, Tutor
from labkit.course.rehearsal import read
from labkit.hub.limits import Registry
from labkit.hub.settings import ANONYMOUS

__all__ = ["lesson"]

lesson = Lesson(
    "05-rate-limits",
    by_hand={"findings": 1},
    hub={"limit": 10, "window": "6h", "accounts": {"student": 200, "company": None}, "prefix": 16},
)

SIX_HOURS = 21600


@lesson.exercise(
    "read-limit",
    points=2,
    driver=read,
    hints=(
        "Make a dict of your own first: {name.lower(): value for name, value in headers.items()}. Then the letter case is no question any more.",
        "'100;w=21600'.split(';w=') gives the two numbers as text. int() of what is no number raises ValueError by itself.",
        "if 'ratelimit-limit' not in found: return None. Then limit, window = found['ratelimit-limit'].split(';w='), and the same for ratelimit-remaining.",
    ),
)
def read_limit(tutor: Tutor) -> None:
    """The function reads limit, remaining and window from headers, and nothing from others."""
    for spell in (str, str.lower, str.upper, str.title):
        limit, window = 2 + secrets.randbelow(500), 60 * (1 + secrets.randbelow(360))
        for left in (secrets.randbelow(limit), 0):
            _expect_limit(tutor, spell, {"limit": limit, "remaining": left, "window": window})
    others = {"Content-Type": "text/plain", "X-RateLimit-Limit-Requests": "7;w=7", "Date": "today"}
    for headers in ({}, others):
        answer = tutor.ask(headers)
        tutor.expect(
            answer == {"answer": None},
            saw=f"For {headers} your function {_done(answer)}.",
            question="No ratelimit-limit header means that there is no limit. What does your function return then, and does it look for just that name?",
        )
    for junk in ("many", "", "soon;w=60", "12 pulls"):
        headers = {"ratelimit-limit": junk, "ratelimit-remaining": "1;w=60"}
        answer = tutor.ask(headers)
        tutor.expect(
            answer == {"refused": True},
            saw=f"For {headers} your function {_done(answer)}.",
            question="A limit that can't be read is not the same as no limit. Is a ValueError raised?",
        )


def _expect_limit(tutor: Tutor, spell: Any, wanted: dict[str, int]) -> None:
    window = wanted["window"]
    headers = {
        "Content-Type": "application/json",
        spell("RateLimit-Limit"): f"{wanted['limit']};w={window}",
        spell("RateLimit-Remaining"): f"{wanted['remaining']};w={window}",
    }
    answer = tutor.ask(headers)
    found: Any = answer.get("answer") if isinstance(answer, dict) else None
    tutor.expect(
        isinstance(found, dict) and found.keys() >= wanted.keys(),
        saw=f"For {headers} your function {_done(answer)}.",
        question="Is it a dict with the keys limit, remaining and window, in whatever letter case the headers are written?",
    )
    for key, value in wanted.items():
        tutor.expect(
            found[key] == value and isinstance(found[key], int),
            saw=f"For {headers} your function says that {key} is {found[key]!r:.100}.",
            question="Which header says it, which half of that header, and is your answer a number?",
        )


def _done(answer: Any) -> str:
    if isinstance(answer, dict) and answer.get("refused"):
        return "raised a ValueError"
    value = answer.get("answer") if isinstance(answer, dict) else answer
    return f"returned {value!r:.200}"


@lesson.exercise(
    "remaining",
    points=2,
    hints=(
        "Three steps: get a token, send HEAD with it, read the headers with your read_limit.",
        "requests.head(address, headers={'Authorization': f'Bearer {token}'}).headers has the headers. read_limit says None when there is no limit: pass it on.",
        "token = requests.get(f'{url}/token', params=PARAMS).json()['token'], with PARAMS as above; the address is f'{url}/v2/ratelimitpreview/test/manifests/latest'.",
    ),
)
def remaining(tutor: Tutor) -> None:
    """The function asks a registry how many pulls are left, and its question costs none."""
    with _own_budgets(tutor):
        tutor.hub.change(limit=20 + secrets.randbelow(60), window=SIX_HOURS)
        _expect_remaining(tutor)
        _spend(tutor, 1 + secrets.randbelow(9))
        _expect_remaining(tutor)
        tutor.hub.change(limit=None)
        answer = tutor.ask(tutor.hub.url)
        tutor.expect(
            answer is None,
            saw=f"A hub without a limit sends no such header. Your function returned {answer!r:.200}.",
            question="What does read_limit say then, and what becomes of it?",
        )


def _expect_remaining(tutor: Tutor) -> None:
    before = _left(tutor)
    answer = tutor.ask(tutor.hub.url)
    after = _left(tutor)
    tutor.expect(
        before == after,
        saw=f"{before} pulls were left, then your function asked, and now {after} are left.",
        question="Which method of HTTP asks for the headers alone, and costs no pull?",
    )
    tutor.expect(
        answer is not None,
        saw=f"{before} pulls are left. Your function returned None.",
        question="Which status does the registry's answer have? Without a token it is 401, and no header tells of a limit.",
    )
    tutor.expect(
        answer == before and isinstance(answer, int),
        saw=f"{before} pulls are left. Your function returned {answer!r:.200}.",
        question="Does it ask the hub anew each time, and is what it returns one number: what remains, not the limit?",
    )


@contextlib.contextmanager
def _own_budgets(tutor: Tutor) -> Iterator[None]:
    """Whatever budgets the judge sets: afterwards the hub has those that it had, all new."""
    before = tutor.hub.settings
    try:
        yield
    finally:
        tutor.hub.change(limit=before.limit, window=before.window)


def _left(tutor: Tutor) -> int | None:
    limit = Registry(tutor.hub.url).limit()
    return limit.remaining if limit else None


def _spend(tutor: Tutor, pulls: int) -> None:
    """Get a manifest so many times, as an engine would."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {tutor.hub.accounts[ANONYMOUS].token}"
        for _ in range(pulls):
            session.get(f"{tutor.hub.url}/v2/library/busybox/manifests/latest", timeout=20)


@lesson.exercise(
    "pull-or-why",
    points=1,
    hints=(
        "images.pull hides what is said in mid-stream. client.api.pull(image, stream=True, decode=True) shows each message; for message in …: looks at all of them.",
        "There are three places to look: a message with errorDetail in the stream, an APIError before the stream begins, and NotFound, which is one of those. The limit's text has toomanyrequests in it.",
        "try: said = str(list(client.api.pull(image, stream=True, decode=True))), except docker.errors.APIError as error: said = str(error). Then look for 'toomanyrequests' in said, and for 'not found'.",
    ),
)
def pull_or_why(tutor: Tutor) -> None:
    """The function pulls an image, or tells a spent budget from an image that there is not."""
    name = f"tool-{secrets.token_hex(3)}"
    with _own_budgets(tutor), _published(tutor, name, 3) as (first, second, third):
        tutor.hub.change(limit=40, window=SIX_HOURS)
        _expect_pull(tutor, first, "pulled", "It is there, and the budget is large.")
        for missing in (
            f"{first.rpartition(':')[0]}:none",
            f"hub.lab/library/{tutor.stock.name()}",
        ):
            _expect_pull(
                tutor, missing, "no such image", "The budget is large, and it is not there."
            )
        tutor.hub.change(limit=1)
        _expect_pull(tutor, second, "over the limit", "The budget was 1, the pull needs 2.")
        _expect_pull(tutor, third, "over the limit", "Nothing was left.")
        tutor.hub.change(limit=40)
        _expect_pull(tutor, second, "pulled", "The budget is large again.")


@contextlib.contextmanager
def _published(tutor: Tutor, name: str, versions: int) -> Iterator[list[str]]:
    """Images that no engine has seen before; those that were pulled are taken away again."""
    images = tutor.hub.publish(name, versions)
    try:
        yield images
    finally:
        for image in images:
            with contextlib.suppress(APIError):
                tutor.docker.api.remove_image(image, force=True)


def _expect_pull(tutor: Tutor, image: str, wanted: str, why: str) -> None:
    answer = tutor.ask(image)
    tutor.expect(
        answer == wanted,
        saw=f"{why} For {image} your function returned {answer!r:.200}, where it should say {wanted!r}.",
        question="Pull such an image by hand, with client.api.pull and stream=True: is the reason in an exception or in a message of the stream, and which words tell a spent budget from a missing image?",
    )
    tags = {tag for one in tutor.docker.api.images() for tag in one["RepoTags"] or ()}
    tutor.expect(
        (image in tags) == (wanted == "pulled"),
        saw=f"Your function said {answer!r} of {image}; the engine {'has' if image in tags else 'does not have'} it.",
        question="Does your function pull the image, and with the lesson's engine?",
    )


@lesson.exercise(
    "ways-out",
    points=1,
    hints=(
        "How many manifests count against which budget? Work it out for each of the three ways.",
        "As they are: people * gets against one address's limit. Signed in: each one's gets against their own. Mirror: the gets of one, once, for all.",
        "def fits(needed, limit): return limit is None or needed <= limit. Then collect the words for which it is true.",
    ),
)
def ways_out(tutor: Tutor) -> None:
    """The function finds which ways let a whole class pull within one window."""
    cases: list[tuple[Any, ...]] = [
        (30, 4, 100, 200),
        (25, 4, 100, 200),
        (30, 100, 100, 100),
        (30, 101, 100, 200),
    ]
    cases += [(30, 300, 100, None), (9, 300, None, 200), (2, 201, 400, 200), (40, 150, 100, 100)]
    for _ in range(8):
        numbers = [secrets.randbelow(40) + 1, secrets.randbelow(150) + 1]
        cases.append((*numbers, secrets.randbelow(300) + 1, secrets.randbelow(300) + 1))
    for case in cases:
        wanted, answer = _ways(*case), tutor.ask(*case)
        tutor.expect(
            isinstance(answer, list) and sorted(map(str, answer)) == sorted(wanted),
            saw="{} people, {} manifests each, {} for an address, {} for an account: ".format(*case)
            + f"what works is {wanted}. Your function returned {answer!r:.200}.",
            question="Against whose budget does each manifest count, how often is it fetched, and what does None mean? A budget that is used up to the last pull is enough.",
        )


def _ways(people: int, gets: int, address: int | None, account: int | None) -> list[str]:
    needs = [
        ("as they are", people * gets, address),
        ("signed in", gets, account),
        ("mirror", gets, address),
    ]
    return [way for way, needed, limit in needs if limit is None or needed <= limit]
