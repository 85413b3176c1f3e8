"""A unix socket that leads to an engine's TLS port, for hosts that can't share a socket with us.

Runs as a process of its own, ``python bridge.py SOCKET PORT CERTIFICATES``, with the standard
library alone, so that it starts at once. It goes to the background when the socket accepts, and
ends when the engine does: it holds one connection open that only the engine's end closes.

A client that has said all, and still listens, is carried as such: asyncio's own TLS can't do that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

QUIET = b"%7B%22type%22%3A%5B%22daemon%22%5D%7D"  # {"type":["daemon"]}: events that hardly come
WATCH = b"GET /events?filters=" + QUIET + b" HTTP/1.1\r\nHost: engine\r\n\r\n"
PIECE = 65536
HANDSHAKE = 60.0  # seconds


class Secured:
    """A TLS connection, each direction of which ends by itself."""

    def __init__(
        self, context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._coming, self._going, server_hostname="127.0.0.1")

    async def shake_hands(self) -> None:
        """Be sure of each other."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._more()
            else:
                return await self._flush()

    async def read(self) -> bytes:
        """What has come; no bytes at the end."""
        while True:
            try:
                return self._tls.read(PIECE)
            except ssl.SSLWantReadError:
                await self._more()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    async def write(self, data: bytes) -> None:
        """Send it."""
        self._tls.write(data)
        await self._flush()

    async def end(self) -> None:
        """Send no more; what comes can still be read."""
        with contextlib.suppress(ssl.SSLError):  # that the other side has not ended, too
            self._tls.unwrap()
        await self._flush()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def _more(self) -> None:
        if data := await self._reader.read(PIECE):
            self._coming.write(data)
        else:
            self._coming.write_eof()

    async def _flush(self) -> None:
        self._writer.write(self._going.read())
        await self._writer.drain()


class Bridge:
    """Carries bytes between the unix socket and the TLS port, both ways."""

    def __init__(self, socket: str, port: int, certificates: Path) -> None:
        self.socket = socket
        self.port = port
        self.context = ssl.create_default_context(cafile=certificates / "ca.pem")
        self.context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")

    async def connect(self) -> Secured:
        """A new connection to the engine."""
        far = Secured(self.context, *await asyncio.open_connection("127.0.0.1", self.port))
        try:
            await asyncio.wait_for(far.shake_hands(), HANDSHAKE)
        except BaseException:
            far.close()
            raise
        return far

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until the engine has said all, or the client has gone."""
        with contextlib.closing(writer), tell("a connection to the engine broke"):
            far = await self.connect()
            with contextlib.closing(far):
                asking = asyncio.create_task(ask(reader, far))
                try:
                    while data := await far.read():
                        try:
                            writer.write(data)
                            await writer.drain()
                        except OSError:  # the client has gone
                            return
                    writer.write_eof()
                finally:
                    asking.cancel()

    async def run(self) -> None:
        """Listen, go to the background, and stay until the engine ends."""
        watch = await self.connect()
        await watch.write(WATCH)
        server = await asyncio.start_unix_server(self.carry, self.socket)
        sys.stdout.write("ready\n")
        sys.stdout.close()
        os.close(1)  # whoever started this reads to the end
        with tell("the engine has gone"):
            while await watch.read():
                pass
        server.close()
        watch.close()


async def ask(reader: asyncio.StreamReader, far: Secured) -> None:
    """Carry what a client says, and that it has said all."""
    with contextlib.suppress(OSError):
        while data := await reader.read(PIECE):
            await far.write(data)
        await far.end()


@contextlib.contextmanager
def tell(what: str) -> Iterator[None]:
    """Note down what goes wrong, and let it be."""
    try:
        yield
    except OSError as failed:
        print(what, repr(failed), file=sys.stderr, flush=True)  # noqa: T201 - into bridge.log


if __name__ == "__main__":
    os.umask(0o177)  # the socket is for this user alone
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Bridge(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])).run())
