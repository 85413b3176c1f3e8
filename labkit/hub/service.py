"""What serves HTTP at a loopback port of this machine, from a body beside those of engines."""

from __future__ import annotations

from typing import Self

import requests

from labkit import wait
from labkit.engine.driver import Body
from labkit.errors import EngineError, WaitTimeout

__all__ = ["Service"]

_PORT = 80


class Service:
    """What serves HTTP at a loopback port of this machine, from a body beside those of engines."""

    kind = ""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.name = body.id[:12]
        self.url = f"http://127.0.0.1:{body.port(_PORT)}"
        self.address = body.address

    @property
    def container_id(self) -> str:
        """The id of what it lives in."""
        return self.body.id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Throw it away, with everything in it."""
        self.body.remove()

    def restart(self) -> None:
        """Kill its programs, which come back at once: budgets are as new, images are kept.

        What it lives in runs on. Else a neighbour could be given its address meanwhile.
        """
        self.body.run("pkill", "-KILL", "-x", "haproxy|docker-registry")
        self.wait()

    def wait(self) -> None:
        """Wait until it answers.

        :raises EngineError: it does not; has its last words.
        """
        try:
            wait.until(self._answers, what=f"the {self.kind} to answer", timeout=20)
        except WaitTimeout as late:
            raise EngineError(
                f"The {self.kind} {self.name} does not answer. "
                f"Its last words:\n{self.body.log(lines=8)}",
                hint="labkit doctor checks what this machine lacks.",
            ) from late

    def _sign(self) -> dict[str, str]:
        """The headers with which the registry itself answers; without them HAProxy may."""
        return {}

    def _answers(self) -> bool:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"{self.url}/v2/", headers=self._sign(), timeout=5).ok
        except requests.RequestException:
            return False
