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
        self.look()

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
        """Kill it and start it again: budgets are as new, images and its address are kept.

        Whoever starts in between may be given its address; then it takes another try.

        :raises WaitTimeout: somebody else goes on having its address.
        """
        before = self.address

        def is_back() -> bool:
            self.body.kill()
            self.body.start()
            self.look()
            return self.address == before

        wait.until(is_back, what=f"{before} to be free again", timeout=60, interval=0.5)
        self.wait()

    def look(self) -> None:
        """Find out where it is reached."""
        self.url = f"http://127.0.0.1:{self.body.port(_PORT)}"
        self.address = self.body.address

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

    def _answers(self) -> bool:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"{self.url}/v2/", timeout=5).status_code in (200, 401)
        except requests.RequestException:
            return False
