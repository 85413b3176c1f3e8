"""A letter's way through a mailroom: how far it comes, and what is said at each station."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from labkit import wait
from labkit.errors import APIError, WaitTimeout
from labkit.mailroom import picture
from labkit.mailroom.plan import PORT, STATIONS, TLS
from labkit.mailroom.station import Station
from labkit.security.handshake import handshake
from labkit.table import Table

__all__ = ["Journey", "greet", "send"]

Stations = Callable[[str], Station]
_ANSWERS = {"gate": "I took it", "clerk": "I stamped it", "store": "I keep it"}
_LOST = "I do not reach"


@dataclass(frozen=True)
class Journey:
    """What became of a letter; a notebook shows it as a picture.

    ``number`` is the letter's. ``said`` has each station that it came to, with what was said there;
    in the last of them it is ``stuck``, unless it has arrived.
    """

    name: str
    number: str
    said: dict[str, str]
    arrived: bool

    @property
    def stuck(self) -> str:
        """The station that it does not pass; empty when it has arrived."""
        return "" if self.arrived else list(self.said)[-1]

    @property
    def table(self) -> Table:
        """A row for each station: whether the letter passed it, and what was said."""
        rows = [(station, self._letter(station), self.said.get(station)) for station in STATIONS]
        return Table(pd.DataFrame(rows, columns=["station", "letter", "said"]))

    def _letter(self, station: str) -> str | None:
        if station not in self.said:
            return None
        return "stuck" if station == self.stuck else "passed"

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        svg = picture.draw(self.name, self.said, stuck=self.stuck)
        return {"text/plain": repr(self), "image/svg+xml": svg}


def send(name: str, stations: Stations, *, patience: float) -> Journey:
    """Send a letter through the mailroom of that name.

    :param stations: its containers, by station.
    :param patience: seconds that each of worker and press may take.
    """
    number, said = secrets.token_hex(4), dict[str, str]()
    for station, passed, words in _way(name, stations, number, patience):
        said[station] = words
        if not passed:
            return Journey(name, number, said, arrived=False)
    return Journey(name, number, said, arrived=True)


def greet(gate: Station, visitor: Station) -> str:
    """Have the visitor check the gate's certificate: ``ok``, or the words of the refusal."""
    shown, trusted = gate.files(TLS), visitor.files(TLS).get("ca.pem", b"")
    if not {"cert.pem", "key.pem"} <= shown.keys():
        return f"there is no certificate in {TLS}"
    return handshake(cert=shown["cert.pem"], key=shown["key.pem"], ca=trusted, host=gate.name)


def _way(
    name: str, stations: Stations, number: str, patience: float
) -> Iterator[tuple[str, bool, str]]:
    """Each station, whether the letter passes it, and what is said."""
    words = greet(stations("gate"), stations("visitor"))
    yield "visitor", words == "ok", "I know the gate" if words == "ok" else words
    lines = iter(_hand_in(f"{name}-gate", stations("visitor"), f"{number} Hello"))
    before = "visitor"
    for station, wanted in _ANSWERS.items():
        line = next(lines, _LOST)
        lost = line.startswith(_LOST)
        yield station, line == wanted, f"not reached by the {before}" if lost else line
        before = station
    taken = _within(lambda: f"I took {number}" in stations("worker").log, patience)
    yield "worker", taken, "I took it" if taken else "it lies in the volume, nobody takes it"
    printed = _within(lambda: number in stations("press").log, patience)
    yield "press", printed, "I printed it" if printed else "nobody prints it"


def _hand_in(gate: str, visitor: Station, letter: str) -> list[str]:
    """The visitor takes a letter to the gate: all that is said on its way to the store."""
    knock = f'echo "{letter}" | timeout 9 nc -w 2 {gate} {PORT} 2> /dev/null'
    with contextlib.suppress(APIError):
        return visitor.run(knock).splitlines()
    return []


def _within(probe: Callable[[], bool], seconds: float) -> bool:
    with contextlib.suppress(WaitTimeout):
        return wait.until(probe, what="the letter", timeout=seconds, interval=0.1)
    return False
