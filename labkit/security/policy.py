"""Who may do what: a policy of a page, and the decisions that follow from it.

It allow-lists: what no rule names is refused, and so is what it can't read. The authorization
plugin runs this module inside the engine's container, so it needs nothing but Python itself.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from labkit.security import bodies

__all__ = ["Decision", "Policy", "PolicyError", "Request", "Role"]

_OLDEST = (1, 24)  # before it, POST /containers/{id}/start took a HostConfig
_PLAIN = re.compile(r"(/[A-Za-z0-9_.:@+-]+)+")
_VERSION = re.compile(r"/v([0-9.]+)(?=/)")
_RULE = re.compile(r"([A-Z]+|\*) (/\S*)")
_TYPES = {"", "application/json", "text/plain"}  # a form's fields would count as the query's


class PolicyError(ValueError):
    """The policy can't be read; says where, and what is expected there."""


@dataclass(frozen=True)
class Request:
    """What the engine tells its plugin of a request, before it does anything."""

    user: str
    method: str
    uri: str
    body: bytes = b""
    content_type: str = ""
    length: str = ""  # as its header has it, which a chunked body has not
    token: str = ""


@dataclass(frozen=True)
class Decision:
    """Whether a request may pass, the rule that allows it, or why none does."""

    allow: bool
    rule: str = ""
    why: str = ""


@dataclass(frozen=True)
class Role:
    """What its users may call.

    ``trusted`` has the bodies of their requests not looked at. ``unread`` are the rules whose
    bodies are no JSON, a tar for one, and do no harm whatever is in them.
    """

    name: str
    rules: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    trusted: bool = False


@dataclass(frozen=True)
class Policy:
    """Roles, and the users that have them; ``unix`` is the role of who comes by the socket.

    ``tokens`` are the roles of those who come by the socket and tell a secret in a header.
    """

    roles: Mapping[str, Role] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    unix: str = ""
    tokens: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy in TOML.

        :raises PolicyError: it is none; says what is wrong and what would be right.
        """
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise PolicyError(f"That is no TOML: {error}.") from error
        _only(raw, {"roles": dict, "users": dict, "unix": str, "tokens": dict}, "The policy")
        written = raw.get("roles", {})
        roles = {name: _role(name, written, ()) for name in written}
        policy = cls(roles, raw.get("users", {}), raw.get("unix", ""), raw.get("tokens", {}))
        by_token = [("a token", role) for role in policy.tokens.values()]
        for user, role in [*policy.users.items(), *by_token, ("unix", policy.unix)]:
            if (role or user != "unix") and role not in roles:
                raise PolicyError(f"{user} has the role {role!r}, which is not among [roles.…].")
        return policy

    def decide(self, request: Request) -> Decision:
        """Whether this request may pass."""
        role = self.role(request)
        if role is None:
            who = f"the user {request.user!r}" if request.user else "who comes by the unix socket"
            return Decision(allow=False, why=f"the policy does not know {who}")
        path, why = _path(request.uri, trusted=role.trusted)
        if why:
            return Decision(allow=False, why=why)
        for rule in role.unread:
            if _matches(rule, request.method, path):
                why = bodies.query_refusal(path, request.uri)
                return Decision(not why, rule, why)
        for rule in role.rules:
            if _matches(rule, request.method, path):
                why = "" if role.trusted else _unreadable(request, path)
                return Decision(not why, rule, why)
        asked = f"{request.method} {path}"
        return Decision(allow=False, why=f"the role {role.name} has no rule for {asked}")

    def role(self, request: Request) -> Role | None:
        """The role of whoever sends a request; None where the policy does not know them."""
        if request.user:
            return self.roles.get(self.users.get(request.user, ""))
        return self.roles.get(self.tokens.get(request.token, self.unix))


def _unreadable(request: Request, path: str) -> str:
    kind = request.content_type.split(";")[0].strip().lower()
    writes = request.method not in {"GET", "HEAD"}
    if writes and kind not in _TYPES:
        return f"a body of the type {kind} can't be judged"
    if request.content_type and not request.body and request.length != "0" and writes:
        # Of two Content-Types the plugin sees the last one, and the engine goes by the first one.
        return "the engine did not show the body, and an unread body can't be judged"
    return bodies.refusal(request.method, path, request.uri, request.body)


def _path(uri: str, *, trusted: bool) -> tuple[str, str]:
    """The path without its version, or why it is none that can be judged."""
    path = unquote(uri.partition("?")[0])
    if not _PLAIN.fullmatch(path) or {".", ".."} & set(path.split("/")):
        return "", "the path has something in it that no path of the Engine API needs"
    if found := _VERSION.match(path):
        numbers = re.fullmatch(r"(\d{1,3})\.(\d{1,3})", found[1])
        if not numbers:
            return "", f"{found[1]} is no API version"
        if not trusted and (int(numbers[1]), int(numbers[2])) < _OLDEST:
            return "", f"API {found[1]} is too old: a start could bring a HostConfig with it"
        path = path[found.end() :]
    return path, ""


def _matches(rule: str, method: str, path: str) -> bool:
    verb, _, pattern = rule.partition(" ")
    if verb not in {"*", method}:
        return False
    parts = (
        {"**": ".+", "*": "[^/]+"}.get(part, re.escape(part))
        for part in re.split(r"(\*\*|\*)", pattern)
    )
    return re.fullmatch("".join(parts), path) is not None


def _role(name: str, written: Mapping[str, Any], below: tuple[str, ...]) -> Role:
    place = f"[roles.{name}]"
    if name in below:
        raise PolicyError(f"{place} extends itself, by way of {' and '.join(below)}.")
    if not isinstance(written.get(name), dict):
        raise PolicyError(f"{place} is missing; {below[-1] if below else 'a user'} needs it.")
    raw = written[name]
    _only(raw, {"allow": list, "unread": list, "extends": str, "trusted": bool}, place)
    rules, unread = raw.get("allow", []), raw.get("unread", [])
    for rule in (*rules, *unread):
        if not (isinstance(rule, str) and _RULE.fullmatch(rule)):
            raise PolicyError(f'{place} allows {rule!r}; a rule is "GET /containers/*/json".')
    lower = _role(raw["extends"], written, (*below, name)) if "extends" in raw else Role("")
    both = (*rules, *lower.rules), (*unread, *lower.unread)
    return Role(name, *both, raw.get("trusted", False))


def _only(raw: Mapping[str, Any], known: Mapping[str, type], place: str) -> None:
    for key, value in raw.items():
        if key not in known:
            raise PolicyError(f"{place} has {key!r}; it can have {', '.join(known)}.")
        if not isinstance(value, known[key]):
            raise PolicyError(f"{place}: {key} is no {known[key].__name__}.")
