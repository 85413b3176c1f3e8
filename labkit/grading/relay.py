"""Connections carried from one socket to another: how a sandbox reaches a hub without a network."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

__all__ = ["start"]


def start(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Carry every connection that comes to the listener to a new one of ``connect``.

    It goes on in the background until the listener is closed.
    """
    threading.Thread(target=_serve, args=(listener, connect), daemon=True).start()


def _serve(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        try:
            far = connect()
        except OSError:
            near.close()
            continue
        threading.Thread(target=_both_ways, args=(near, far), daemon=True).start()


def _both_ways(near: socket.socket, far: socket.socket) -> None:
    with near, far:
        back = threading.Thread(target=_carry, args=(far, near), daemon=True)
        back.start()
        _carry(near, far)
        back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Carry what comes from one connection to another, and its end, too."""
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
