"""A mailroom as a picture: its two networks, its six stations, and how far a letter has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from labkit.mailroom.plan import STATIONS

__all__ = ["draw"]

_PITCH, _WIDE, _HIGH = 126, 92, 40
_LEFT, _TOP = 24, 46
_SIZE = (_LEFT * 2 + _PITCH * 5 + _WIDE, 166)
_TIERS = {"front": ("visitor", "clerk", 8), "back": ("clerk", "press", 22)}
_COLOURS = {  # fill, line, sign
    "passed": ("#dafbe1", "#1a7f37", "✓"),
    "stuck": ("#ffebe9", "#cf222e", "✗"),
    "": ("#f6f8fa", "#8c959f", ""),
}


def draw(name: str, said: Mapping[str, str], *, stuck: str) -> str:
    """Draw it as SVG: what the letter passed, where it is stuck, and what is said there.

    :param said: the stations that it came to, with what was said.
    :param stuck: the one that it does not pass; empty for none.
    """
    width, height = _SIZE
    words = f"Stuck at the {stuck}: {said[stuck]}" if stuck else "The letter is printed."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img"',
        ' font-family="sans-serif" font-size="14"><rect width="100%" height="100%" fill="white"/>',
        *_networks(name),
        *_arrows(said),
        *_volume(name),
        *(_box(station, _look(station, said, stuck)) for station in STATIONS),
        _text(_LEFT, height - 18, words, _COLOURS["stuck" if stuck else "passed"][1], "start"),
        "</svg>",
    ]
    return "".join(parts)


def _look(station: str, said: Mapping[str, str], stuck: str) -> str:
    if station not in said:
        return ""
    return "stuck" if station == stuck else "passed"


def _networks(name: str) -> Iterator[str]:
    """The two networks, which overlap where the clerk is in both."""
    for tier, (first, last, inset) in _TIERS.items():
        left = _x(first) - inset / 2
        wide = _x(last) + _WIDE + inset / 2 - left
        top = _TOP - 12 if tier == "front" else _TOP - 6
        high = _HIGH + 24 if tier == "front" else _HIGH + 12
        yield (
            f'<rect x="{left:g}" y="{top}" width="{wide:g}" height="{high}" rx="8" fill="#ddf4ff" '
            f'fill-opacity="0.6" stroke="#0969da" stroke-dasharray="4 3"/>'
        )
        middle = left + wide / 2
        yield _text(middle, 24, f"network {name}-{tier}", "#0550ae")


def _arrows(said: Mapping[str, str]) -> Iterator[str]:
    y = _TOP + _HIGH / 2
    for number, station in enumerate(STATIONS[1:]):
        start, end = _x(STATIONS[number]) + _WIDE, _x(station)
        colour = "#1a7f37" if station in said else "#8c959f"
        yield (
            f'<path d="M{start} {y:g}H{end - 2}m-7 -5l7 5l-7 5" fill="none" stroke="{colour}" '
            f'stroke-width="2"/>'
        )


def _volume(name: str) -> Iterator[str]:
    """What lies between store and worker in place of a connection."""
    x, y = _x("worker") - (_PITCH - _WIDE) / 2, _TOP + _HIGH / 2
    yield f'<path d="M{x:g} {y:g}v46" fill="none" stroke="#8c959f" stroke-dasharray="4 3"/>'
    yield _text(x, y + 60, f"volume {name}-letters", "#59636e")


def _box(station: str, look: str) -> str:
    fill, line, sign = _COLOURS[look]
    x, y = _x(station), _TOP
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="6" fill="{fill}" '
        f'stroke="{line}" stroke-width="2"/>'
        + _text(x + _WIDE / 2, y + 25, f"{station} {sign}".strip(), "#1f2328")
    )


def _text(x: float, y: float, words: str, colour: str, anchor: str = "middle") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>'
    )


def _x(station: str) -> int:
    return _LEFT + _PITCH * STATIONS.index(station)
