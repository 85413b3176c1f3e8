"""A policy put on an engine: the authorization plugin as a process that dockerd consults."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd

from labkit import archives, raw, wait
from labkit.endpoint import Endpoint
from labkit.engine import image
from labkit.engine.engine import Engine
from labkit.errors import APIError, EngineError, LabError
from labkit.security.inside import Inside
from labkit.security.plugin import FOLDER, LOG, PID, POLICY, SOCKET
from labkit.security.policy import Policy, PolicyError
from labkit.table import Table

__all__ = ["THREE_USERS", "Guard", "decisions", "matrix"]

THREE_USERS = Path(__file__).with_name("three-users.toml").read_text("utf-8")
"""A policy for rita, who reads, omar, who operates, and ada, who administers."""

_CODE = "usr/local/lib/labkit-guard"
_DAEMON = "etc/docker/daemon.json"
_ERRORS = f"{FOLDER}/errors.log"
_LOOP = f"""
echo $$ > {FOLDER}/loop.pid
while true; do
    PYTHONPATH=/{_CODE} python3 -B -m labkit.security.plugin 2>> {_ERRORS}
    sleep 0.05
done
"""
_COLUMNS = ("time", "user", "auth", "method", "path", "allow", "rule", "why", "status")


class Guard:
    """The authorization plugin of an engine, and its policy; made by :meth:`on`.

    It lives in the engine's container and goes with it. A plugin that dies is started again within
    moments, and the engine refuses what is asked meanwhile.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        inside = Inside(engine)
        self._put, self._read, self._run = inside.put, inside.read, inside.run

    @classmethod
    def on(cls, engine: Engine, policy: str) -> Self:
        """Put a policy on a running engine, and return when it is in force.

        dockerd reads ``authorization-plugins`` from its daemon.json when it gets a SIGHUP: no
        restart, no connection lost.

        :raises LabError: that is no policy; says what is wrong.
        :raises EngineError: the engine has no Python to run a plugin, or does not consult it.
        """
        if image.offered(engine.version).official:
            raise EngineError(
                f"Docker's own image of {engine.version} can't run the kit's plugin.",
                hint=f"Choose another version: labkit.Engine.start(version={image.DEFAULT!r})",
            )
        _checked(policy)
        guard = cls(engine)
        guard._put(*_program(), archives.File(str(POLICY)[1:], policy.encode(), 0o600))
        guard.restart()
        guard._enable(["lab"])
        guard._wait(guard._consulted, "the engine to consult the plugin")
        return guard

    @property
    def policy(self) -> str:
        """The policy in force; set it, and the new one is in force at once.

        :raises LabError: that is no policy; the one before stays.
        """
        return self._read(str(POLICY)).decode()

    @policy.setter
    def policy(self, text: str) -> None:
        _checked(text)
        self.write(text)

    def write(self, text: str) -> None:
        """Write the policy's file as it is, right or wrong: a wrong one refuses everything."""
        self._put(archives.File(f"{str(POLICY)[1:]}.new", text.encode(), 0o600))
        self._run("mv", f"{POLICY}.new", str(POLICY))

    def decisions(self) -> Table:
        """Every decision so far, with what the engine answered then; see :func:`decisions`."""
        return decisions(self._read(str(LOG)).decode())

    def kill(self) -> None:
        """Kill the plugin for good: the engine can't ask, and refuses."""
        self._signal("KILL", "loop.pid", "plugin.pid")

    def crash(self) -> None:
        """Kill the plugin once: it is started again within moments."""
        self._signal("KILL", "plugin.pid")

    def hang(self) -> None:
        """Stop the plugin in mid-air: the engine asks and gets no answer."""
        self._signal("STOP", "plugin.pid")

    def resume(self) -> None:
        """Let a hanging plugin go on."""
        self._signal("CONT", "plugin.pid")

    def restart(self) -> None:
        """Start the plugin, in place of one that runs."""
        self.kill()
        self._run("rm", "-f", str(PID), str(SOCKET))
        self._run("sh", "-c", _LOOP, detach=True)
        started = f"test -s {PID} -a -S {SOCKET}"
        self._wait(lambda: self._run("sh", "-c", started) == 0, "the plugin to start")

    def remove(self) -> None:
        """Take the policy off: the engine asks nobody any more."""
        self._enable([])
        self._wait(lambda: not self._consulted(), "the engine to forget the plugin")
        self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(LabError):
            self.remove()

    def __repr__(self) -> str:
        return f"<Guard of {self.engine.name}>"

    def _enable(self, names: list[str]) -> None:
        settings = json.dumps({"authorization-plugins": names}).encode()
        self._put(archives.File(_DAEMON, settings))
        self._run("sh", "-c", "kill -HUP $(cat /run/docker.pid)")

    def _consulted(self) -> bool:
        """Whether a request that we send now turns up in the plugin's log."""
        mark = f"/_ping?mark={secrets.token_hex(8)}"
        with contextlib.suppress(LabError), raw.Client(self.engine.endpoint) as client:
            client.get(mark)
        return mark in self._read(str(LOG)).decode()

    def _wait(self, probe: Callable[[], bool], what: str) -> None:
        wait.until(
            probe, what=what, timeout=20, hint=f"Seen: {self._read(_ERRORS).decode()[-500:]}"
        )

    def _signal(self, name: str, *files: str) -> None:
        for file in files:
            if pid := self._read(f"{FOLDER}/{file}").decode().strip():
                self._run("kill", f"-{name}", pid)


def decisions(log: str) -> Table:
    """The plugin's log as a table: one row for each request, in the order of the decisions.

    Columns: time (UTC), user, auth, method, path, allow, rule, why, status; the status is missing
    as long as the engine has not answered, and where it answered with an error of its own.
    """
    rows: dict[str, dict[str, Any]] = {}
    for line in filter(str.strip, log.splitlines()):
        told = json.loads(line)
        if "answers" not in told:
            rows[told["id"]] = told
        elif told["answers"] in rows:  # of an error, dockerd tells its plugin no status: 0
            rows[told["answers"]]["status"] = told["status"] or None
    table = Table(pd.DataFrame(list(rows.values()), columns=list(_COLUMNS)))
    table["time"] = pd.to_datetime(table["time"], unit="s", utc=True)
    table["status"] = table["status"].astype("Int64")
    return table


def matrix(users: Mapping[str, Endpoint], requests: Sequence[tuple[str, str, Any]]) -> Table:
    """Try each request as each user, in this order: a row for each request, with the statuses.

    :param users: where each user connects, with certificates of their own.
    :param requests: method, path and JSON body, None for no body.
    """
    with contextlib.ExitStack() as stack:
        clients = {
            user: stack.enter_context(raw.Client(endpoint, timeout=30))
            for user, endpoint in users.items()
        }
        rows = [
            {user: _status(client, *request) for user, client in clients.items()}
            for request in requests
        ]
    index = pd.Index([_cell_name(*request) for request in requests], name="request")
    return Table(pd.DataFrame(rows, index=index))


def _status(client: raw.Client, method: str, path: str, body: Any) -> int:
    try:
        return client.request(method, path, json=body).status_code
    except APIError as refused:
        return refused.status


def _cell_name(method: str, path: str, body: Any) -> str:
    return f"{method} {path}" + (f" {json.dumps(body)}" if body is not None else "")


def _program() -> Iterator[archives.File | archives.Folder]:
    """What the plugin needs in the engine's container: four modules, and a private folder."""
    here = Path(__file__).parent
    yield archives.File(f"{_CODE}/labkit/__init__.py", b"")
    yield archives.File(f"{_CODE}/labkit/security/__init__.py", b"")
    for name in ("bodies", "plugin", "policy", "powers"):
        content = (here / f"{name}.py").read_bytes()
        yield archives.File(f"{_CODE}/labkit/security/{name}.py", content)
    yield archives.Folder(str(FOLDER)[1:], 0o700)


def _checked(policy: str) -> None:
    try:
        Policy.parse(policy)
    except PolicyError as cause:
        hint = "labkit.security.guard.THREE_USERS is a policy to begin with."
        raise LabError(str(cause), hint=hint) from cause
