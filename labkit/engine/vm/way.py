"""A machine's way to one loopback port of this machine: a program that QEMU starts a connection.

Usage: ``python way.py PORT``, with the connection as standard input.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the end, then tell the other side."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    near = socket.socket(fileno=0)
    far = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    threading.Thread(target=pump, args=(near, far)).start()
    pump(far, near)
