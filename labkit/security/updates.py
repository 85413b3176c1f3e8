"""Known holes of the Engine API, and which version mended them; and one of them tried for real."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

import pandas as pd

from labkit import raw
from labkit.engine.engine import Engine
from labkit.engine.image import DEFAULT, OFFERED
from labkit.errors import APIError, LabError
from labkit.security.guard import THREE_USERS, Guard
from labkit.table import Table

__all__ = ["HOLES", "SHIPPED", "Hole", "holes", "shown", "table"]

Number = tuple[int, ...]

SHIPPED = {"20.10": "20.10.24", "26.1": "26.1.5", "28.5": "28.5.2"}
"""The upstream version that each of the kit's own engine images has."""

SIZES = (1_000, 1_000_000, 1_048_000, 1_049_000, 4_000_000)  # bytes; 1 MiB is 1,048,576
_OPERATOR = THREE_USERS.replace('unix = "admin"', 'unix = "operator"')


@dataclass(frozen=True)
class Hole:
    """A known hole: its number, what it lets through, who has it, and who has it mended.

    :param fixed: the first version without it, of each line of releases that was mended.
    :param since: the first version that had it.
    """

    cve: str
    what: str
    fixed: tuple[str, ...]
    since: str = "0"

    def open_in(self, version: str) -> bool:
        """Whether the upstream version has it."""
        number, fixed = _number(version), [_number(one) for one in self.fixed]
        mended = any(one[:2] == number[:2] and one <= number for one in fixed)
        return _number(self.since) <= number < max(fixed) and not mended


HOLES = (
    Hole(
        "CVE-2023-28840", "encrypted overlay networks of a Swarm take unencrypted packets",
        ("20.10.24", "23.0.3"),
    ),
    Hole(
        "CVE-2024-24557", "a build can be given a poisoned cache by an image of somebody else",
        ("24.0.9", "25.0.2"),
    ),
    Hole(
        "CVE-2024-29018", "an internal network reaches the outside by DNS",
        ("23.0.11", "25.0.5", "26.0.0"),
    ),
    Hole(
        "CVE-2024-32473", "networks without IPv6 have it all the same",
        ("26.0.2",), since="26.0.0",
    ),
    Hole(
        "CVE-2024-41110", "a request that says it has no body is shown to no plugin",
        ("23.0.15", "25.0.6", "26.1.5", "27.1.1"),
    ),
    Hole(
        "CVE-2025-54388", "ports for loopback are open to the network after a firewalld reload",
        ("28.3.3",), since="28.2.0",
    ),
    Hole(
        "CVE-2026-33997", "a plugin can be installed with one right more than was granted",
        ("29.3.1",),
    ),
    Hole(
        "CVE-2026-34040", "a body of more than 1 MiB is shown to no plugin",
        ("29.3.1",),
    ),
)  # fmt: skip
"""Of the API and the networks, oldest first; what a distribution has mended is not counted."""


def holes(version: str) -> list[Hole]:
    """Which known holes an upstream version has, such as ``26.1.5``.

    Distributions mend an old version and keep its number, so this is a reason to look, no proof.

    :raises LabError: that is no version.
    """
    return [hole for hole in HOLES if hole.open_in(version)]


def table(versions: Iterable[str] = tuple(SHIPPED.values())) -> Table:
    """Versions and holes: a row for each hole, a column for each version, marked where it is open.

    The first row is the API version that each of them speaks.
    """
    rows = [{"": "the newest API version", **{one: _api(one) for one in versions}}]
    for hole in HOLES:
        cells = {one: "open" if hole.open_in(one) else "" for one in versions}
        rows.append({"": f"{hole.cve}: {hole.what}", **cells})
    return Table(pd.DataFrame(rows).set_index(""))


def shown(version: str = DEFAULT) -> Table:
    """Try which bodies an engine shows to its authorization plugin, on an engine of its own.

    Each row is the same harmless request with a larger label: size of the body, whether the plugin
    was shown it, and the engine's answer.
    """
    rows = []
    with Engine.start(version=version) as engine, Guard.on(engine, _OPERATOR):
        for size in SIZES:
            body = raw.request_bytes("POST", "/", body=_harmless(size)).partition(b"\r\n\r\n")[2]
            answer, seen = int(HTTPStatus.CREATED), True
            try:
                engine.raw.post("/containers/create", json=_harmless(size))
            except APIError as refused:
                answer, seen = refused.status, "did not show" not in refused.explanation
            rows.append({"size": len(body), "shown": "yes" if seen else "no", "answer": answer})
    return Table(pd.DataFrame(rows))


def _harmless(size: int) -> dict[str, object]:
    return {"Image": "busybox", "Labels": {"long": "x" * size}}


def _api(version: str) -> str:
    line = ".".join(version.split(".")[:2])
    return OFFERED[line].api if line in OFFERED else "unknown"


def _number(version: str) -> Number:
    found = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", version)
    if not found:
        raise LabError(f"{version!r} is no Docker version.", hint="It looks like 26.1.5.")
    return tuple(int(part or 0) for part in found.groups())
