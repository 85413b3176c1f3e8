"""What the kit has done inside a machine, over a serial port that only the kit has.

The other side is ``guest/agent.py``. A request is a line of JSON and so many bytes as its ``size``
says; so is the answer.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRWPair
from pathlib import Path
from typing import Any

from labkit.errors import EngineError

__all__ = ["Agent"]


@dataclass(frozen=True)
class Agent:
    """A machine's agent, at the socket that QEMU has for its port."""

    path: Path

    def ask(
        self, do: str, content: bytes = b"", *, patience: float = 60, **more: Any
    ) -> tuple[int, bytes]:
        """Have something done inside, one request of one process at a time.

        :param do: a function of ``guest/agent.py``.
        :param patience: seconds that its answer may take.
        :returns: a code, 0 for well done, and what it gave.
        :raises EngineError: no answer came.
        """
        with self._stream(patience) as stream:
            mark = secrets.token_hex(8)
            head = {"id": mark, "do": do, "size": len(content), **more}
            stream.write(json.dumps(head).encode() + b"\n" + content)
            stream.flush()
            while line := stream.readline():
                if f'"{mark}"'.encode() in line:
                    told = json.loads(line)
                    return int(told["code"]), stream.read(told["size"])
        raise EngineError("The virtual machine has ended.")

    @contextmanager
    def _stream(self, patience: float) -> Iterator[BufferedRWPair]:
        try:
            with self.path.with_suffix(".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with socket.socket(socket.AF_UNIX) as end:
                    end.settimeout(patience)
                    end.connect(str(self.path))
                    with end.makefile("rwb") as stream:
                        yield stream
        except TimeoutError as silent:
            raise EngineError(f"Inside the machine nothing answered in {patience:g} s.") from silent
        except OSError as gone:
            raise EngineError("The virtual machine does not run any more.") from gone
