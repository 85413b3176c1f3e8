"""A command in a running container with its input open: what goes in, what comes out, how it ends.

``POST /exec/{id}/start`` turns an HTTP connection into one of plain bytes, both ways. What comes is
in frames; what goes is as it is; and to close one's half of the connection is the end of the input.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from labkit import raw, transport, unreachable, wait
from labkit.endpoint import Endpoint
from labkit.errors import LabError, StreamError
from labkit.live.actions import quoted
from labkit.streams import FrameDecoder, StreamName

__all__ = ["Session"]

_TIMEOUT = 10.0
_END = b"\r\n\r\n"
_PIECE = 65536
_UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}

Said = Callable[[StreamName, bytes], None]
Ended = Callable[[int | None], None]


class Session:
    """One exec, without a TTY, API 1.22+. Safe to close twice, and from any thread.

    The process itself can't be killed through the API: closing ends its input, and what does not
    care about that runs on in the container.

    :param said: is told what it prints, on the session's own thread.
    :param ended: is told the exit code when it has ended, None where it can't be known.
    :raises LabError: the container does not run, or no engine answers.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        container: str,
        command: Sequence[str],
        *,
        said: Said,
        ended: Ended,
    ) -> None:
        self._endpoint = endpoint
        self._said = said
        self._ended = ended
        wanted: dict[str, Any] = {"Cmd": list(command)}
        wanted |= {f"Attach{stream}": True for stream in ("Stdin", "Stdout", "Stderr")}
        with raw.Client(endpoint, timeout=_TIMEOUT) as client:
            made = client.post(f"/containers/{quoted(container)}/exec", json=wanted)
        self.id = str(made.json()["Id"])
        self._socket, self._first = self._start()
        self._thread = threading.Thread(target=self._read, name="labkit-exec", daemon=True)
        self._thread.start()

    def send(self, text: str) -> None:
        """Write to its input.

        :raises LabError: it has ended.
        """
        try:
            self._socket.sendall(text.encode())
        except OSError as cause:
            raise LabError("The command has ended: nobody reads this.") from cause

    def finish(self) -> None:
        """End its input, as Ctrl-D does; its output goes on."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Hang up, and end the thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._thread:
            self._thread.join(_TIMEOUT)
        self._socket.close()

    def _start(self) -> tuple[socket.socket, bytes]:
        """Return the connection after the answer's head, and the first bytes that came with it."""
        path, body = f"/exec/{self.id}/start", b'{"Detach": false, "Tty": false}'
        headers = {**_UPGRADE, "Content-Type": "application/json"}
        try:
            connection = transport.connect(self._endpoint, _TIMEOUT)
        except OSError as cause:
            raise unreachable.error(self._endpoint, cause) from cause
        try:
            connection.sendall(raw.request_bytes("POST", path, headers=headers, body=body))
            head, first = _head(connection)
            connection.settimeout(None)
        except OSError as cause:
            connection.close()
            raise unreachable.error(self._endpoint, cause) from cause
        status = int(head.split(maxsplit=2)[1])
        if status != 101:  # noqa: PLR2004  # Switching Protocols
            connection.close()
            raise LabError(
                f"The engine did not start the command: {first.decode(errors='replace')}"
            )
        return connection, first

    def _read(self) -> None:
        decoder, piece = FrameDecoder(), self._first
        with contextlib.suppress(OSError, StreamError):
            while True:
                for frame in decoder.feed(piece):
                    self._said(frame.stream, frame.data)
                piece = self._socket.recv(_PIECE)
                if not piece:
                    break
        self._ended(self._code())

    def _code(self) -> int | None:
        """Return the exit code; the engine may know it a moment after the output has ended."""
        with contextlib.suppress(LabError), raw.Client(self._endpoint, timeout=_TIMEOUT) as client:
            found = wait.until(
                lambda: _if_ended(client.get(f"/exec/{self.id}/json").json()),
                what="the exit code", timeout=1,
            )  # fmt: skip
            return int(found["ExitCode"])
        return None


def _head(connection: socket.socket) -> tuple[bytes, bytes]:
    found = b""
    while _END not in found:
        piece = connection.recv(_PIECE)
        if not piece:
            raise ConnectionResetError("the engine hung up")
        found += piece
    head, _, first = found.partition(_END)
    return head, first


def _if_ended(found: dict[str, Any]) -> dict[str, Any] | None:
    return None if found["Running"] else found
