"""The gate's certificate and its key: right ones, and wrong ones in four ways."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping

from labkit.archives import File, Folder
from labkit.mailroom.plan import SPARE, TLS
from labkit.security.certificates import Authority, Leaf

__all__ = ["FLAWS", "filed", "trays"]

FLAWS: Mapping[str, Callable[[Authority, str], Leaf]] = {
    "out of date": lambda authority, host: authority.server(host, days=-1),
    "wrong name": lambda authority, host: authority.server(f"old-{host}"),
    "unknown authority": lambda _, host: Authority("Another Authority").server(host),
    "wrong key": lambda authority, host: _with_key_of(authority.server(host), authority),
}
"""What can be wrong with a server's certificate, and who makes one like that."""


def filed(leaf: Leaf, folder: str = TLS) -> Iterator[File | Folder]:
    """A certificate and its key as files for a folder of the gate."""
    yield Folder(folder[1:])
    yield File(f"{folder[1:]}/cert.pem", leaf.cert)
    yield File(f"{folder[1:]}/key.pem", leaf.key, 0o600)


def trays(authority: Authority, host: str) -> Iterator[File | Folder]:
    """What has come from the authority and lies in the gate: one that is right, and four others."""
    leaves = [authority.server(host), *(flawed(authority, host) for flawed in FLAWS.values())]
    secrets.SystemRandom().shuffle(leaves)
    yield Folder(SPARE[1:], 0o700)
    for number, leaf in enumerate(leaves, 1):
        yield from filed(leaf, f"{SPARE}/{number}")


def _with_key_of(leaf: Leaf, authority: Authority) -> Leaf:
    """The same certificate beside the key of another one."""
    return Leaf(leaf.ca, leaf.cert, authority.server("another").key)
