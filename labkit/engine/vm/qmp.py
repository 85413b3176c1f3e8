"""QEMU's monitor: one JSON object a line, each command with its answer, events in between."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from io import BufferedRWPair
from pathlib import Path
from typing import Any

from labkit import wait
from labkit.errors import EngineError

__all__ = ["Monitor", "monitor"]


class Monitor:
    """A conversation with the QEMU process of a machine."""

    def __init__(self, stream: BufferedRWPair) -> None:
        self._stream = stream
        self._line()  # the greeting
        self.do("qmp_capabilities")

    def do(self, command: str, **arguments: Any) -> Any:
        """Have a command done, and return its answer.

        :raises EngineError: QEMU can't; says what it says.
        """
        asked = {"execute": command, "arguments": arguments}
        self._stream.write(json.dumps(asked).encode() + b"\n")
        self._stream.flush()
        while True:
            said = self._line()
            if "error" in said:
                raise EngineError(f"The virtual machine can't {command}: {said['error']['desc']}")
            if "return" in said:
                return said["return"]

    def say(self, command: str) -> str:
        """Have a command of QEMU's monitor for people done, and return what it prints."""
        return str(self.do("human-monitor-command", **{"command-line": command}))

    def migrated(self) -> None:
        """Wait until a state is written or read.

        :raises EngineError: that failed.
        """

        def done() -> bool:
            seen = self.do("query-migrate")
            if seen.get("status") == "failed":
                why = seen.get("error-desc", "the machine's last words tell why")
                raise EngineError(f"The machine's state could not be carried: {why}")
            return bool(seen.get("status") == "completed")

        wait.until(done, what="the machine's state", timeout=20)

    def _line(self) -> dict[str, Any]:
        line = self._stream.readline()
        if not line:
            raise EngineError("The virtual machine has ended.")
        return dict(json.loads(line))


@contextlib.contextmanager
def monitor(path: Path) -> Iterator[Monitor]:
    """A conversation at a machine's monitor socket.

    :raises EngineError: the machine does not run, or ends.
    """
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(60)
        try:
            end.connect(str(path))
            with end.makefile("rwb") as stream:
                yield Monitor(stream)
        except OSError as gone:
            raise EngineError("The virtual machine does not run any more.") from gone
