"""The programs that the VM driver runs, and which package has each."""

from __future__ import annotations

import os
import platform
import shutil

from labkit.errors import EngineError

__all__ = ["NEEDED", "PACKAGES", "find", "missing", "need"]

SEARCH = f"{os.defpath}:/usr/local/sbin:/usr/sbin:/sbin"
PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "fakeroot": "fakeroot",
    "mke2fs": "e2fsprogs",
}
NEEDED = (f"qemu-system-{platform.machine()}", "qemu-img", "mmdebstrap", "fakeroot", "mke2fs")
"""What a machine takes on this processor."""


def find(name: str) -> str:
    """Where a program is; empty where it is not."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SEARCH}") or ""


def missing(*names: str) -> list[str]:
    """The packages of those programs that are not there."""
    return sorted({PACKAGES.get(name, name) for name in names if not find(name)})


def need(*names: str) -> dict[str, str]:
    """Where the programs are, by name.

    :raises EngineError: some are not installed; says how to.
    """
    if packages := missing(*names):
        raise EngineError(
            f"A virtual machine needs what is not installed here: {', '.join(packages)}.",
            hint=f"sudo apt-get install --no-install-recommends {' '.join(packages)}",
        )
    return {name: find(name) for name in names}
