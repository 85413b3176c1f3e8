"""Engines for tests: one for a test session, and fresh ones."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine

# What takes longest begins first, so that no worker is left alone with it.
LONGEST = ("notebooks/07-swarm", "notebooks/13-capstone")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first; all else stays in its order."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that the tests of this process share; a test removes what it made on it."""
    with Engine.start() as engine:
        yield engine


@pytest.fixture
def fresh_engine() -> Iterator[Engine]:
    """An engine for one test alone, free to be broken."""
    with Engine.start() as engine:
        yield engine


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Any]:
    """Yield what starts a stranger: it answers every connection with the bytes given."""
    listeners: list[tuple[socket.socket, threading.Thread]] = []

    def listen(answer: bytes) -> Endpoint:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path = tmp_path / f"{len(listeners)}.sock"
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_answer_all, args=(listener, answer))
        thread.start()
        listeners.append((listener, thread))
        return Endpoint(unix=path)

    yield listen
    for listener, thread in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _answer_all(listener: socket.socket, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
