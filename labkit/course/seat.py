"""Where a learner's code runs, as the judge sees it: what it lends, the learner has to reach."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from labkit.engine.engine import Engine

__all__ = ["Seat"]


class Seat:
    """The learner's own machine: whatever engine the judge starts is there already.

    ``fenced`` says whether engines for this learner keep to bounds, see :mod:`labkit.engine.fence`.
    ``headers`` are what a judge's requests to the learner's engine have besides.
    """

    fenced = False

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    @contextlib.contextmanager
    def lend(self, engine: Engine) -> Iterator[str]:
        """Yield the path of the engine's socket, as the learner's code can open it."""
        yield str(engine.socket)
