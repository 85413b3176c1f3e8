"""Starts the app on waitress, a WSGI server for production, and ends it without a trace."""

from __future__ import annotations

import json
import socket
import threading
import time
from types import TracebackType
from typing import Any, Self, cast

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask

from labkit.app import BODY_LIMIT, create_app
from labkit.app.context import Context
from labkit.app.guard import Guard
from labkit.app.hub import Hub
from labkit.app.jobs import Jobs
from labkit.app.meter import Meter
from labkit.app.sse import Streams
from labkit.endpoint import Endpoint
from labkit.errors import LabError

__all__ = ["STREAMS", "App"]

STREAMS = 24
"""How many streams can be open at once; each has one of the server's threads."""

_THREADS = 32
_STALLED = 60.0
_FIRST_LISTS = 5.0
_GRACE = 1.0
_BUFFER = 256 * 1024


class App:
    """The management app for one engine, in threads of this process; a context manager.

    :param endpoint: where the engine listens.
    :param port: where to listen on 127.0.0.1; 0 takes a free one.
    :param stalled: seconds after which a client that reads nothing of its answer is cut off.
    :raises LabError: somebody else listens there.
    """

    def __init__(self, endpoint: Endpoint, *, port: int = 0, stalled: float = _STALLED) -> None:
        listener = _listen(port)
        self.guard = Guard(listener.getsockname()[1])
        self._hub = Hub(endpoint)
        self._jobs = Jobs()
        self._streams = Streams(limit=STREAMS)
        meter = Meter(endpoint, self._hub)
        context = Context(endpoint, self._hub, meter, self._streams, self._jobs)
        self._sockets: dict[int, Any] = {}
        self.wsgi = create_app(context, self.guard)
        self._server = self._make_server(listener)
        self._stalled = stalled
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="labkit-app")
        self._hub.wait(_FIRST_LISTS)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address to open, with the token."""
        return self.guard.url

    @property
    def origin(self) -> str:
        """The address without the token."""
        return self.guard.origin

    @property
    def token(self) -> str:
        """What a program sends as ``Authorization: Bearer``."""
        return self.guard.token

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def wait(self) -> None:
        """Wait until the app ends."""
        self._thread.join()

    def close(self) -> None:
        """End every stream, thread and connection; safe to call twice."""
        self._streams.close()
        self._hub.close()
        self._jobs.close()
        if not self._closing.is_set():
            self._closing.set()
            self._server.pull_trigger()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _make_server(self, listener: socket.socket) -> BaseWSGIServer:
        made: Any = create_server(
            self.wsgi,
            map=self._sockets,
            sockets=[listener],
            threads=_THREADS,
            ident=None,
            max_request_body_size=BODY_LIMIT + 1,
            outbuf_high_watermark=_BUFFER,
            channel_request_lookahead=1,  # so that it notices when a client is gone
            channel_timeout=30,
            log_socket_errors=False,
        )
        made.channel_class = _Channel
        return cast("BaseWSGIServer", made)

    def _run(self) -> None:
        """Serve until the end, and a moment longer, so that every answer gets its last bytes."""
        while not self._closing.is_set():
            self._turn(1.0)
        last = time.monotonic() + _GRACE
        while self._busy() and time.monotonic() < last:
            self._turn(0.02)
        for channel in self._channels():
            channel.handle_close()  # frees the thread that waits to write to it
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets)

    def _turn(self, timeout: float) -> None:
        """Do what there is to do on all connections; wasyncore's own loop would never end."""
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._sockets, count=1)
        self._cut_off_stalled()

    def _busy(self) -> bool:
        return any(one.requests or one.total_outbufs_len for one in self._channels())

    def _cut_off_stalled(self) -> None:
        late = time.time() - self._stalled
        for channel in self._channels():
            if channel.total_outbufs_len and channel.last_activity < late:
                channel.handle_close()

    def _channels(self) -> list[HTTPChannel]:
        return [one for one in list(self._sockets.values()) if isinstance(one, HTTPChannel)]


class _ErrorTask(ErrorTask):
    """What waitress refuses before any route sees it, as the app's other errors are."""

    def execute(self) -> None:
        """Answer with JSON."""
        refused: Any = self.request
        status, headers, _ = refused.error.to_response(None)
        kept = [one for one in headers if one[0].lower() != "content-type"]
        body = json.dumps({"error": f"{status[4:]}.", "hint": ""}).encode()
        self.status = status
        self.response_headers = [
            *kept,
            ("Content-Type", "application/json"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
        ]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    error_task_class = _ErrorTask


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    except OSError as cause:
        listener.close()
        raise LabError(
            f"Port {port} can't be used: {cause.strerror}.",
            hint="Choose another --port, or none: then a free one is taken.",
        ) from cause
    return listener
