"""Whose turn it is: a few submissions run at a time, and the next ones get everything ready.

A turn is a locked byte of a file; the system unlocks it when its process ends, however that ends.
"""

from __future__ import annotations

import fcntl
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from labkit import wait

__all__ = ["Turns"]

_held: list[FileIO] = []  # closed, a file would not be locked any more


@dataclass(frozen=True)
class Turns:
    """As many turns at a time as ``number``, which all processes share that name the file."""

    path: Path
    number: int

    def take(self, seconds: float) -> None:
        """Wait for a turn, and have it until this process ends.

        :raises WaitTimeout: there was none in so many seconds.
        """
        _held.append(file := FileIO(self.path, "a"))
        wait.until(
            lambda: any(_locked(file, number) for number in range(self.number)),
            what="a turn to run", timeout=seconds, interval=0.05,
        )  # fmt: skip


def _locked(file: FileIO, number: int) -> bool:
    with suppress(BlockingIOError, PermissionError):  # another process has it
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        return True
    return False
