"""Who called what, when, with what answer, and what changed: three witnesses joined in one table.

The plugin's log knows the user and the decision. The engine's debug log has every call, also one
that no plugin was asked about. The events tell what has changed.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from labkit.engine.engine import Engine
from labkit.errors import EngineError, LabError
from labkit.raw import Client
from labkit.security import apilog, metrics
from labkit.security.guard import Guard
from labkit.security.inside import Inside
from labkit.table import Table

__all__ = ["MONITORED", "Alert", "Audit", "alerts", "figure", "joined"]

_METRICS = "127.0.0.1:9323"
MONITORED = ("--debug", f"--metrics-addr={_METRICS}")
"""What dockerd needs to be watched, for ``Engine.start(args=MONITORED)``.

The metrics are served on the loopback of the engine's own container.
"""

SOCKET, UNKNOWN = "unix socket", "unknown"
COLUMNS = ("time", "user", "method", "path", "status", "allowed", "why", "changed")
_OWN = "/events?since=0&until="  # the audit's own question is no part of the answer
_FETCHED = "/var/lib/labkit-metrics"  # in the engine's container
_FETCH = (
    "import urllib.request as r, pathlib as p; "
    f"p.Path('{_FETCHED}').write_bytes(r.urlopen('http://{_METRICS}/metrics').read())"
)
_LINES = 1_000_000
_SECRET = re.compile(r"\b(buildargs|remote|fromSrc)=[^&]*")  # may have a token in it
_GONE = frozenset({"destroy", "remove", "delete", "untag", "prune"})
_CAUSED = {"create": frozenset({"create", "pull", "import"}), "prune": _GONE}
_KINDS = {
    "containers": "container", "images": "image", "volumes": "volume", "networks": "network",
    "plugins": "plugin", "services": "service", "nodes": "node", "secrets": "secret",
    "configs": "config", "build": "image", "commit": "container",
}  # fmt: skip


@dataclass(frozen=True)
class Alert:
    """Many refusals of one user within a short time."""

    user: str
    count: int
    since: pd.Timestamp
    until: pd.Timestamp
    paths: tuple[str, ...]


class Audit:
    """What an engine and its guard have seen.

    :param engine: started with :data:`MONITORED`.
    :param guard: without one, nobody's name is known.
    """

    def __init__(self, engine: Engine, guard: Guard | None = None) -> None:
        self._engine, self._guard = engine, guard

    def calls(self) -> list[dict[str, Any]]:
        """Every call that the engine's debug log has; see :func:`labkit.security.apilog.calls`."""
        return list(apilog.calls(self._engine.logs(lines=_LINES).splitlines()))

    def events(self) -> list[dict[str, Any]]:
        """Every event that the engine still has, up to now: ``GET /events``.

        None where it does not answer, as while its plugin is dead.
        """
        with (
            contextlib.suppress(LabError),
            Client(self._engine.endpoint, timeout=3) as client,
            client.events(since=0, until=time.time()) as events,
        ):
            return list(events)
        return []

    def metrics(self) -> Table:
        """The numbers that dockerd keeps for Prometheus: name, labels, value.

        :raises EngineError: it keeps none.
        """
        inside = Inside(self._engine)
        if inside.run("python3", "-c", _FETCH):
            raise EngineError(
                "This engine keeps no numbers for Prometheus.",
                hint="Start it with args=labkit.security.audit.MONITORED.",
            )
        return metrics.metrics(inside.read(_FETCHED).decode())

    def table(self, *, pings: bool = False) -> Table:
        """The three witnesses joined, see :func:`joined`.

        :param pings: also show ``/_ping``, which clients send to see whether somebody is there,
            and the audit's own questions.
        """
        events = self.events()
        decisions: list[Any] = self._guard.decisions().to_dict("records") if self._guard else []
        table = joined(decisions, self.calls(), events)
        if pings:
            return table
        hidden = table["path"].str.fullmatch(r"(/v[\d.]+)?/_ping(\?.*)?")
        hidden |= table["path"].str.startswith(_OWN) & table["user"].isin([SOCKET, UNKNOWN])
        return table[~hidden].reset_index(drop=True)

    def alerts(self, *, burst: int = 5, within: float = 10.0) -> list[Alert]:
        """Bursts of refusals, see :func:`alerts`."""
        return alerts(self.table(), burst=burst, within=within)

    def plot(self) -> Figure:
        """Who called when, as a picture, see :func:`figure`."""
        return figure(self.table())


def joined(
    decisions: Iterable[Mapping[str, Any]],
    calls: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
) -> Table:
    """Join what the plugin, the debug log and the events say: a row for each call, in time.

    Columns: time (UTC), user, method, path, status, allowed, why, changed. A call that no plugin
    decided about has the user "unknown". The status is missing where the engine answered with an
    error and no witness has its number; ``why`` has the error then.
    """
    rows = [dict(row) for row in decisions]
    waiting: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for call in calls:
        waiting.setdefault((call["method"], call["path"]), []).append(dict(call))
    for row in rows:
        same = waiting.get((row["method"], row["path"]), [])
        before = [one for one in same if pd.Timestamp(one["time"]) <= row["time"]]
        call = before[-1] if before else {}
        if call:
            same.remove(call)
        row["user"] = row["user"] or SOCKET
        row["allowed"] = row.pop("allow")
        if row["allowed"]:
            row["why"] = call.get("error", "")
            row["status"] = row["status"] if pd.notna(row["status"]) else call.get("status")
    rows += [
        {**call, "user": UNKNOWN, "allowed": None, "why": call["error"]}
        for rest in waiting.values() for call in rest if call
    ]  # fmt: skip
    for row in rows:
        row["time"] = pd.Timestamp(row["time"])
    rows.sort(key=lambda row: row["time"])
    _add_changes(rows, events)
    for row in rows:
        row["path"] = _SECRET.sub(r"\1=…", row["path"])
    table = Table(pd.DataFrame(rows, columns=list(COLUMNS)))
    table["time"] = pd.to_datetime(table["time"], utc=True)
    table["status"] = table["status"].astype("Int64")
    table["allowed"] = table["allowed"].astype("boolean")
    return table


def _add_changes(rows: Sequence[dict[str, Any]], events: Iterable[Mapping[str, Any]]) -> None:
    """Say of each call which events it has caused: those of its kind, until the next such call."""
    for row in rows:
        row["changed"] = ""
    acting = [
        row for row in rows
        if row["method"] not in {"GET", "HEAD"} and len(_parts(row)) > 1 and _done(row)
    ]  # fmt: skip
    for event in sorted(events, key=lambda one: int(one.get("timeNano", 0))):
        kind, action = str(event.get("Type")), str(event.get("Action")).partition(":")[0]
        moment = pd.Timestamp(int(event.get("timeNano", 0)), unit="ns", tz="UTC")
        before = [row for row in acting if row["time"] <= moment and _kind(row) == kind]
        actor = event.get("Actor") or {}
        name = str((actor.get("Attributes") or {}).get("name") or actor.get("ID", ""))
        about = [row for row in before if _about(row, action, name, str(actor.get("ID", "")))]
        if about:
            said, known = f"{action} {kind} {name}", about[-1]["changed"]
            about[-1]["changed"] = f"{known}, {said}" if known else said


def _done(row: Mapping[str, Any]) -> bool:
    status = row["status"]
    return row["allowed"] is not False and (pd.isna(status) or status < HTTPStatus.BAD_REQUEST)


def _parts(row: Mapping[str, Any]) -> list[str]:
    parts = str(row["path"]).partition("?")[0].strip("/").split("/")
    return parts[1:] if parts[0].startswith("v1.") else parts


def _kind(row: Mapping[str, Any]) -> str:
    return _KINDS.get(_parts(row)[0], "")


def _about(row: Mapping[str, Any], action: str, name: str, identity: str) -> bool:
    """Whether the call does this, and to this object or to those that it does not name."""
    called, verb = _parts(row)[1], _parts(row)[-1]
    does = _GONE if row["method"] == "DELETE" else _CAUSED.get(verb, {verb})
    return action in does and (called in {*_CAUSED, name} or identity.startswith(called))


def alerts(table: pd.DataFrame, *, burst: int = 5, within: float = 10.0) -> list[Alert]:
    """Find who was refused ``burst`` times or more within so many seconds; one alert for a burst.

    :param within: seconds.
    """
    found = []
    refused = table[_refused(table)].sort_values("time")
    for user, rows in refused.groupby("user", sort=True):
        times = rows["time"].reset_index(drop=True)
        first = times.shift(burst - 1)  # of so many, when did the first one come?
        hot = (times - first).dt.total_seconds() <= within
        member = [any(hot[place : place + burst]) for place in range(len(times))]
        parted = times.diff().dt.total_seconds() > within
        for _, one in rows.reset_index(drop=True)[member].groupby(parted.cumsum()[member]):
            paths = tuple(dict.fromkeys(one["path"]))
            found.append(Alert(str(user), len(one), one["time"].min(), one["time"].max(), paths))
    return sorted(found, key=lambda alert: alert.since)


def _refused(table: pd.DataFrame) -> pd.Series[bool]:
    return ~table["allowed"].astype("boolean").fillna(value=True).astype(bool)


def figure(table: pd.DataFrame) -> Figure:
    """Draw who called when: a dot for each call, a red cross for a refused one."""
    users = sorted(table["user"].unique(), reverse=True)
    drawn = Figure(figsize=(7, 0.8 + 0.45 * len(users)), layout="constrained")
    axes = drawn.subplots()
    seconds = (table["time"] - table["time"].min()).dt.total_seconds()
    refused = _refused(table)
    for rows, marker, colour, label in (
        (~refused, "o", "#2b6cb0", "allowed"),
        (refused, "x", "#c53030", "refused"),
    ):
        places = [users.index(user) for user in table["user"][rows]]
        axes.scatter(seconds[rows], places, marker=marker, color=colour, label=label, alpha=0.8)
    axes.set_yticks(range(len(users)), users)
    axes.set(xlabel="seconds", ylim=(-0.6, len(users) - 0.4))
    axes.grid(axis="y", alpha=0.3)
    drawn.legend(loc="outside upper right", ncols=2, frameon=False)
    return drawn
