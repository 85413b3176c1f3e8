"""A machine's way to one that serves others: a program that QEMU starts for each connection.

Usage: ``python way.py SERVER OWN``, both the folders of machines, with the connection as standard
input. The way ends with the server, and there are so many at a time and no more.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import socket
import sys
import threading
from io import TextIOWrapper
from pathlib import Path

MOST = 32


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the end, then tell the other side."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def place(folder: Path) -> TextIOWrapper | None:
    """One of the places that there are, for as long as the file is open."""
    for number in range(MOST):
        file = (folder / f"way.{number}").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
        else:
            return file
    return None


def port(folder: Path) -> int:
    """The loopback port of the machine in that folder, if it is the one that got it."""
    told = json.loads((folder / "machine.json").read_text())
    if folder.name not in Path(f"/proc/{told['pid']}/cmdline").read_text(errors="replace"):
        raise ProcessLookupError(told["pid"])
    return int(told["ports"][0])


if __name__ == "__main__":
    server, own = map(Path, sys.argv[1:])
    near = socket.socket(fileno=0)
    taken = place(own)
    with contextlib.suppress(OSError, ValueError, LookupError):
        if taken:
            far = socket.create_connection(("127.0.0.1", port(server)))
            threading.Thread(target=pump, args=(near, far)).start()
            pump(far, near)
