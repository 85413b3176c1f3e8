"""Where the kit keeps things on this machine, and nowhere else."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.errors import EngineError


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def home() -> Path:
    """What outlives a session: caches, progress, the private host engine's data.

    ``LABKIT_HOME``, else ``/var/lib/labkit`` for root and ``~/.local/share/labkit`` for others.
    """
    if chosen := os.environ.get("LABKIT_HOME"):
        return Path(chosen)
    return Path("/var/lib/labkit") if _is_root() else Path.home() / ".local/share/labkit"


def run() -> Path:
    """What lives as long as an engine does: sockets, certificates, locks, pids.

    Its path is short, for the path of a unix socket has at most 107 bytes.
    """
    if chosen := os.environ.get("LABKIT_HOME"):
        return Path(chosen) / "run"
    if _is_root() and Path("/run").is_dir():
        return Path("/run/labkit")
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "labkit"
    return Path(tempfile.gettempdir()) / f"labkit-{os.getuid()}"


def scope() -> str:
    """Whose things these are: a mark of this user's run folder."""
    return hashlib.sha256(str(run()).encode()).hexdigest()[:8]


def make(folder: Path) -> Path:
    """Make a folder for this user alone, and return it.

    :raises EngineError: it is there, and somebody else's: in /tmp anybody can make one.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder == run():
        about = folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
            raise EngineError(
                f"{folder} is not this user's alone, so nothing is kept there.",
                hint="Set LABKIT_HOME to a folder of your own, with a short path.",
            )
    return folder


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold a lock that one process at a time can have; the end of the process frees it."""
    with (make(run()) / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
