"""The exercises of 00-start-here: ask the engine, read its statuses, reason about versions."""

from __future__ import annotations

import secrets

from labkit.course.exercise import Lesson, Tutor
from labkit.errors import APIError

lesson = Lesson("00-start-here")


@lesson.exercise(
    "engine-version",
    points=3,
    hints=(
        "One endpoint tells all three. You have called it above.",
        "GET /version answers with JSON: lab.raw.get('/version').json() is a dict. Print its keys.",
        "The keys are Version, ApiVersion and MinAPIVersion.",
    ),
)
def engine_version(tutor: Tutor) -> None:
    """The function returns the engine's version, its highest and its lowest API version."""
    truth = tutor.raw.get("/version").json()
    wanted = {
        "engine": truth["Version"],
        "api": truth["ApiVersion"],
        "min_api": truth["MinAPIVersion"],
    }
    answer = tutor.ask()
    tutor.expect(
        isinstance(answer, dict) and set(answer) == set(wanted),
        saw=f"The answer is {answer!r:.200}.",
        question="Is it a dict with exactly the keys engine, api and min_api?",
    )
    for key, value in wanted.items():
        tutor.expect(
            answer[key] == value,
            saw=f"{key} is {answer[key]!r:.200}, and that is not what this engine says.",
            question="Does your function ask the engine, and take the value under the right key?",
        )


@lesson.exercise(
    "status-of",
    points=4,
    hints=(
        "The raw client raises an exception for 400, 404 and 409. What does the exception know?",
        "Every one of those exceptions is a labkit.errors.APIError, and has .status.",
        "try: return lab.raw.get(path).status_code - and in the except branch, return error.status.",
    ),
)
def status_of(tutor: Tutor) -> None:
    """The function returns the HTTP status of a GET, whatever it is."""
    name = tutor.stock.create().name
    paths = [
        "/_ping",
        f"/containers/{name}/json",
        f"/containers/{secrets.token_hex(4)}/json",
        f"/v1.{secrets.randbelow(900) + 100}/info",
        "/containers/json?limit=many",
    ]
    for path in paths:
        status, answer = _status(tutor, path), tutor.ask(path)
        tutor.expect(
            answer == status,
            saw=f"For GET {path} your function returned {answer!r:.200}; the engine answers {status}.",
            question="Is it a number? And what does your function return when the engine refuses?",
        )


def _status(tutor: Tutor, path: str) -> int:
    try:
        return tutor.raw.get(path).status_code
    except APIError as refused:
        return refused.status


@lesson.exercise(
    "common-version",
    points=3,
    hints=(
        "Which of the two highest versions can both sides speak? And when is even that one too low?",
        "Compare numbers, not text: as text '1.9' is greater than '1.41'.",
        "tuple(map(int, version.split('.'))) makes (1, 41) of '1.41'; tuples compare as you want, "
        "and min(a, b, key=...) finds the lower of two.",
    ),
)
def common_version(tutor: Tutor) -> None:
    """The function finds the highest API version that a client and a server have in common."""
    cases = [("1.45", "1.24", "1.41"), ("1.9", "1.5", "1.41"), ("1.23", "1.24", "1.45")]
    cases += [("1.24", "1.24", "1.45"), ("1.9", "1.10", "1.41")]
    cases += [_versions() for _ in range(6)]
    for client, lowest, highest in cases:
        best = min(client, highest, key=_number)
        wanted = best if _number(best) >= _number(lowest) else None
        answer = tutor.ask(client, lowest, highest)
        tutor.expect(
            answer == wanted,
            saw=f"A client that speaks up to {client} and a server that serves {lowest} to "
            f"{highest} have {wanted!r} in common. Your function returned {answer!r:.200}.",
            question="Is the lower of the two highest versions also one that the server serves? "
            "Is 1.9 lower than 1.41 for your function, and is what it returns text, or None?",
        )


def _versions() -> tuple[str, str, str]:
    lowest = secrets.randbelow(30) + 5
    highest = lowest + secrets.randbelow(20)
    return f"1.{secrets.randbelow(60) + 1}", f"1.{lowest}", f"1.{highest}"


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
