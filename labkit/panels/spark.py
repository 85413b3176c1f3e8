"""A small plot, written as SVG: no library draws it, and a page takes fifty of them a second."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["spark"]

_WIDTH, _HEIGHT = 60, 20


def spark(values: Sequence[float], *, top: float = 0.0, slots: int = _WIDTH) -> str:
    """Return a line of these values, the latest at the right, above a tinted area.

    :param top: what the full height stands for, at least; more where a value is higher.
    :param slots: how many values the full width has room for.
    """
    if len(values) < 2:  # noqa: PLR2004  # a line has two ends
        return f'<svg class="lk-spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true"></svg>'
    values = values[-slots:]
    highest = max(top, *values) or 1.0
    step = _WIDTH / (slots - 1)
    first = _WIDTH - step * (len(values) - 1)
    points = " ".join(
        f"{first + step * number:.1f},{_HEIGHT - value / highest * (_HEIGHT - 1):.1f}"
        for number, value in enumerate(values)
    )
    return (
        f'<svg class="lk-spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'aria-hidden="true"><polygon points="{first:.1f},{_HEIGHT} {points} {_WIDTH},{_HEIGHT}"/>'
        f'<polyline points="{points}"/></svg>'
    )
