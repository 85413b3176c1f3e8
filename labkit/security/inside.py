"""The inside of what an engine lives in: programs run there, and files put in and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labkit import archives
from labkit.engine.engine import Engine

__all__ = ["Inside"]


@dataclass(frozen=True)
class Inside:
    """The inside of an engine's container or machine."""

    engine: Engine

    def put(self, *files: archives.File | archives.Folder) -> None:
        """Put files in."""
        self.engine.body.put(archives.pack(files))

    def read(self, path: str) -> bytes:
        """Read a file; empty where there is none."""
        packed = self.engine.body.get(path)
        return next(iter(archives.unpack(packed).values()), b"") if packed else b""

    def run(self, *command: str, detach: bool = False, env: Mapping[str, str] | None = None) -> int:
        """Run a program.

        :returns: its exit code; 0 for one that goes on.
        """
        return self.engine.body.run(*command, detach=detach, env=env)
