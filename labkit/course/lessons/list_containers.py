"""The exercises of 01-list-containers: list, filter, and show as a table."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from labkit.course.exercise import Lesson, Tutor

lesson = Lesson("01-list-containers", by_hand={"findings": 2})

COLUMNS = {"name", "image", "state"}


def _listed(tutor: Tutor, **params: Any) -> list[dict[str, Any]]:
    """What the engine itself lists, most recent first."""
    rows: list[dict[str, Any]] = tutor.raw.get("/containers/json", params=params).json()
    return rows


def _name(row: dict[str, Any]) -> str:
    return str(row["Names"][0]).removeprefix("/")


def _words(names: Iterable[str]) -> str:
    return f"{', '.join(sorted(names)):.200}"


def _expect_names(
    tutor: Tutor,
    answer: Any,
    wanted: AbstractSet[str],
    *,
    missing: str,
    extra: str,
    tolerated: AbstractSet[str] = frozenset(),
) -> None:
    """Expect a list of exactly these names; ``missing`` and ``extra`` are what a tutor would ask."""
    tutor.expect(
        isinstance(answer, list) and all(isinstance(one, str) for one in answer),
        saw=f"The answer is {answer!r:.200}.",
        question="Is it a list of names, each of them a string?",
    )
    given = set(answer)
    _expect_unslashed(tutor, given)
    strangers = given - {_name(row) for row in _listed(tutor, all=True)}
    tutor.expect(
        not strangers,
        saw=f"No container has such a name now: {_words(strangers)}.",
        question="Are those names, or ids or images? "
        "And does your function ask the engine anew each time it is called?",
    )
    tutor.expect(
        wanted <= given, saw=f"Not in your list: {_words(wanted - given)}.", question=missing
    )
    wrong = given - wanted - tolerated
    tutor.expect(not wrong, saw=f"In your list, but wrong: {_words(wrong)}.", question=extra)
    tutor.expect(
        len(answer) == len(given),
        saw=f"{len(answer)} names in your list, for {len(given)} containers.",
        question="Does each name come once?",
    )


def _expect_unslashed(tutor: Tutor, names: Iterable[str]) -> None:
    slashed = [one for one in names if one.startswith("/")]
    tutor.expect(
        not slashed,
        saw=f"Names begin with a slash: {_words(slashed)}.",
        question="The API writes /web where a person says web. Can you take the slash away?",
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
    tutor.stock.run()
    tutor.stock.run()
    tutor.stock.create()
    tutor.stock.ended()
    rows = _listed(tutor)
    running = {_name(row) for row in rows if row["State"] == "running"}
    _expect_names(
        tutor,
        tutor.ask(),
        running,
        missing="They run. Does your function ask the engine anew each time it is called?",
        extra="Do those run? Or were they created, or have they ended?",
        tolerated={_name(row) for row in rows},  # the engine lists paused ones as running
    )


@lesson.exercise(
    "list-filtered",
    points=3,
    hints=(
        "Filters are a dict from a filter's name to a list of values: {'status': ['exited'], ...}.",
        "Both filters go into the same dict. With a status filter the engine looks at stopped "
        "containers too; all=True says it plainly, and a label filter alone needs it.",
        "client.containers.list(all=True, filters={'status': status, 'label': label})",
    ),
)
def list_filtered(tutor: Tutor) -> None:
    """The function returns the containers with a status and a label."""
    key, value = "team", secrets.token_hex(3)
    label = f"{key}={value}"
    tutor.stock.run(labels={key: value})
    for labels in ({key: value}, {key: f"{value}-old"}):
        tutor.stock.ended(labels=labels)
    for labels in ({key: value}, {key: value}, {}):
        tutor.stock.create(labels=labels)
    for status in ("exited", "running", "created"):
        filters = {"status": [status], "label": [label]}
        wanted = {_name(row) for row in _listed(tutor, all=True, filters=filters)}
        _expect_names(
            tutor,
            tutor.ask(status, label),
            wanted,
            missing=f"They have the label {label} and are {status}. "
            "Does your function look at stopped containers too?",
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
    low, middle, high = sorted(tutor.stock.name() for _ in range(3))
    # Neither oldest first nor newest first, as the engine lists them, are they in order.
    tutor.stock.run(name=middle)
    tutor.stock.create(name=low, image="hello-world", command=())
    tutor.stock.ended(name=high, code=3)
    answer = tutor.ask()
    _expect_table(tutor, answer)
    names = [row["name"] for row in answer]
    _expect_unslashed(tutor, names)
    wanted = {_name(row): row for row in _listed(tutor, all=True)}
    missing = wanted.keys() - names
    tutor.expect(
        not missing,
        saw=f"Not in your table: {_words(missing)}.",
        question="Are stopped containers in it too, and those that were never started?",
    )
    tutor.expect(
        len(names) == len(wanted),
        saw=f"{len(names)} rows, where the engine has {len(wanted)} containers.",
        question="Is there one row for each container, and no more?",
    )
    for row in answer:
        _expect_row(tutor, row, wanted[row["name"]])
    tutor.expect(
        names == sorted(names),
        saw=f"The names come in this order: {', '.join(names):.200}.",
        question="Did you sort by name?",
    )


def _expect_table(tutor: Tutor, answer: Any) -> None:
    tutor.expect(
        isinstance(answer, list) and answer and all(isinstance(one, dict) for one in answer),
        saw=f"The answer is {answer!r:.200}.",
        question="Is it a DataFrame with one row for each container?",
    )
    for row in answer:
        tutor.expect(
            row.keys() == COLUMNS,
            saw=f"The columns are {', '.join(row):.200}.",
            question="Are they just name, image and state?",
        )
        for column, cell in row.items():
            tutor.expect(
                isinstance(cell, str),
                saw=f"In the column {column} stands {cell!r:.200}.",
                question="Is each cell a piece of text? The API's Names are a list, for instance.",
            )


def _expect_row(tutor: Tutor, row: dict[str, str], listed: dict[str, Any]) -> None:
    """Expect what the engine lists; ``busybox:latest`` is the image busybox by its whole name."""
    state, image = listed["State"], listed["Image"]
    tutor.expect(
        row["state"] == state,
        saw=f"{row['name']} has the state {row['state']!r:.200}, where the engine says {state!r}.",
        question="State is one word, Status a sentence: which of them do you show?",
    )
    tutor.expect(
        row["image"].removesuffix(":latest") == image.removesuffix(":latest"),
        saw=f"{row['name']} has the image {row['image']!r:.200}, where the engine says {image!r}.",
        question="Under which key does the engine say what the container was made from?",
    )
