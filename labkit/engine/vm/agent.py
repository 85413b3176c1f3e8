"""What the kit has done inside a machine, over a serial port that only the kit has.

The other side is ``guest/agent.py``. A request is a line of JSON and so many bytes as its ``size``
says; so is the answer.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.errors import EngineError

__all__ = ["Agent"]

_LONGEST_LINE = 2**16
_LARGEST = 2**28  # bytes of an answer; the largest is what a hub shows of its images


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
        mark = secrets.token_hex(8)
        head = {"id": mark, "do": do, "size": len(content), **more}
        with self._talk(patience) as talk:
            talk.send(json.dumps(head).encode() + b"\n" + content)
            while True:
                line = talk.line()
                if f'"{mark}"'.encode() in line:
                    told = json.loads(line)
                    return int(told["code"]), talk.take(int(told["size"]))

    @contextmanager
    def _talk(self, patience: float) -> Iterator[_Talk]:
        try:
            with self.path.with_suffix(".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with socket.socket(socket.AF_UNIX) as end:
                    end.settimeout(patience)
                    end.connect(str(self.path))
                    yield _Talk(end, time.monotonic() + patience)
        except TimeoutError as silent:
            raise EngineError(f"Inside the machine nothing answered in {patience:g} s.") from silent
        except OSError as gone:
            raise EngineError("The virtual machine does not run any more.") from gone
        except (ValueError, LookupError, TypeError) as strange:
            raise EngineError(f"Inside the machine something else answered: {strange}") from strange


class _Talk:
    """A conversation with whoever answers inside: a stranger may, and send what they like."""

    def __init__(self, end: socket.socket, until: float) -> None:
        self._end, self._until, self._unread = end, until, b""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._end.sendall(data)

    def line(self) -> bytes:
        """The next line."""
        while b"\n" not in self._unread:
            if len(self._unread) > _LONGEST_LINE:
                raise ValueError("no line ends")
            self._unread += self._more()
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def take(self, size: int) -> bytes:
        """So many bytes."""
        if not 0 <= size <= _LARGEST:
            raise ValueError(f"{size} bytes")
        parts, missing = [self._unread], size - len(self._unread)
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        return b"".join(parts)[:size]

    def _more(self) -> bytes:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._end.settimeout(left)
        if data := self._end.recv(1 << 20):
            return data
        raise ConnectionResetError
