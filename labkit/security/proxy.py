"""A read-only way to an engine: HAProxy on a socket beside the engine's own."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Self

from labkit import archives, raw, wait
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import APIError, EngineError, LabError, WaitTimeout
from labkit.security.inside import Inside

__all__ = ["ReadOnlyProxy"]

_FOLDER = "/etc/labkit-proxy"
_CONFIGURATION = f"{_FOLDER}/readonly.cfg"
_PID = f"{_FOLDER}/proxy.pid"
_WORDS = f"{_FOLDER}/last-words.log"
_RUN = f"echo $$ > {_PID}; exec haproxy -db -f {_CONFIGURATION} > {_WORDS} 2>&1"
_END = f"""
test -s {_PID} || exit 0
kill -KILL $(cat {_PID}) 2> /dev/null
while kill -0 $(cat {_PID}) 2> /dev/null; do sleep 0.01; done
rm -f {_PID}
"""


class ReadOnlyProxy:
    """HAProxy before an engine, letting through what only reads; made by :meth:`start`.

    It lives in the engine's container and goes with it. If it dies, its socket is dead, and the
    engine is as it was.
    """

    configuration: str = Path(__file__).with_name("readonly.cfg").read_text("utf-8")
    """What HAProxy runs with: which paths are open, which are shut, and why."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._inside = Inside(engine)

    @classmethod
    def start(cls, engine: Engine) -> Self:
        """Start the proxy of an engine, in place of one that runs; return when it answers.

        :raises EngineError: it can't run there; says why.
        """
        if engine.spec.bridged or engine.spec.version == "29":
            raise EngineError(
                f"The engine {engine.name} can't have the kit's proxy in its container.",
                hint="It needs a Docker on Linux, and one of the kit's own engine images.",
            )
        proxy = cls(engine)
        proxy.stop()
        text = proxy.configuration.encode()
        proxy._inside.put(archives.File(_CONFIGURATION[1:], text))
        ids = {"PROXY_UID": str(os.getuid()), "PROXY_GID": str(os.getgid())}
        proxy._inside.run("sh", "-c", _RUN, detach=True, env=ids)
        proxy._wait()
        return proxy

    @property
    def socket(self) -> Path:
        """The proxy's unix socket on this machine."""
        return self.engine.folder / "readonly.sock"

    @property
    def endpoint(self) -> Endpoint:
        """The proxy's socket as an endpoint."""
        return Endpoint(unix=self.socket)

    @property
    def alive(self) -> bool:
        """Whether the proxy answers, even if only to say that the engine does not."""
        try:
            with raw.Client(self.endpoint, timeout=5) as client:
                return client.get("/_ping").ok
        except APIError:
            return True
        except LabError:
            return False

    def kill(self) -> None:
        """Kill the proxy, as a crash would: its socket is dead, and stays."""
        self._inside.run("sh", "-c", _END)

    def stop(self) -> None:
        """End the proxy and remove its socket; nothing happens where there is none."""
        with contextlib.suppress(EngineError):  # the engine's end was the proxy's
            self.kill()
        self.socket.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<ReadOnlyProxy of {self.engine.name} at {self.socket}>"

    def _wait(self) -> None:
        try:
            wait.until(lambda: self.alive, what="the read-only proxy to answer", timeout=20)
        except WaitTimeout as late:
            words = self._inside.read(_WORDS).decode(errors="replace").strip()
            self.stop()
            raise EngineError(
                f"The read-only proxy of {self.engine.name} does not answer. It said:\n{words}",
                hint="labkit doctor checks what this machine lacks.",
            ) from late
