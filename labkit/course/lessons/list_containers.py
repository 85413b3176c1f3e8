"""The exercises of 01-list-containers: list, filter, and show as a table."""

from __future__ import annotations

import secrets
from typing import Any

from labkit.course.exercise import Lesson, Tutor

lesson = Lesson("01-list-containers", by_hand={"findings": 2})


def _listed(tutor: Tutor, **params: Any) -> list[dict[str, Any]]:
    """What the engine itself lists, most recent first."""
    rows: list[dict[str, Any]] = tutor.raw.get("/containers/json", params=params).json()
    return rows


def _name(row: dict[str, Any]) -> str:
    return str(row["Names"][0]).removeprefix("/")


def _expect_names(tutor: Tutor, answer: Any, wanted: set[str], *, missing: str, extra: str) -> None:
    """Expect a list of exactly these names; ``missing`` and ``extra`` are what a tutor would ask."""
    tutor.expect(
        isinstance(answer, list) and all(isinstance(one, str) for one in answer),
        saw=f"The answer is {answer!r}.",
        question="Is it a list of names, each of them a string?",
    )
    given, slashed = set(answer), [one for one in answer if one.startswith("/")]
    tutor.expect(
        not slashed,
        saw=f"Names begin with a slash: {', '.join(slashed)}.",
        question="The API writes /web where a person says web. Can you take the slash away?",
    )
    tutor.expect(
        wanted <= given,
        saw=f"Not in your list: {', '.join(sorted(wanted - given))}.",
        question=missing,
    )
    tutor.expect(
        given <= wanted,
        saw=f"In your list, but wrong: {', '.join(sorted(given - wanted))}.",
        question=extra,
    )


@lesson.exercise(
    "list-running",
    points=3,
    hints=(
        "GET /containers/json lists what runs. The SDK calls it client.containers.list().",
        "With the raw client, each row is a dict; its 'Names' is a list such as ['/web'].",
        "return [container.name for container in client.containers.list()]",
    ),
)
def list_running(tutor: Tutor) -> None:
    """The function returns the names of the running containers, and of no others."""
    for _ in range(2 + secrets.randbelow(3)):
        tutor.stock.run()
    tutor.stock.create()
    tutor.stock.ended()
    wanted = {_name(row) for row in _listed(tutor)}
    _expect_names(
        tutor,
        tutor.ask(),
        wanted,
        missing="Does your function ask the engine anew each time it is called?",
        extra="Do those run? Or were they created, or have they ended?",
    )


@lesson.exercise(
    "list-filtered",
    points=3,
    hints=(
        "Filters are a dict from a filter's name to a list of values: {'status': ['exited'], ...}.",
        "Both filters go into the same dict. Stopped containers are listed only with all=True.",
        "client.containers.list(all=True, filters={'status': status, 'label': label})",
    ),
)
def list_filtered(tutor: Tutor) -> None:
    """The function returns the containers with a status and a label."""
    label = f"team={secrets.token_hex(3)}"
    key, value = label.split("=")
    for labels in ({key: value}, {key: "somebody-else"}, {}):
        tutor.stock.run(labels=labels)
        tutor.stock.create(labels=labels)
        tutor.stock.ended(labels=labels)
    tutor.stock.ended(labels={key: value})
    for status in ("exited", "running", "created"):
        filters = {"status": [status], "label": [label]}
        wanted = {_name(row) for row in _listed(tutor, all=True, filters=filters)}
        _expect_names(
            tutor,
            tutor.ask(status, label),
            wanted,
            missing=f"They have the label {label} and are {status}. "
            "Did you list stopped containers too?",
            extra=f"Are they {status}, and do they have the label {label} with just that value?",
        )


@lesson.exercise(
    "readable-table",
    points=2,
    hints=(
        "Begin with a list of dicts, one a container, each with the keys name, image and state.",
        "pd.DataFrame(rows) makes the table; .sort_values('name') puts it in order.",
        "labkit.tables.containers(lab.raw, all=True)[['name', 'image', 'state']] has all columns "
        "ready; sort it and you are there.",
    ),
)
def readable_table(tutor: Tutor) -> None:
    """The function returns a table of all containers, sorted by name."""
    tutor.stock.run()
    tutor.stock.create(image="hello-world", command=())
    tutor.stock.ended(code=3)
    answer = tutor.ask()
    tutor.expect(
        isinstance(answer, list) and answer and all(isinstance(one, dict) for one in answer),
        saw=f"The answer is {str(answer)[:200]}.",
        question="Is it a DataFrame with one row for each container?",
    )
    tutor.expect(
        set(answer[0]) == {"name", "image", "state"},
        saw=f"The columns are {', '.join(map(str, answer[0]))}.",
        question="Are they just name, image and state?",
    )
    wanted = {(_name(row), row["Image"], row["State"]) for row in _listed(tutor, all=True)}
    given = {(row["name"], row["image"], row["state"]) for row in answer}
    tutor.expect(
        wanted <= given,
        saw=f"Missing: {sorted(wanted - given)[:3]}.",
        question="Are stopped containers in it too, with the state and image that the engine lists?",
    )
    tutor.expect(
        len(answer) == len(wanted),
        saw=f"{len(answer)} rows, where the engine has {len(wanted)} containers.",
        question="Is there one row for each container, and no more?",
    )
    names = [row["name"] for row in answer]
    tutor.expect(
        names == sorted(names),
        saw=f"The names come in this order: {', '.join(names)}.",
        question="Did you sort by name?",
    )
