"""A machine's saved state, on disk."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from labkit.engine.vm import programs

__all__ = ["Saved"]


@dataclass(frozen=True)
class Saved:
    """Its memory, its devices and its disk, which many machines share and none changes.

    ``accelerator`` is what it ran on, and what a machine runs on that goes on from it.
    """

    folder: Path
    accelerator: str

    @property
    def memory(self) -> Path:
        """The memory: machines map it, and have pages of their own where they write."""
        return self.folder / "memory"

    @property
    def devices(self) -> Path:
        """All but the memory, as QEMU writes it."""
        return self.folder / "devices"

    @property
    def disk(self) -> Path:
        """What its disk has over the machine image's."""
        return self.folder / "disk.qcow2"

    def lie_over(self, disk: Path) -> None:
        """Name the disk below by its way from here, so that both can be copied together."""
        below = os.path.relpath(disk, self.folder)
        command = [programs.need("qemu-img")["qemu-img"], "rebase", "-u", "-b", below, "-F", "raw"]
        subprocess.run([*command, str(self.disk)], check=True)
