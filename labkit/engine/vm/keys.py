"""The keys of a machine's control port: made for one machine, and gone with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import trustme

from labkit.archives import File, Folder
from labkit.engine import places

__all__ = ["Keys"]

SERVER, CA = "/run/labkit/server.pem", "/run/labkit/ca.pem"
"""Where the control port has its half, inside."""


@dataclass(frozen=True)
class Keys:
    """A CA, what the control port proves itself with, and its one client's, as PEM."""

    ca: bytes
    server: bytes = field(repr=False)
    client: bytes = field(repr=False)
    client_key: bytes = field(repr=False)

    @classmethod
    def make(cls) -> Keys:
        """New ones."""
        ca = trustme.CA(organization_name="Docker API Lab", organization_unit_name="one machine")
        server, client = ca.issue_cert("127.0.0.1"), ca.issue_cert("labkit@localhost")
        return cls(
            ca.cert_pem.bytes(), server.private_key_and_cert_chain_pem.bytes(),
            client.cert_chain_pems[0].bytes(), client.private_key_pem.bytes(),
        )  # fmt: skip

    def inside(self) -> list[File | Folder]:
        """The machine's half."""
        return [
            Folder("run/labkit", 0o700),
            File(SERVER[1:], self.server, 0o600),
            File(CA[1:], self.ca, 0o600),
        ]

    def keep(self, folder: Path) -> None:
        """Write the client's half, for this user alone."""
        places.make(folder)
        for name, content in (
            ("ca.pem", self.ca), ("cert.pem", self.client), ("key.pem", self.client_key),
        ):  # fmt: skip
            (folder / name).touch(mode=0o600)
            (folder / name).write_bytes(content)
