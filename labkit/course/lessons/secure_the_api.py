"""The exercises of 06-secure-the-api: certificates, refusals, and what gives power over a host.

The policy and the audit are in :mod:`labkit.course.lessons.permit_and_audit`. Every check starts
engines of its own: what a learner hands in is tried there, by real handshakes.
"""

from __future__ import annotations

import datetime as dt
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from labkit import raw
from labkit.course.exercise import Lesson, Tutor
from labkit.course.outfit import version
from labkit.engine.certificates import Server
from labkit.engine.engine import Engine
from labkit.errors import EngineError, LabError
from labkit.security.certificates import Authority, Leaf

__all__ = ["lesson"]

lesson = Lesson("06-secure-the-api", by_hand={"findings": 1})

HOSTS = ["localhost", "127.0.0.1"]
LONGEST = dt.timedelta(days=90)
_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@lesson.exercise(
    "issue-certificates",
    points=4,
    hints=(
        "Authority, as in the lesson, does all of it: one for everybody, .server(*hosts) once, and .client(name) for each of the users.",
        "A Leaf has .cert and .key as bytes. JSON has no bytes: .decode() makes text of them. The authority's certificate is its .pem.",
        'ca = Authority(); server = ca.server(*hosts); then {"ca": ca.pem.decode(), "server": [server.cert.decode(), server.key.decode()], "users": {…}} with a loop over users.',
    ),
)
def issue_certificates(tutor: Tutor) -> None:
    """What the function issues serves an engine and lets its users in, and nobody else."""
    users = [tutor.stock.name() for _ in range(2)]
    ca, server, leaves = _handed(tutor, tutor.ask(HOSTS, users), users)
    _expect_right(tutor, "the server", server, _SERVER)
    for name, leaf in leaves.items():
        _expect_right(tutor, name, leaf, _CLIENT)
        common = _certificate(leaf.cert).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        tutor.expect(
            [one.value for one in common] == [name],
            saw=f"The certificate of {name} has the subject {_certificate(leaf.cert).subject.rfc4514_string()!r}.",
            question="By which field of a certificate does Docker know its user?",
        )
    keys = [server.key, *(leaf.key for leaf in leaves.values())]
    tutor.expect(
        len(set(keys)) == len(keys),
        saw="Two of them have the same private key.",
        question="Who has another's key can be taken for them. Is a key made anew for each?",
    )
    _expect_handshakes(tutor, Server(ca, server.cert, server.key), leaves)


def _handed(tutor: Tutor, answer: Any, users: list[str]) -> tuple[bytes, Leaf, dict[str, Leaf]]:
    """The answer's parts; says which one is not as the task has it."""
    tutor.expect(
        isinstance(answer, dict) and {"ca", "server", "users"} <= answer.keys(),
        saw=f"Your function returned {_short(answer)}.",
        question='Is it a dict with the keys "ca", "server" and "users"?',
    )
    tutor.expect(
        isinstance(answer["users"], dict) and set(answer["users"]) == set(users),
        saw=f"It was asked for {' and '.join(users)}; users is {_short(answer['users'])}.",
        question="Is it a dict with one entry for each user, by name?",
    )
    ca = _pem(tutor, "the authority's certificate", answer["ca"])
    server = _leaf(tutor, "the server", ca, answer["server"])
    return ca, server, {name: _leaf(tutor, name, ca, answer["users"][name]) for name in users}


def _leaf(tutor: Tutor, whose: str, ca: bytes, pair: Any) -> Leaf:
    tutor.expect(
        isinstance(pair, list) and len(pair) == 2,
        saw=f"For {whose} there is {_short(pair)}.",
        question="Is it a list of two: certificate and private key?",
    )
    leaf = Leaf(ca, _pem(tutor, f"the certificate of {whose}", pair[0]), str(pair[1]).encode())
    try:
        key = serialization.load_pem_private_key(leaf.key, None)
    except (ValueError, TypeError):
        tutor.refuse(
            f"The private key of {whose} can't be read.",
            "Does it begin with -----BEGIN PRIVATE KEY-----, and is it the second of the two?",
        )
    tutor.expect(
        key.public_key() == _certificate(leaf.cert).public_key(),
        saw=f"The private key of {whose} does not belong to the certificate.",
        question="Do certificate and key come from one and the same leaf?",
    )
    return leaf


def _pem(tutor: Tutor, what: str, text: Any) -> bytes:
    """A certificate as the answer has it, still in PEM form."""
    content = text.encode() if isinstance(text, str) else b""
    try:
        _certificate(content)
    except ValueError:
        tutor.refuse(
            f"Instead of {what} there is {_short(text)}: no certificate in PEM form.",
            "PEM is text that begins with -----BEGIN CERTIFICATE-----. Was it decoded?",
        )
    return content


def _expect_right(tutor: Tutor, whose: str, leaf: Leaf, usage: x509.ObjectIdentifier) -> None:
    """What a look at a certificate tells: its lifetime, and what it may be used for."""
    certificate = _certificate(leaf.cert)
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    tutor.expect(
        certificate.not_valid_before_utc <= dt.datetime.now(dt.UTC) <= certificate.not_valid_after_utc
        and lifetime <= LONGEST,
        saw=f"The certificate of {whose} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} until {certificate.not_valid_after_utc:%Y-%m-%d}.",
        question="Is it valid now, and for 90 days at most? A stolen key is of use for that long.",
    )  # fmt: skip
    try:
        usages = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        usages = set()
    tutor.expect(
        usages == {usage},
        saw=f"The certificate of {whose} may be used as {_usages(usages)}.",
        question="Could a user pose as the engine with it, or the engine as a user? Which usage does each need?",
    )


def _usages(found: set[x509.ObjectIdentifier]) -> str:
    words = {_SERVER: "a server's", _CLIENT: "a client's"}
    return " and ".join(sorted(words.get(one, one.dotted_string) for one in found)) or "anything"


def _expect_handshakes(tutor: Tutor, server: Server, leaves: dict[str, Leaf]) -> None:
    """Start an engine with the certificates: its users get in, and a stranger does not."""
    with _secured(tutor, server) as (engine, folder):
        for name, leaf in leaves.items():
            for host in HOSTS:
                said = _said(engine, leaf, folder / name, host)
                tutor.expect(
                    said == "200",
                    saw=f"{name} connects to an engine with your certificates, at {host}, and is refused: {said}",
                    question="Has one and the same authority signed the server and the users, and does the server's certificate name each host?",
                )
        for name in leaves:
            stranger = Authority().client(name)
            pretended = Leaf(server.ca, stranger.cert, stranger.key)
            tutor.expect(
                _said(engine, pretended, folder / "stranger", HOSTS[1]) != "200",
                saw=f"A certificate for {name}, signed by an authority of my own, gets in.",
                question="Is your ca the certificate of your authority, and of no other?",
            )


@contextmanager
def _secured(tutor: Tutor, server: Server) -> Iterator[tuple[Engine, Path]]:
    try:
        engine = Engine.start(version=version(), server=server, say=_nothing)
    except EngineError as failed:
        tutor.refuse(
            f"No engine starts with your certificates: {failed.message}",
            "Does an engine start with them when you do it yourself, as in the lesson?",
        )
    with engine, tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        yield engine, Path(folder)


def _said(engine: Engine, leaf: Leaf, folder: Path, host: str) -> str:
    """What comes of GET /version with this certificate: the status, or the refusal."""
    endpoint = replace(engine.reached_with(leaf.write(folder)), host=host)
    try:
        with raw.Client(endpoint, timeout=10) as client:
            return str(client.get("/version").status_code)
    except LabError as refused:
        return refused.message


def _nothing(_: str) -> None:
    """Say nothing."""


def _certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _short(value: Any) -> str:
    """A value for a sentence, without a secret that it may hold."""
    text = f"{value!r:.100}"
    return "a private key" if "PRIVATE" in text else text


_HARMLESS = (
    ("GET", "/containers/json", None),
    ("GET", "/containers/{name}/logs", None),
    ("POST", "/containers/{name}/restart", None),
    ("POST", "/containers/create", {"Image": "{name}", "Labels": {"privileged": "true"}}),
    ("POST", "/containers/create", {"Image": "busybox", "Env": ["Privileged=true", "Binds=/:/host"]}),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"Privileged": False}}),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"Binds": ["{name}:/data"]}}),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"Memory": 64000000}}),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"CapDrop": ["ALL"]}}),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"CapAdd": []}}),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"NetworkMode": "{name}"}}),
    ("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"Mounts": [{"Type": "volume", "Source": "{name}", "Target": "/data"}]}}),
    ("POST", "/volumes/create", {"Name": "{name}"}),
)  # fmt: skip
_POWERFUL = (
    ({"Privileged": True}, "Privileged switches off what keeps a container apart from its host. Do you look at it?"),
    ({"Binds": ["/:/{name}"]}, "It mounts the host's root folder. What could it write there?"),
    ({"Binds": ["/var/run/docker.sock:/{name}"]}, "It mounts the engine's own socket. What can the container ask the engine for?"),
    ({"Binds": ["/etc:/{name}:ro"]}, "Read-only, it still reads every password hash of the host. Is that harmless?"),
    ({"Mounts": [{"Type": "bind", "Source": "/root", "Target": "/{name}"}]}, "A host's folder can be mounted in two ways, Binds and Mounts. Do you look at both?"),
    ({"PidMode": "host"}, "It sees the host's processes and their environment. Which field gives it that?"),
    ({"NetworkMode": "host"}, "It reaches what listens on the host's loopback only. Which field gives it that?"),
    ({"CapAdd": ["SYS_ADMIN"]}, "With CAP_SYS_ADMIN a process may mount. What is there to mount?"),
    ({"CapAdd": ["ALL"]}, "All capabilities are the greater part of privileged. Do you look at CapAdd?"),
    ({"Devices": [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}]}, "It gets the host's disk as a device. Which file could it not read?"),
)  # fmt: skip


@lesson.exercise(
    "gives-root",
    points=2,
    hints=(
        "Only what creates a container is asked about here besides harmless things: look at body['HostConfig'], which can be missing, and so can the body.",
        "Seven fields matter: Privileged, Binds, Mounts, PidMode, NetworkMode, CapAdd, Devices. In Binds, a source that begins with / is a folder of the host; any other is a volume.",
        "host = (body or {}).get('HostConfig') or {}; then return any([host.get('Privileged'), host.get('PidMode') == 'host', …, any(bind.startswith('/') for bind in host.get('Binds') or [])]).",
    ),
)
def gives_root(tutor: Tutor) -> None:
    """The function tells a request that gives power over the host from one that does not."""
    cases: list[tuple[str, str, Any, str]] = [
        ("POST", "/containers/create", {"Image": "busybox", "HostConfig": power}, why)
        for power, why in _POWERFUL
    ]
    question = "Which field of it do you take for dangerous, and what is its value here?"
    cases += [(*harmless, "") for harmless in _HARMLESS]
    secrets.SystemRandom().shuffle(cases)
    for method, *pattern, why in cases:
        path, body = (_named(one, tutor.stock.name()) for one in pattern)
        answer = tutor.ask(method, path, body)
        tutor.expect(
            answer is bool(why),
            saw=f"For {method} {path} with the body {body} your function returned {answer!r:.100}.",
            question=why or question,
        )


def _named(pattern: Any, name: str) -> Any:
    """The same with a name in it that nobody could know."""
    if isinstance(pattern, str):
        return pattern.replace("{name}", name)
    if isinstance(pattern, list):
        return [_named(one, name) for one in pattern]
    if isinstance(pattern, dict):
        return {key: _named(one, name) for key, one in pattern.items()}
    return pattern
