"""Certificates for an engine's TLS port: a CA that lives for one engine, a server, a client."""

from __future__ import annotations

from pathlib import Path

import trustme

from labkit import archives
from labkit.engine import places


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
    return archives.pack(
        [
            archives.Folder("labkit", 0o700),
            archives.File("labkit/ca.pem", ca.cert_pem.bytes(), 0o600),
            archives.File("labkit/server-cert.pem", server.cert_chain_pems[0].bytes(), 0o600),
            archives.File("labkit/server-key.pem", server.private_key_pem.bytes(), 0o600),
        ]
    )
