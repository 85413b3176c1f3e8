"""What a learner's function returned, as JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections import OrderedDict
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import docker
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from labkit import tables
from labkit.course.answers import plain
from labkit.errors import CourseError

LEAVES = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text()
    | some.binary()
    | some.datetimes()
    | some.dates()
    | some.timedeltas()
    | some.integers(-(2**63), 2**63 - 1).map(np.int64)
    | some.floats(width=32).map(np.float32)
    | some.booleans().map(np.bool_)
    | some.sampled_from([pd.NaT, pd.NA, np.nan, pd.Timestamp("2026-01-01", tz="UTC"), Path("/x")])
)
KEYS = some.text() | some.integers() | some.booleans() | some.none()
ANSWERS = some.recursive(
    LEAVES,
    lambda inner: (
        some.lists(inner)
        | some.lists(inner).map(tuple)
        | some.dictionaries(KEYS, inner)
        | some.frozensets(some.integers() | some.text())
    ),
    max_leaves=20,
)
COLUMN = some.lists(LEAVES, min_size=3, max_size=3)


class Liar(str):
    """Text that says it equals whatever it is compared with."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        return "a lie"


@given(ANSWERS)
def test_an_answer_survives_the_journey(answer: Any) -> None:
    """Whatever comes out is JSON: written and read again it is the same, type by type."""
    sent = plain(answer)
    arrived = json.loads(json.dumps(sent, allow_nan=False))
    assert arrived == sent
    assert repr(arrived) == repr(sent)


@given(some.dictionaries(some.sampled_from("abcd"), COLUMN, min_size=1))
def test_a_table_becomes_records(columns: dict[str, list[Any]]) -> None:
    """A DataFrame is a list of dicts, one a row, whatever stands in its cells."""
    table = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    records = plain(table)
    assert len(records) == 3
    assert all(record.keys() == columns.keys() for record in records)
    assert json.loads(json.dumps(records, allow_nan=False)) == records


@given(some.text())
def test_a_lying_text_becomes_plain_text(text: str) -> None:
    """A str that equals everything, also inside a table, arrives as the characters it has."""
    for answer in (plain(Liar(text)), plain([Liar(text)])[0], plain(pd.Series([Liar(text)]))[0]):
        assert type(answer) is str
        assert answer == text
        assert (answer == f"{text}!") is False


def test_numbers_and_times_of_pandas_become_json() -> None:
    """int64, bool, float, NaN, NaT and timestamps of a DataFrame are numbers, null and ISO text."""
    table = pd.DataFrame(
        {
            "count": np.array([1, 2], dtype="int64"),
            "up": [True, False],
            "share": [0.5, np.nan],
            "since": [pd.Timestamp("2026-01-02T03:04:05", tz="UTC"), pd.NaT],
        }
    )
    first = {"count": 1, "up": True, "share": 0.5, "since": "2026-01-02T03:04:05+00:00"}
    second = {"count": 2, "up": False, "share": None, "since": None}
    assert plain(table) == [first, second]
    assert [type(value) for value in plain(table)[0].values()] == [int, bool, float, str]


def test_the_kits_own_table_is_a_table() -> None:
    """What labkit.tables makes is answered like any DataFrame."""
    table = tables.inspect({"State": {"Running": True}, "Name": "/web"})
    expected = [{"key": "State.Running", "value": "true"}, {"key": "Name", "value": "/web"}]
    assert plain(table) == expected


def test_columns_rows_and_sets_become_lists() -> None:
    """A Series, an Index and an array keep their order; a set has none, and is sorted."""
    assert plain(pd.Series(["b", "a"])) == ["b", "a"]
    assert plain(pd.Index([2, 1])) == [2, 1]
    assert plain(np.array([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
    assert plain({"b", "a"}) == ["a", "b"]
    assert plain(("a", 1)) == ["a", 1]


class Signal(IntEnum):
    """As the standard library's signal.SIGTERM is."""

    TERM = 15


@dataclass
class Found:
    """An answer of a learner who likes dataclasses."""

    name: str
    size: int


def test_what_reads_as_text_number_or_dict_is_answered_so() -> None:
    """Bytes, paths, enumerations, dataclasses and mappings are what a reader would see."""
    assert plain(b"hi\xff") == "hi\ufffd"
    assert plain(Path("/srv")) == "/srv"
    assert plain(Signal.TERM) == 15
    assert plain(Found("web", 3)) == {"name": "web", "size": 3}
    assert plain(OrderedDict({1: dt.timedelta(seconds=2)})) == {"1": 2.0}


@dataclass
class Seen:
    """A dataclass with more in it than JSON has."""

    at: dt.datetime
    where: Path
    table: pd.DataFrame


def test_what_a_dataclass_holds_becomes_json_too() -> None:
    """Times, paths and tables within a dataclass travel as they do elsewhere."""
    seen = Seen(dt.datetime(2026, 1, 2, tzinfo=dt.UTC), Path("/srv"), pd.DataFrame({"a": [1]}))
    expected = {"at": "2026-01-02T00:00:00+00:00", "where": "/srv", "table": [{"a": 1}]}
    assert plain(seen) == expected


@pytest.mark.parametrize(
    "answer",
    [
        object(),
        lambda: None,
        (one for one in ()),
        map(str, ()),
        {}.keys(),
        str,
        Found,
        1j,
        docker.models.containers.Container(),
        [{"deep": {"within": object()}}],
        pd.DataFrame({"a": [object()]}),
        {object()},
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_what_cannot_be_compared_is_refused_with_what_to_return(answer: Any) -> None:
    """An object of the SDK, a generator or a function gives one error, which says what to do."""
    with pytest.raises(CourseError, match="can't be compared") as refused:
        plain(answer)
    assert "Return names" in refused.value.hint


def test_what_has_no_end_is_refused() -> None:
    """A list that holds itself, and a number longer than Python writes, are no answers."""
    endless: list[Any] = []
    endless.append(endless)
    for answer in (endless, 10**5000):
        with pytest.raises(CourseError):
            plain(answer)
