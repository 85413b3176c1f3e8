"""The learner's seat in grading: a folder with sockets, which is all that a sandbox is lent."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labkit import wait
from labkit.course.judge import Judge, serve
from labkit.course.lessons import lesson
from labkit.course.protocol import Verdict
from labkit.course.seat import Seat
from labkit.engine import drivers, fence
from labkit.engine.engine import Engine
from labkit.errors import LabError
from labkit.grading import ENGINE, HUB, JUDGE, NOTEBOOK, SEAT, relay
from labkit.hub.hub import NAME, Hub
from labkit.security.guard import Guard
from labkit.security.plugin import TOKEN

__all__ = ["POLICY", "Lent", "lent"]

POLICY = Path(__file__).with_name("learner.toml").read_text("utf-8")
"""What a submission may do with an engine."""


class Lent(Seat):
    """A sandbox's seat: engines are lent with a guard on them, each by a socket in the folder."""

    fenced = True

    def __init__(self, folder: Path, token: str, patience: float) -> None:
        super().__init__()
        self._patience = patience
        self.headers[TOKEN] = token
        self.folder = folder
        self.env: dict[str, str] = {}
        self._busy = threading.Lock()
        self._listeners: list[socket.socket] = []

    @contextlib.contextmanager
    def lend(self, engine: Engine) -> Iterator[str]:
        """Guard an engine, and yield the path that its socket has in the sandbox."""
        Guard.on(engine, POLICY.replace("TOKEN", secrets.token_urlsafe(32)))
        name = f"{engine.name}.sock"
        self.link(engine.socket, name)
        try:
            yield f"{SEAT}/{name}"
        finally:
            (self.folder / name).unlink(missing_ok=True)

    def link(self, path: Path, name: str) -> None:
        """Have a socket in the folder, too, where the sandbox's user may open it."""
        if os.getuid() == 0:  # else the sandbox's user is this one
            path.chmod(0o666)
        os.link(path, self.folder / name)

    def hand_over(self, notebook: bytes) -> None:
        """Give the sandbox the notebook that it waits for."""
        written = self.folder / f"{NOTEBOOK}.new"
        written.write_bytes(notebook)
        written.rename(self.folder / NOTEBOOK)

    def listen(self, name: str) -> socket.socket:
        """Listen on a socket in the folder."""
        listener = socket.socket(socket.AF_UNIX)
        path = self.folder / name
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(64)
        self._listeners.append(listener)
        return listener

    def judged_by(self, judge: Judge) -> None:
        """Have a judge hold conversations at a socket of the folder, one after another."""
        listener = self.listen(JUDGE)
        sit = partial(serve, judge, listener, patience=self._patience, busy=self._busy)
        threading.Thread(target=sit, daemon=True).start()
        self.env["LABKIT_JUDGE"] = f"{SEAT}/{JUDGE}"

    def settle(self, *, seconds: float) -> None:
        """Wait until the judge has come to an end with what it is at, but no longer than that."""
        with contextlib.suppress(LabError):
            wait.until(lambda: not self._busy.locked(), what="the judge", timeout=seconds)

    def close(self) -> None:
        """Listen no more."""
        for one in self._listeners:
            one.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for a connection
            one.close()


@contextlib.contextmanager
def lent(
    assignment: str, *, version: str, patience: float, heard: Callable[[Verdict], None]
) -> Iterator[Lent]:
    """Yield a seat for one run of a submission: a fresh engine, guarded and bounded, and a judge.

    :param patience: seconds that the judge waits for one answer.
    :param heard: is told every verdict.
    :raises LabError: it could not be furnished; nothing is left behind.
    """
    wanted = lesson(assignment).hub
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(_hub(wanted)) if wanted else None
        network, known = stack.enter_context(_apart(hub)) if hub else (fence.ALONE, {})
        engine = stack.enter_context(
            Engine.start(
                version=version, fenced=True, network=network, hosts=known, say=_nothing,
                args=[f"--insecure-registry={NAME}"] if hub else [],
            )
        )  # fmt: skip
        token = secrets.token_urlsafe(32)
        Guard.on(engine, POLICY.replace("TOKEN", token))
        folder = engine.folder / "seat"
        folder.mkdir(mode=0o755)
        seat = stack.enter_context(contextlib.closing(Lent(folder, token, patience)))
        seat.link(engine.socket, ENGINE)
        seat.env |= {"LABKIT_SOCKET": f"{SEAT}/{ENGINE}", wait.PACE: f"{wait.paced(1):g}"}
        if hub:
            _bring_hub(seat, hub)
        seat.judged_by(Judge(assignment, engine.endpoint, hub=hub, seat=seat, heard=heard))
        yield seat
        seat.settle(seconds=30)


def _hub(settings: Mapping[str, Any]) -> Hub:
    """A hub for one learner: whoever asks it, by whichever way, spends the same budget.

    The engine, the sandbox and the judge come from addresses that have nothing in common.
    """
    return Hub.start(**{**settings, "prefix": 0}, say=_nothing)


def _bring_hub(seat: Lent, hub: Hub) -> None:
    """Have the sandbox find the hub where it is on this machine."""
    where = urlsplit(hub.url)
    relay.start(seat.listen(HUB), partial(socket.create_connection, (where.hostname, where.port)))
    passwords = {name: one.password for name, one in hub.accounts.items() if one.password}
    seat.env |= {"LABKIT_HUB": hub.url, "LABKIT_HUB_ACCOUNTS": json.dumps(passwords)}


@contextlib.contextmanager
def _apart(hub: Hub) -> Iterator[tuple[str, dict[str, str]]]:
    """A network for the hub and one engine, that leads nowhere else; and what they call the hub."""
    network = drivers.choose(say=_nothing).network(f"apart-{hub.name}", keep=False, internal=True)
    try:
        yield network.id, {NAME: hub.body.connect(network.id)}
    finally:
        hub.body.disconnect(network.id)
        network.remove()


def _nothing(_: str) -> None:
    """Say nothing: many are graded at once."""
