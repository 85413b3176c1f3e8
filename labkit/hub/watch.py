"""A log of a registry's limit, for people and for Prometheus: one sample, one line."""

from __future__ import annotations

import csv
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pandas as pd

from labkit.errors import LabError
from labkit.ratelimit import Limit

__all__ = ["Sample", "append", "draw", "load", "samples", "write_metrics"]

_SQLITE = {".db", ".sqlite", ".sqlite3"}


@dataclass(frozen=True)
class Sample:
    """What was asked at a moment: a limit, no limit at all (``limit`` None), or an error.

    ``time`` is RFC 3339 in UTC; ``limit`` and ``remaining`` are pulls, ``window`` seconds.
    """

    time: str
    limit: int | None = None
    remaining: int | None = None
    window: int | None = None
    source: str = ""
    error: str = ""

    @classmethod
    def of(cls, limit: Limit | None, *, moment: datetime, error: str = "") -> Sample:
        """Make a sample of what a registry said."""
        written = moment.isoformat(timespec="seconds")
        if limit is None:
            return cls(written, error=error)
        return cls(written, limit.limit, limit.remaining, limit.window, limit.source)


_COLUMNS = [one.name for one in fields(Sample)]


class Clock(Protocol):
    """What tells the time and lets it pass."""

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


def samples(
    ask: Callable[[], Limit | None], *, every: float, count: int | None, clock: Clock
) -> Iterator[Sample]:
    """Ask again and again; an error is a sample, too, and no reason to stop.

    :param ask: asks the registry once, such as :meth:`labkit.hub.limits.Registry.limit`.
    :param every: seconds between two samples.
    :param count: how many; None goes on for ever.
    """
    number = 0
    while count is None or number < count:
        if number:
            clock.sleep(every)
        number += 1
        try:
            yield Sample.of(ask(), moment=clock.now())
        except LabError as error:
            yield Sample.of(None, moment=clock.now(), error=error.message)


def append(path: Path, sample: Sample) -> None:
    """Add a sample to a log: SQLite for ``.db`` and ``.sqlite``, otherwise CSV.

    :raises LabError: there is something else in the file.
    """
    try:
        if path.suffix in _SQLITE:
            _append_row(path, sample)
        else:
            _append_line(path, sample)
    except sqlite3.DatabaseError as cause:
        raise LabError(f"{path} is no log of limits: {cause}", hint="Name another file.") from cause


def _append_row(path: Path, sample: Sample) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS samples (time TEXT, max_pulls INTEGER, remaining INTEGER,"
            " window_s INTEGER, source TEXT, error TEXT)"
        )
        database.execute("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?)", astuple(sample))


def _append_line(path: Path, sample: Sample) -> None:
    with path.open("a+", encoding="utf-8", newline="") as file:
        file.seek(0)
        head = file.readline().strip()
        if head and head != ",".join(_COLUMNS):
            raise LabError(f"{path} is no log of limits.", hint="Name another file.")
        writer = csv.writer(file)
        if not head:
            writer.writerow(_COLUMNS)
        writer.writerow(astuple(sample))


def load(path: Path) -> pd.DataFrame:
    """Read a log: one row a sample, ``time`` in UTC.

    :raises LabError: there is no such log.
    """
    try:
        if path.suffix in _SQLITE:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                found = pd.read_sql("SELECT * FROM samples", database)
            found.columns = pd.Index(_COLUMNS)
        else:
            found = pd.read_csv(path)[_COLUMNS]
        found["time"] = pd.to_datetime(found["time"], utc=True)
    except (OSError, ValueError, LookupError, sqlite3.Error, pd.errors.DatabaseError) as cause:
        raise LabError(
            f"{path} is no log of limits: {cause}", hint="labkit hub watch writes one."
        ) from cause
    return found


def draw(path: Path, picture: Path) -> None:
    """Draw a log: what remained over time, and the limit above it, into a PNG or SVG.

    :raises LabError: there is no such log, or no such kind of picture.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second, for this alone

    found = load(path)
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.step(found["time"], found["remaining"].astype("float"), where="post", label="remaining")
    axes.step(found["time"], found["limit"].astype("float"), where="post", ls="--", label="limit")
    axes.set(ylabel="pulls", ylim=(0, None), title="Pulls that remain")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.autofmt_xdate()
    try:
        figure.savefig(picture)
    except ValueError as cause:
        raise LabError(f"{picture} can't be drawn: {cause}", hint="End it with .png.") from cause


def write_metrics(path: Path, sample: Sample) -> None:
    """Write a sample as Prometheus' node_exporter reads it: a textfile, replaced in one step."""
    gauges = {
        "limit": ("Pulls in a window.", sample.limit),
        "remaining": ("Pulls that are left.", sample.remaining),
        "window_seconds": ("How long a window is.", sample.window),
        "up": ("Whether the registry answered.", int(not sample.error)),
    }
    source = sample.source.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    lines = []
    for name, (meaning, value) in gauges.items():
        if value is not None:
            full = f"registry_pull_{name}"
            lines += [f"# HELP {full} {meaning}", f"# TYPE {full} gauge"]
            lines.append(f'{full}{{source="{source}"}} {value}')
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write("\n".join([*lines, ""]))
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
