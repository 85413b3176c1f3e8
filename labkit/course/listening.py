"""A web server for a learner's app: on loopback, silent, and gone when it is closed."""

from __future__ import annotations

import contextlib
import io
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

__all__ = ["HOST", "PATIENCE", "RAISED", "Listening", "Served", "in_words", "listen"]

HOST = "127.0.0.1"
PATIENCE = 30.0  # seconds that a request, or an idle connection, may take
RAISED = "labkit.raised"  # in a request's environ: what the app's code did not catch


@dataclass(frozen=True)
class Served:
    """A request that was answered; ``caller`` is the port that it came from."""

    caller: int
    method: str
    path: str
    status: int
    raised: str


class _Handler(WSGIRequestHandler):
    """Notes each answer down, and prints nothing: its threads' words would land in any cell."""

    timeout = PATIENCE
    server: Listening

    def make_environ(self) -> Any:
        """Keep tracebacks off the notebook; the log has what counts."""
        return super().make_environ() | {"wsgi.errors": io.StringIO()}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002  # http.server's
        """Note an answer down; called before its first byte is sent."""
        raised = getattr(self, "environ", {}).get(RAISED, "")
        answered = Served(self.client_address[1], self.command, self.path, int(code), raised)
        self.server.served.append(answered)

    def log(self, *_: Any) -> None:
        """Print nothing."""


class Listening(ThreadedWSGIServer):
    """Werkzeug's server, which knows its connections and can end them."""

    def __init__(self, app: Flask, listener: socket.socket, served: list[Served]) -> None:
        self.served = served
        self._connections: set[Any] = set()
        host, port = listener.getsockname()
        super().__init__(host, port, app, handler=_Handler, fd=listener.fileno())

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember a connection."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End what a browser keeps open in advance."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def log(self, *_: Any) -> None:
        """Print nothing."""


def listen(app: Flask, port: int, served: list[Served]) -> Listening:
    """Listen on this port if it is free, else on any."""
    try:
        listener = socket.create_server((HOST, port))
    except OSError:
        listener = socket.create_server((HOST, 0))
    with listener:  # the server has it twice, and keeps the other one
        return Listening(app, listener, served)


def in_words(raised: BaseException) -> str:
    """An exception, and the last line of the learner's own code on the way to it."""
    installed = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[1]))
    frames = traceback.extract_tb(raised.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(installed)]
    where = f" (in {own[-1].name}, line {own[-1].lineno})" if own else ""
    said = getattr(raised, "explanation", None) or raised  # the engine's own words, if it spoke
    return f"{type(raised).__name__}: {said}".removesuffix(": ")[:300] + where
