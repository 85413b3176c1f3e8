"""A unix socket that leads to an engine's TLS port, for hosts that can't share a socket with us.

Runs as a process of its own, ``python bridge.py SOCKET PORT CERTIFICATES``, with the standard
library alone, so that it starts at once. It goes to the background when the socket accepts, and
ends when the engine does: it holds one connection open that only the engine's end closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
from pathlib import Path

QUIET = b"%7B%22type%22%3A%5B%22daemon%22%5D%7D"  # {"type":["daemon"]}: events that hardly come
WATCH = b"GET /events?filters=" + QUIET + b" HTTP/1.1\r\nHost: engine\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Bridge:
    """Carries bytes between the unix socket and the TLS port, both ways."""

    def __init__(self, socket: str, port: int, certificates: Path) -> None:
        self.socket = socket
        self.port = port
        self.context = ssl.create_default_context(cafile=certificates / "ca.pem")
        self.context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")

    async def connect(self) -> Streams:
        """A new connection to the engine."""
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until either side closes."""
        try:
            far_reader, far_writer = await self.connect()
        except OSError:
            writer.close()
            return
        there = asyncio.create_task(pump(reader, far_writer))
        back = asyncio.create_task(pump(far_reader, writer))
        await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        if there.done() and not back.done():
            await back  # the client has said all; the answer may still come
        for stream in (writer, far_writer):
            stream.close()
        there.cancel()

    async def run(self) -> None:
        """Listen, go to the background, and stay until the engine ends."""
        reader, writer = await self.connect()
        writer.write(WATCH)
        await writer.drain()
        server = await asyncio.start_unix_server(self.carry, self.socket)
        sys.stdout.write("ready\n")
        sys.stdout.close()
        os.close(1)  # whoever started this reads to the end
        with contextlib.suppress(OSError):
            while await reader.read(65536):
                pass
        server.close()
        writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, then tell the other side, where the connection can say so."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


if __name__ == "__main__":
    os.umask(0o177)  # the socket is for this user alone
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Bridge(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])).run())
