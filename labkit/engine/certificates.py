"""Certificates for an engine's TLS port: a CA that lives for one engine, a server, a client."""

from __future__ import annotations

from pathlib import Path

import trustme

from labkit import archives
from labkit.endpoint import Certificates
from labkit.engine import places

Pem = dict[str, bytes]


def issue(folder: Path) -> tuple[Certificates, bytes]:
    """Issue a set for ``localhost`` and ``127.0.0.1``.

    The client's half is written to ``folder`` (``ca.pem``, ``cert.pem``, ``key.pem``, mode 0600);
    the server's half is returned as a tar, to be put into the engine's container.
    """
    ca = trustme.CA(organization_name="Docker API Lab", organization_unit_name="one engine")
    server = ca.issue_cert("localhost", "127.0.0.1")
    client = ca.issue_cert("learner@localhost", common_name="learner")
    authority = ca.cert_pem.bytes()
    write(
        folder,
        {
            "ca.pem": authority,
            "cert.pem": client.cert_chain_pems[0].bytes(),
            "key.pem": client.private_key_pem.bytes(),
        },
    )
    archive = archives.pack(
        [
            archives.Folder("labkit", 0o700),
            archives.File("labkit/ca.pem", authority, 0o600),
            archives.File("labkit/server-cert.pem", server.cert_chain_pems[0].bytes(), 0o600),
            archives.File("labkit/server-key.pem", server.private_key_pem.bytes(), 0o600),
        ]
    )
    return Certificates(folder), archive


def write(folder: Path, files: Pem) -> None:
    """Write PEM files that only their owner may read."""
    places.make(folder)
    for name, content in files.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
