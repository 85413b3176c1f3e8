"""Telling somebody soon, but not too often: what comes thick and fast is told together."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Pace"]

_GRACE = 1.0


class Pace:
    """Calls ``tell`` soon after each :meth:`nudge`, at once after a silence, else in steps.

    The call comes on a thread of its own, so that the last nudge of a burst is never left untold.

    :param name: what that thread is called.
    :param step: seconds from the end of one call to the next.

    ``thread`` is that thread.
    """

    def __init__(self, tell: Callable[[], None], *, name: str, step: float = 0.1) -> None:
        self._tell = tell
        self._step = step
        self._due = threading.Event()
        self._closing = threading.Event()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def nudge(self) -> None:
        """Say that there is something to tell."""
        self._due.set()

    def stop(self) -> None:
        """Have the thread end; what it has not told yet, it does not tell any more."""
        self._closing.set()
        self._due.set()

    def close(self) -> None:
        """Stop, and wait a second at most for a call that is going on; not on the thread itself."""
        self.stop()
        if threading.current_thread() is not self.thread:
            self.thread.join(_GRACE)

    def _run(self) -> None:
        while self._due.wait() and not self._closing.is_set():
            self._due.clear()
            self._tell()
            self._closing.wait(self._step)
