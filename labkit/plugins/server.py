"""The HTTP of a plugin: the engine POSTs JSON to a unix socket, and is answered in JSON.

It goes into a plugin as it is, beside the program that says what is answered, and needs Python and
nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

SOCKET = Path(os.environ.get("PLUGIN_SOCKET") or "/run/docker/plugins/driver.sock")

calls: deque[dict[str, Any]] = deque(maxlen=500)
"""What the engine has asked: the call, what came with it, and the error that was answered."""

Answers = Mapping[str, Callable[[dict[str, Any]], dict[str, Any] | None]]


def answered(answers: Answers, call: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Answer a call, and write it down. What goes wrong is told as ``Err``, as engines expect."""
    entry = {"call": call, "asked": asked, "error": ""}
    calls.append(entry)
    try:
        if call not in answers:
            raise LookupError(f"this plugin does not know {call}")  # noqa: TRY301  # told as all are
        return answers[call](asked) or {}
    except Exception as error:  # noqa: BLE001  # whatever it is, the engine is told
        entry["error"] = str(error) or type(error).__name__
        return {"Err": entry["error"]}


def serve(answers: Answers) -> None:
    """Answer the engine until it says to end.

    :param answers: for each call, such as ``/VolumeDriver.Create``, what answers it.
    """

    class Handler(BaseHTTPRequestHandler):
        """A POST with a JSON body, and JSON back."""

        def do_POST(self) -> None:
            """Answer one call."""
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            content = json.dumps(answered(answers, self.path, json.loads(body or "{}"))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing: it stands in calls."""

    # Process 1 of a container that does not listen is killed only after ten seconds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    SOCKET.parent.mkdir(parents=True, exist_ok=True)
    SOCKET.unlink(missing_ok=True)
    with UnixStreamServer(str(SOCKET), Handler) as server:
        server.serve_forever()
