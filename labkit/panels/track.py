"""What one container has used lately, as the stats panel plots it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from labkit.live.stats import Usage

__all__ = ["Now", "Track"]

_KEPT = 60


@dataclass(frozen=True)
class Now:
    """What a container uses now: its usage, and the bytes a second that its networks carry."""

    usage: Usage
    rx: float = 0.0
    tx: float = 0.0


class Track:
    """The latest usages of one container, oldest first, a minute of them."""

    def __init__(self) -> None:
        self._past: deque[Now] = deque(maxlen=_KEPT)
        self._when = 0.0

    def add(self, usage: Usage, when: float) -> None:
        """Keep one more.

        :param when: seconds, on a clock that never jumps.
        """
        passed = when - self._when
        before = self._past[-1].usage if self._past else usage
        grown = (usage.rx - before.rx, usage.tx - before.tx)
        rates = (max(one / passed, 0.0) if passed > 0 else 0.0 for one in grown)
        self._past.append(Now(usage, *rates))
        self._when = when

    @property
    def now(self) -> Now:
        """The latest."""
        return self._past[-1] if self._past else Now(Usage())

    def plot(self, of: Callable[[Now], float]) -> list[float]:
        """Return one number of each, oldest first."""
        return [of(one) for one in self._past]
