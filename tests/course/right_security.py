"""Honest ways to solve the exercises of 06-secure-the-api, as in ``right_answers``."""

# ruff: noqa: ARG001  # answers take what the task hands them

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from labkit.security import refusals
from labkit.security.certificates import Authority

Lab = Any
Learners = Callable[..., Any]

POLICY = """
unix = "admin"

[users]
{reader} = "reader"
{operator} = "operator"
{admin} = "admin"

[roles.reader]
allow = ["GET /containers/json", "GET /images/json"]

[roles.operator]
extends = "reader"
allow = [
  "GET /containers/*/json", "GET /containers/*/logs", "POST /containers/create",
  "POST /containers/*/start", "POST /containers/*/stop", "DELETE /containers/*",
]

[roles.admin]
allow = ["* /**"]
trusted = true
"""


def issue_with_labkit(hosts: list[str], users: list[str], **flaws: Any) -> Any:
    """Have the course's own authority sign everything."""
    ca = Authority()
    server = ca.server(*hosts, **flaws)
    leaves = {user: ca.client(user) for user in users}
    return {
        "ca": ca.pem.decode(),
        "server": [server.cert.decode(), server.key.decode()],
        "users": {user: [leaf.cert.decode(), leaf.key.decode()] for user, leaf in leaves.items()},
    }


def issue_by_hand(hosts: list[str], users: list[str]) -> Any:
    """Build each certificate with the library cryptography, RSA and SHA-384."""
    root_key = rsa.generate_private_key(65537, 2048)
    root = _signed("my root", "my root", root_key, root_key, ca=True)

    def leaf(name: str, usage: x509.ObjectIdentifier, names: list[str]) -> list[str]:
        key = ec.generate_private_key(ec.SECP384R1())
        cert = _signed(name, "my root", key, root_key, usage=usage, names=names)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        return [cert, private.decode()]

    return {
        "users": {user: leaf(user, ExtendedKeyUsageOID.CLIENT_AUTH, []) for user in users},
        "server": leaf("the engine", ExtendedKeyUsageOID.SERVER_AUTH, hosts),
        "ca": root,
    }


def _signed(
    name: str,
    issuer: str,
    key: Any,
    signer: Any,
    *,
    ca: bool = False,
    usage: x509.ObjectIdentifier | None = None,
    names: list[str] | None = None,
) -> str:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - dt.timedelta(minutes=1),
        not_valid_after=now + dt.timedelta(days=30),
    ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(one) for one in names]), critical=False
        )
    signed = builder.sign(signer, hashes.SHA384())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _general(name: str) -> x509.GeneralName:
    if re.fullmatch(r"[\d.]+", name):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def diagnose_by_words(text: str) -> str | None:
    """Look for the words of the lesson's table."""
    said = text.lower()
    for words, diagnosis in {
        "certificate required": "no client certificate",
        "alert unknown ca": "unknown authority",
        "alert certificate expired": "client certificate out of date",
        "alert bad certificate": "bad client certificate",
        "unable to get local issuer": "unknown engine",
        "not valid for": "wrong name",
        "does not match target": "wrong name",
        "certificate has expired": "engine certificate out of date",
        "unsuitable certificate purpose": "engine certificate for other use",
        "key values mismatch": "wrong key",
        "unable to set private key": "wrong key",
        "http request to an https server": "http to a TLS port",
    }.items():
        if words in said:
            return diagnosis
    return None


def diagnose_by_labkit(text: str) -> str | None:
    """Use the course's own library."""
    found = refusals.explain(text)
    return found.name if found else None


def root_by_fields(method: str, path: str, body: Any) -> bool:
    """Look at each dangerous field."""
    host = (body or {}).get("HostConfig") or {}
    return any([
        host.get("Privileged"),
        host.get("PidMode") == "host",
        host.get("NetworkMode") == "host",
        host.get("CapAdd"),
        host.get("Devices"),
        any(bind.startswith("/") for bind in host.get("Binds") or []),
        any(mount["Type"] == "bind" for mount in host.get("Mounts") or []),
    ])  # fmt: skip


def root_by_allowing(method: str, path: str, body: Any) -> bool:
    """Say which fields are harmless, and distrust the others."""
    host = body.get("HostConfig", {}) if body else {}
    for field, value in host.items():
        if field in {"Memory", "CapDrop"} or not value:
            continue
        if field == "Binds" and not [one for one in value if one[0] == "/"]:
            continue
        if field == "Mounts" and {one["Type"] for one in value} == {"volume"}:
            continue
        if field == "NetworkMode" and value != "host":
            continue
        return True
    return False


def policy_whole(reader: str, operator: str, admin: str) -> str:
    """Write it in one piece."""
    return POLICY.format(reader=reader, operator=operator, admin=admin)


def policy_by_lines(reader: str, operator: str, admin: str) -> str:
    """Put it together, without extends, with quoted names."""
    looks = ["GET /containers/json", "GET /images/json"]
    works = [f"POST /containers/{what}" for what in ("create", "*/start", "*/stop")]
    works += ["DELETE /containers/*", "GET /containers/*/json", "GET /containers/*/logs"]
    lines = ['unix = "boss"', "[users]"]
    lines += [f'"{reader}" = "looks"', f'"{operator}" = "works"', f'"{admin}" = "boss"']
    for role, rules in {"looks": looks, "works": looks + works, "boss": ["* /**"]}.items():
        lines += [f"[roles.{role}]", f"allow = {rules}"]
    return "\n".join([*lines, "trusted = true"])


def who_by_loop(calls: list[dict[str, Any]], name: str, identity: str) -> str | None:
    """Look at each call."""
    for call in calls:
        called = call["path"].split("?")[0].rsplit("/", 1)[-1]
        done = call["method"] == "DELETE" and call["status"] == 204
        if done and (called == name or identity.startswith(called)):
            return str(call["user"])
    return None


def who_by_table(calls: list[dict[str, Any]], name: str, identity: str) -> str | None:
    """Let pandas look."""
    table = pd.DataFrame(calls)
    table = table[(table["method"] == "DELETE") & table["status"].between(200, 299)]
    called = table["path"].str.extract(r"/containers/([^/?]+)")[0]
    mine = table[[one == name or identity.startswith(one) for one in called]]
    return None if mine.empty else mine["user"].iloc[0]


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "issue-certificates": {
        "labkit": lambda _: issue_with_labkit,
        "by hand": lambda _: issue_by_hand,
    },
    "read-refusals": {
        "words": lambda _: diagnose_by_words,
        "labkit": lambda _: diagnose_by_labkit,
    },
    "gives-root": {
        "by fields": lambda _: root_by_fields,
        "what is harmless": lambda _: root_by_allowing,
    },
    "write-policy": {
        "in one piece": lambda _: policy_whole,
        "by lines": lambda _: policy_by_lines,
    },
    "find-who": {
        "a loop": lambda _: who_by_loop,
        "a table": lambda _: who_by_table,
    },
}
