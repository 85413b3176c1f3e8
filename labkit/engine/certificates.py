"""Certificates for an engine's TLS port: a CA that lives for one engine, a server, a client."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import trustme

from labkit import archives
from labkit.engine import places

_KEPT = "server.tar"


@dataclass(frozen=True)
class Server:
    """What an engine proves itself with, and whose clients it trusts, as PEM bytes."""

    ca: bytes = field(repr=False)
    cert: bytes = field(repr=False)
    key: bytes = field(repr=False)

    def keep(self, folder: Path) -> None:
        """Leave it in the engine's folder, for its starts; only this user may read it."""
        path = folder / _KEPT
        path.touch(mode=0o600)
        path.write_bytes(_server_half(self))


def server_half(folder: Path, certificates: Path) -> bytes:
    """What goes into the engine's container, as a tar: what was left for it, else a new set."""
    kept = folder / _KEPT
    return kept.read_bytes() if kept.exists() else issue(certificates)


def issue(folder: Path) -> bytes:
    """Issue a set for ``localhost`` and ``127.0.0.1``.

    The client's half is written to ``folder`` (``ca.pem``, ``cert.pem``, ``key.pem``, mode 0600);
    the server's half is returned as a tar, to be put into the engine's container.
    """
    ca = trustme.CA(organization_name="Docker API Lab", organization_unit_name="one engine")
    server = ca.issue_cert("localhost", "127.0.0.1")
    # dockerd refuses a client certificate that has a common name and no other identity.
    client = ca.issue_cert("learner@localhost", common_name="learner")
    places.make(folder)
    for name, content in (
        ("ca.pem", ca.cert_pem.bytes()),
        ("cert.pem", client.cert_chain_pems[0].bytes()),
        ("key.pem", client.private_key_pem.bytes()),
    ):
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
    key = server.private_key_pem.bytes()
    return _server_half(Server(ca.cert_pem.bytes(), server.cert_chain_pems[0].bytes(), key))


def _server_half(server: Server) -> bytes:
    return archives.pack(
        [
            archives.Folder("labkit", 0o700),
            archives.File("labkit/ca.pem", server.ca, 0o600),
            archives.File("labkit/server-cert.pem", server.cert, 0o600),
            archives.File("labkit/server-key.pem", server.key, 0o600),
        ]
    )
