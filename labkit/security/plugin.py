"""The authorization plugin: the engine asks it before each request, and tells it each answer.

A program of its own, run inside the engine's container by its Python and nothing else. It reads
the policy anew whenever the file has changed; while the file can't be read, it refuses everything.
Each decision is a JSON line in the log, each answer another with the number of its decision.
"""

from __future__ import annotations

import base64
import binascii
import collections
import itertools
import json
import os
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from labkit.security import powers
from labkit.security.policy import Decision, Policy, PolicyError, Request

FOLDER = Path("/etc/labkit-guard")
POLICY = FOLDER / "policy.toml"
LOG = FOLDER / "decisions.jsonl"
PID = FOLDER / "plugin.pid"
SOCKET = Path("/run/docker/plugins/lab.sock")
ENGINE = Path("/labkit/docker.sock")
TOKEN = "x-labkit-token"  # noqa: S105 - the header's name
_KEPT = 2000  # letters of a path in the log
_LONGEST = 32 * 2**20  # bytes of the log; then the next one begins, and the one before is kept


class Rules:
    """The policy in force: the file's, as it is now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._state: tuple[int, int, int] | None = None
        self._policy: Policy | None = None
        self._why = ""

    def decide(self, request: Request) -> Decision:
        """Whether the request may pass; nothing may while the policy can't be read."""
        with self._lock:
            self._read()
            policy, why = self._policy, self._why
        if policy is None:
            return Decision(allow=False, why=f"the policy can't be read: {why}")
        decision, role = policy.decide(request), policy.role(request)
        if decision.allow and role and not role.trusted and request.method == "POST":
            why = powers.refusal(request.uri.partition("?")[0], ENGINE)
            return Decision(not why, decision.rule, why)
        return decision

    def _read(self) -> None:
        try:
            found = self._path.stat()
            state = (found.st_ino, found.st_mtime_ns, found.st_size)
            if state != self._state:
                self._policy = None
                self._policy = Policy.parse(self._path.read_text("utf-8"))
                self._state = state
        except (OSError, UnicodeDecodeError, PolicyError) as error:
            self._state, self._policy, self._why = None, None, str(error)


class Journal:
    """The log of decisions and answers."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[tuple[str, str, str], collections.deque[str]] = {}
        self._path = path
        self._file = path.open("a", encoding="utf-8")
        self._prefix = f"{os.getpid()}.{time.time_ns()}"  # unlike an earlier plugin's

    def decided(self, request: Request, method: str, decision: Decision) -> None:
        """Write what was decided."""
        with self._lock:
            number = f"{self._prefix}.{next(self._numbers)}"
            if decision.allow:
                key = (request.user, request.method, request.uri)
                self._waiting.setdefault(key, collections.deque(maxlen=1000)).append(number)
            self._write({
                "id": number, "time": time.time(), "user": request.user, "auth": method,
                "method": request.method, "path": request.uri[:_KEPT], "allow": decision.allow,
                "rule": decision.rule, "why": decision.why,
                "status": None if decision.allow else 403,
            })  # fmt: skip

    def answered(self, request: Request, status: int) -> None:
        """Write what the engine answered a request that was allowed."""
        key = (request.user, request.method, request.uri)
        with self._lock:
            if waiting := self._waiting.get(key):
                self._write({"answers": waiting.popleft(), "status": status})
                if not waiting:
                    del self._waiting[key]

    def _write(self, line: dict[str, Any]) -> None:
        if self._file.tell() > _LONGEST:
            self._file.close()
            self._path.rename(self._path.with_suffix(".old"))
            self._file = self._path.open("a", encoding="utf-8")
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


class Handler(BaseHTTPRequestHandler):
    """Docker's plugin protocol: a POST with a JSON body, and JSON back."""

    protocol_version = "HTTP/1.1"
    rules: Rules
    journal: Journal

    def do_POST(self) -> None:
        """Answer the engine; what goes wrong here is a refusal."""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer: dict[str, Any]
        if self.path == "/Plugin.Activate":
            answer = {"Implements": ["authz"]}
        else:
            try:
                answer = self._judge(json.loads(raw))
            except Exception as error:  # noqa: BLE001 - whatever it is, the request is refused
                answer = {"Allow": False, "Msg": f"the plugin can't judge this: {error}"}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _judge(self, told: dict[str, Any]) -> dict[str, Any]:
        request = _request(told)
        if self.path == "/AuthZPlugin.AuthZRes":
            self.journal.answered(request, int(told.get("ResponseStatusCode") or 0))
            return {"Allow": True}
        decision = self.rules.decide(request)
        self.journal.decided(request, str(told.get("UserAuthNMethod") or ""), decision)
        return {"Allow": decision.allow, "Msg": decision.why}

    def log_message(self, *_: object) -> None:
        """Say nothing: the journal has it."""


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 128


def _request(told: dict[str, Any]) -> Request:
    headers = {str(key).lower(): str(value) for key, value in _headers(told).items()}
    kind = headers.get("content-type")
    try:
        body = base64.b64decode(told.get("RequestBody") or "", validate=True)
    except binascii.Error:
        body = b"?"
    return Request(
        user=str(told.get("User") or ""),
        method=str(told.get("RequestMethod") or ""),
        uri=str(told.get("RequestUri") or ""),
        body=body,
        content_type="" if kind is None else kind or "?",  # none at all, or none that says a thing
        length=headers.get("content-length", ""),
        token=headers.get(TOKEN, ""),
    )


def _headers(told: dict[str, Any]) -> dict[str, Any]:
    found = told.get("RequestHeaders") or {}
    return found if isinstance(found, dict) else {}


def serve() -> None:
    """Answer the engine until killed."""
    PID.write_text(str(os.getpid()))
    Handler.rules, Handler.journal = Rules(POLICY), Journal(LOG)
    SOCKET.parent.mkdir(parents=True, exist_ok=True)
    fresh = SOCKET.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with Server(str(fresh), Handler) as server:
        fresh.rename(SOCKET)  # over a dead one's, at once
        server.serve_forever()


if __name__ == "__main__":
    serve()
