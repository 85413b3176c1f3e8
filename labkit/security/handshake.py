"""A TLS handshake without a network: both ends in this process, the bytes carried by hand.

It tells what a client would say to a server with these files, in OpenSSL's own words.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from pathlib import Path

__all__ = ["handshake"]


def handshake(*, cert: bytes, key: bytes, ca: bytes, host: str) -> str:
    """Have a server and a client shake hands: ``ok``, or the words of the refusal.

    :param cert: the server's certificate, ``key`` its private key, both PEM.
    :param ca: the authority that the client trusts, PEM.
    :param host: the name that the client connects to.
    """
    try:
        client = ssl.create_default_context(cadata=ca.decode())
        client.hostname_checks_common_name = False  # as clients do today
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = (
            client.wrap_bio(back, there, server_hostname=host),
            _server(cert, key).wrap_bio(there, back, server_side=True),
        )
        _shake(*ends)
    except (ssl.SSLError, ValueError) as refused:
        return _words(refused)
    return "ok"


def _server(cert: bytes, key: bytes) -> ssl.SSLContext:
    """A server's context; OpenSSL takes its certificate from files only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        names = Path(folder) / "cert.pem", Path(folder) / "key.pem"
        for path, content in zip(names, (cert, key), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(content)
        context.load_cert_chain(*names)
    return context


def _shake(client: ssl.SSLObject, server: ssl.SSLObject) -> None:
    """Let the two take turns until both are done."""
    waiting = [client, server]
    while waiting:
        end = waiting.pop(0)
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(end)


def _words(refused: Exception) -> str:
    """What was said, without where in OpenSSL's and Python's sources it was said."""
    said = str(getattr(refused, "strerror", None) or refused)
    return re.sub(r"^\[[^]]*\] | \(_ssl\.c:\d+\)$", "", said)
