"""One thread that looks again and again, for what tells of no changes by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Poll"]

_GRACE = 5.0


class Poll:
    """Calls ``look`` each ``interval`` seconds on a thread of its own, until :meth:`close`.

    :param interval: seconds from the end of one look to the next; 0 never looks.
    :param name: the thread's.
    """

    def __init__(self, look: Callable[[], object], *, interval: float, name: str) -> None:
        self._look = look
        self._interval = interval
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        if interval:
            self._thread.start()

    def close(self) -> None:
        """End the thread; safe to call twice, and from that thread."""
        self._ending.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(_GRACE)

    def _run(self) -> None:
        while not self._ending.wait(self._interval):
            self._look()
