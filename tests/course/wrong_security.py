"""Wrong answers to the exercises of 06-secure-the-api, as honest beginners give them."""

# ruff: noqa: ARG001, ARG005  # answers take what the task hands them

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import trustme

from labkit.security.certificates import Authority
from labkit.security.guard import THREE_USERS

Lab = Any
Learners = Callable[..., Any]


def issue(right: ModuleType, change: Callable[[Any, list[str], list[str]], Any]) -> Any:
    """What the right answer issues, changed."""

    def changed(hosts: list[str], users: list[str]) -> Any:
        answer = right.issue_with_labkit(hosts, users)
        return change(answer, hosts, users) or answer

    return lambda _: changed


def an_authority_for_each(answer: Any, _: list[str], users: list[str]) -> None:
    for user in users:
        leaf = Authority().client(user)
        answer["users"][user] = [leaf.cert.decode(), leaf.key.decode()]


def one_for_all(answer: Any, _: list[str], users: list[str]) -> None:
    answer["users"] = dict.fromkeys(users, answer["users"][users[0]])


def without_keys(answer: Any, _: list[str], users: list[str]) -> None:
    answer["users"] = {user: pair[:1] for user, pair in answer["users"].items()}


def swapped(answer: Any, *_: list[str]) -> None:
    answer["server"].reverse()


def keys_of_others(answer: Any, _: list[str], users: list[str]) -> None:
    first, second = (answer["users"][user] for user in users)
    first[1], second[1] = second[1], first[1]


def a_user_s_for_the_server(answer: Any, _: list[str], users: list[str]) -> None:
    answer["server"] = Leaves().client("localhost")


class Leaves:
    """An authority whose leaves are pairs of text already."""

    def __init__(self) -> None:
        self.authority = Authority()

    def client(self, name: str, **flaws: Any) -> list[str]:
        """A user's."""
        leaf = self.authority.client(name, **flaws)
        return [leaf.cert.decode(), leaf.key.decode()]

    def server(self, *hosts: str, **flaws: Any) -> list[str]:
        """The engine's."""
        leaf = self.authority.server(*hosts, **flaws)
        return [leaf.cert.decode(), leaf.key.decode()]


def flawed(
    *, server: dict[str, Any] | None = None, client: dict[str, Any] | None = None
) -> Callable[[Lab], Learners]:
    """Certificates that are wrong in one way."""

    def made(hosts: list[str], users: list[str]) -> Any:
        leaves = Leaves()
        return {
            "ca": leaves.authority.pem.decode(),
            "server": leaves.server(*hosts, **(server or {})),
            "users": {user: leaves.client(user, **(client or {})) for user in users},
        }

    return lambda _: made


def some_hosts(hosts: list[str], users: list[str]) -> Any:
    """Forget that a host can have an address as well as a name."""
    leaves = Leaves()
    return {
        "ca": leaves.authority.pem.decode(),
        "server": leaves.server(hosts[0]),
        "users": {user: leaves.client(user) for user in users},
    }


def with_trustme(hosts: list[str], users: list[str]) -> Any:
    """A library for tests, whose certificates may be used for everything."""
    ca = trustme.CA()

    def pair(*names: str, common: str | None = None) -> list[str]:
        leaf = ca.issue_cert(*names, common_name=common)
        certificate = leaf.cert_chain_pems[0].bytes().decode()
        return [certificate, leaf.private_key_pem.bytes().decode()]

    return {
        "ca": ca.cert_pem.bytes().decode(),
        "server": pair(*hosts),
        "users": {user: pair(f"{user}@localhost", common=user) for user in users},
    }


def root(
    fields: tuple[str, ...] = (
        "Privileged",
        "Binds",
        "Mounts",
        "PidMode",
        "NetworkMode",
        "CapAdd",
        "Devices",
    ),
) -> Callable[[Lab], Learners]:
    """Whatever has one of these fields."""
    return lambda _: lambda method, path, body: any(
        field in (body or {}).get("HostConfig", {}) for field in fields
    )  # fmt: skip


def policy(right: ModuleType, old: str, new: str) -> Callable[[Lab], Learners]:
    """The right policy with something else in one place."""
    assert old in right.POLICY
    text = right.POLICY.replace(old, new)
    return lambda _: (
        lambda *users: text.format(**dict(zip(("reader", "operator", "admin"), users, strict=True)))
    )


def who(
    *,
    statuses: tuple[int, ...] = (204,),
    last: bool = False,
    whole: bool = False,
    names: bool = True,
) -> Callable[[Lab], Learners]:
    """Look for the DELETE, with something not thought of."""

    def found(calls: list[dict[str, Any]], name: str, identity: str) -> str | None:
        users = []
        for call in calls:
            called = call["path"].rsplit("/", 1)[-1]
            if not whole:
                called = called.partition("?")[0]
            same = (names and called == name) or (not names and identity.startswith(called))
            if same and call["method"] == "DELETE" and call["status"] in statuses:
                users.append(call["user"])
        return users[-1 if last else 0] if users else None

    return lambda _: found


def wrong(right: ModuleType) -> dict[str, dict[str, Callable[[Lab], Learners]]]:
    """What goes wrong, exercise by exercise; some of it is a right answer, spoilt."""
    by_loop = right.who_by_loop
    return {
        "issue-certificates": {
            "an authority for each": issue(right, an_authority_for_each),
            "one certificate for all": issue(right, one_for_all),
            "no keys": issue(right, without_keys),
            "key before certificate": issue(right, swapped),
            "keys of others": issue(right, keys_of_others),
            "a client's for the server": issue(right, a_user_s_for_the_server),
            "no names": flawed(server={"san": False}),
            "only the name": lambda _: some_hosts,
            "expired": flawed(client={"days": -1}),
            "for ten years": flawed(server={"days": 3650}),
            "users as servers": flawed(client={"usage": "server"}),
            "usable for everything": lambda _: with_trustme,
            "a list": lambda _: lambda hosts, users: [1, 2, 3],
            "bytes in words": lambda _: lambda hosts, users: {
                "ca": str(Authority().pem), "server": ["", ""], "users": dict.fromkeys(users),
            },
        },
        "read-refusals": {
            "letter case": lambda _: lambda text: (
                None if "HTTP request" in text else right.diagnose_by_words(text)
            ),
            "one client's words": lambda _: lambda text: (
                None if "target host name" in text else right.diagnose_by_words(text)
            ),
            "expired is expired": lambda _: lambda text: (
                "client certificate out of date"
                if "expired" in text
                else right.diagnose_by_words(text)
            ),
            "the last word": lambda _: lambda text: text.split()[-1],
            "always something": lambda _: lambda text: (
                right.diagnose_by_words(text) or "bad client certificate"
            ),
        },
        "gives-root": {
            "any of the fields": root(),
            "privileged alone": root(("Privileged",)),
            "the word anywhere": lambda _: lambda *request: "rivileged" in str(request),
            "always": lambda _: lambda *_: True,
            "never": lambda _: lambda *_: False,
            "no Mounts": lambda _: lambda method, path, body: right.root_by_fields(
                method, path,
                body and {"HostConfig": {**body.get("HostConfig", {}), "Mounts": []}},
            ),
            "read-only is harmless": lambda _: lambda method, path, body: (
                ":ro" not in str(body) and right.root_by_fields(method, path, body)
            ),
        },
        "write-policy": {
            "the lesson's, as it is": lambda _: lambda *users: THREE_USERS,
            "the operator is trusted": policy(
                right, "[roles.operator]", "[roles.operator]\ntrusted = true"
            ),
            "the admin is not trusted": policy(right, "trusted = true", ""),
            "the reader inspects": policy(
                right, '"GET /images/json"', '"GET /images/json", "GET /containers/*/json"'
            ),
            "the reader gets everything": policy(right, '"GET /images/json"', '"GET /**"'),
            "the operator gets all of containers": policy(
                right, '"POST /containers/create"', '"* /containers/**"'
            ),
            "with versions": policy(right, "GET /containers/json", "GET /v1.41/containers/json"),
            "nobody by the socket": policy(right, 'unix = "admin"', ""),
            "no start": policy(right, '"POST /containers/*/start", ', ""),
            "no TOML": lambda _: lambda *users: "reader: GET",
            "a role that is none": policy(right, 'extends = "reader"', 'extends = "readers"'),
            "a dict": lambda _: lambda *users: {"users": users},
        },
        "find-who": {
            "the first who tried": who(statuses=(204, 403, 404, 409)),
            "the last who tried": who(statuses=(204, 403, 404, 409), last=True),
            "by name alone": who(),
            "by id alone": who(names=False),
            "the query belongs to the name": lambda _: lambda calls, name, identity: by_loop(
                [call for call in calls if "?" not in call["path"]], name, identity
            ),
            "who stopped it": lambda _: lambda calls, name, identity: next(
                (call["user"] for call in calls if f"{name}/stop" in call["path"]), None
            ),
            "somebody always": lambda _: lambda calls, name, identity: (
                by_loop(calls, name, identity) or calls[-1]["user"]
            ),
        },
    }  # fmt: skip
