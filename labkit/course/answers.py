"""What a learner's function returned, as JSON: all that a judge ever gets to see of it."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from labkit.errors import CourseError


def plain(value: Any) -> Any:
    """The value in JSON's own types: a DataFrame as a list of records, a set as a sorted list.

    :raises CourseError: there is no honest way to write it as JSON; says what to return instead.
    """
    try:
        return _plain(value)
    except RecursionError:
        raise CourseError("The answer holds itself, without end.") from None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return str.__str__(value) if isinstance(value, str) else value
    for convert in (_number, _time, _table, _collection, _text):
        if (converted := convert(value)) is not _NO:
            return converted
    kind = type(value).__name__
    raise CourseError(
        f"The answer holds a {kind}, which can't be compared with anything.",
        hint="Return names, ids, numbers, lists, dicts or a DataFrame: "
        "what a reader of your program's output would see.",
    )


_NO = object()
LONGEST_NUMBER = 4096  # bits


def _number(value: Any) -> Any:
    if isinstance(value, int | np.integer):
        if int(value).bit_length() > LONGEST_NUMBER:
            raise CourseError("The answer holds a number of more than a thousand digits.")
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return bool(value) if isinstance(value, np.bool_) else _NO


def _time(value: Any) -> Any:
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, dt.timedelta) else _NO


def _table(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return [_plain(record) for record in value.to_dict("records")]
    return _plain(value.tolist()) if isinstance(value, pd.Series | pd.Index | np.ndarray) else _NO


def _collection(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(one) for one in value), key=json.dumps)
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else _NO


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return _plain(asdict(value)) if is_dataclass(value) and not isinstance(value, type) else _NO
