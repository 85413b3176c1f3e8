"""What a hub is started with, and the two configuration files that come of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jinja2

from labkit.archives import File
from labkit.errors import EngineError

__all__ = ["ANONYMOUS", "FOLDER", "KEEPER", "Account", "Settings", "seconds"]

ANONYMOUS, KEEPER = "anonymous", "keeper"
FOLDER = "/etc/hub"
_HERE = Path(__file__).parent
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Account:
    """Somebody with a budget of pulls; ``limit`` 0 is no limit. Nobody's password is empty."""

    name: str
    limit: int
    password: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))


@dataclass(frozen=True)
class Settings:
    """A hub's budgets.

    :param limit: pulls in a window for each address without an account; None for no limit.
    :param window: seconds.
    :param accounts: pulls in a window by account name; None for no limit.
    :param prefix: how many bits of an IPv4 address count as one address; of IPv6 it is 64.
    :param retry_after: whether a 429 tells when to come again. Docker Hub does not promise it.
    """

    limit: int | None
    window: int
    accounts: Mapping[str, int | None] = field(default_factory=dict)
    prefix: int = 32
    retry_after: bool = False

    def changed(self, **changes: Any) -> Settings:
        """Other settings: what is an ellipsis stays as it is."""
        return replace(self, **{name: new for name, new in changes.items() if new is not ...})

    def everybody(self, known: Mapping[str, Account] | None = None) -> list[Account]:
        """All who have a token: nobody in particular, the accounts, and the hub's own keeper.

        :param known: accounts that there were before: password and token stay.
        """
        named = [
            Account(name, limit or 0, secrets.token_urlsafe(12))
            for name, limit in self.accounts.items()
        ]
        keeper = Account(KEEPER, 0, secrets.token_urlsafe(32))
        everybody = [Account(ANONYMOUS, self.limit or 0), *named, keeper]
        known = known or {}
        return [
            replace(known[one.name], limit=one.limit) if one.name in known else one
            for one in everybody
        ]

    def files(self, accounts: list[Account]) -> list[File]:
        """The configuration of HAProxy and the registry, and the tables that HAProxy reads."""
        words = {
            "accounts": accounts,
            "folder": FOLDER,
            "keeper": KEEPER,
            "prefix": self.prefix,
            "retry_after": self.retry_after,
            "window": self.window,
        }
        tokens = "".join(f"{one.token} {one.name}\n" for one in accounts)
        limits = "".join(f"{one.name} {one.limit}\n" for one in accounts)
        texts = {
            "haproxy.cfg": _filled("haproxy.cfg", **words),
            "registry.yml": _filled("registry.yml", upstream="", address="127.0.0.1:5000"),
            "tokens.map": tokens,
            "limits.map": limits,
        }
        return [File(f"{FOLDER[1:]}/{name}", text.encode()) for name, text in texts.items()]


def mirror_files(upstream: str) -> list[File]:
    """The configuration of a registry that has nothing of its own and asks another one.

    :param upstream: that one's address, ``http://hub.lab``.
    """
    text = _filled("registry.yml", upstream=upstream, address=":80")
    return [File(f"{FOLDER[1:]}/registry.yml", text.encode())]


def seconds(window: float | str) -> int:
    """Read a length of time: ``60``, ``"60s"``, ``"10m"``, ``"6h"``.

    :raises EngineError: it is none, or less than a second.
    """
    found = re.fullmatch(r"(\d+)([smh]?)", str(window).strip())
    length = int(found[1]) * _UNITS[found[2] or "s"] if found else 0
    if length < 1:
        raise EngineError(f"{window!r} is no length of a window.", hint='Write "60s", "10m", "6h".')
    return length


def _filled(name: str, **words: object) -> str:
    source = (_HERE / name).read_text(encoding="utf-8")
    template = jinja2.Template(source, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return str(template.render(**words))
