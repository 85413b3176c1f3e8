"""How exposed the learner's own Docker is: TCP ports, the socket's rights, known holes.

It only looks: nothing is started, changed or repaired, and nothing is sent but ``GET /_ping``.
"""

from __future__ import annotations

import contextlib
import grp
import json
import socket
import ssl
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from labkit import raw
from labkit.engine import host
from labkit.engine.host import Host
from labkit.errors import LabError
from labkit.finding import Finding
from labkit.security import updates

__all__ = ["Listener", "answers", "findings", "known_holes", "listeners", "ports", "socket_rights"]

_PATIENCE = 1.0  # seconds for a port to answer
_USUAL = (("127.0.0.1", 2375), ("127.0.0.1", 2376))
_SETTINGS = Path("/etc/docker/daemon.json")
_PING = b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n"
_CLOSE = (
    "Whoever reaches that port is root here. Take the tcp:// address out of dockerd's --host or of "
    f"hosts in {_SETTINGS}; from elsewhere use ssh, or TLS with certificates as in notebook 06."
)
_VERIFY = (
    "That port encrypts, and lets everybody in. Start dockerd with --tlsverify and --tlscacert: "
    "then it wants a certificate of your authority."
)


@dataclass(frozen=True)
class Listener:
    """A TCP address that a dockerd is told to listen at, and whom it lets in there."""

    address: str
    tls: bool = False
    verifies: bool = False


def findings() -> list[Finding]:
    """What this machine's own Docker exposes."""
    told = list(listeners())
    try:
        found = host.find(start=False)
    except LabError:
        return [ports(told, _USUAL)]
    remote = found.endpoint
    places = [*_USUAL, (remote.host, remote.port)] if remote.host else list(_USUAL)
    return [ports(told, places), *socket_rights(remote.unix), *known_holes(found)]


def ports(told: Iterable[Listener], places: Iterable[tuple[str, int]]) -> Finding:
    """Whether an engine takes requests over TCP from somebody who shows no certificate.

    :param told: the addresses in dockerd's command line and settings.
    :param places: where to knock: host and port.
    """
    for one in told:
        if not one.verifies:
            seen = f"dockerd listens at {one.address} without {'clients' if one.tls else 'TLS'}"
            seen += "' certificates." if one.tls else "."
            return Finding("TCP ports", "warning", seen, _VERIFY if one.tls else _CLOSE)
    for address, port in places:
        if how := answers(address, port):
            seen = f"A Docker Engine answers anybody at {address}:{port}, {how}."
            remedy = _CLOSE if how == "without TLS" else _VERIFY
            return Finding("TCP ports", "warning", seen, remedy)
    return Finding("TCP ports", "good", "No Docker Engine answers to strangers over TCP.")


def socket_rights(path: Path | None) -> Iterator[Finding]:
    """Whether everybody on this machine may write to the socket, and who else may."""
    with contextlib.suppress(OSError):
        if path and (status := path.stat()):
            if status.st_mode & stat.S_IWOTH:
                seen = f"Everybody on this machine may write to {path}: that makes them root."
                yield Finding("Socket", "warning", seen, f"sudo chmod o-w {path}")
            else:
                yield Finding("Socket", "good", f"Only {_owners(status.st_uid, status.st_gid)}.")


def known_holes(found: Host) -> Iterator[Finding]:
    """Whether the Docker's version is known for holes."""
    with contextlib.suppress(LabError), raw.Client(found.endpoint, timeout=5) as client:
        version = str(client.get("/version").json()["Version"])
        if holes := updates.holes(version):
            numbers = ", ".join(hole.cve for hole in holes)
            remedy = (
                "Update Docker. A distribution may have mended them under the old number: "
                "its changelog tells (on Debian: apt changelog docker.io)."
            )
            seen = f"{version} is older than what mends {numbers}."
            yield Finding("Known holes", "warning", seen, remedy)
        else:
            yield Finding("Known holes", "good", f"The kit knows of none in {version}.")


def listeners(
    commands: Iterable[Sequence[str]] | None = None, settings: Path = _SETTINGS
) -> Iterator[Listener]:
    """Read the TCP addresses from dockerd's command line and its daemon.json.

    :param commands: command lines; those of this machine's own dockerds where none are given.
    """
    try:
        written = json.loads(settings.read_text("utf-8"))
    except (OSError, ValueError):
        written = {}
    if not isinstance(written, dict):
        written = {}
    for command in _running() if commands is None else commands:
        hosts, flags = _parse(command[1:])
        hosts += [one for one in written.get("hosts") or [] if isinstance(one, str)]
        for address in hosts:
            if urlsplit(address).scheme == "tcp":
                verifies = _set("tlsverify", flags, written)
                yield Listener(address, verifies or _set("tls", flags, written), verifies)


def _set(name: str, flags: Mapping[str, str], written: Mapping[str, Any]) -> bool:
    return flags[name] == "true" if name in flags else written.get(name) is True


def _parse(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The hosts, and the flags that say something about TLS."""
    hosts, flags = list[str](), dict[str, str]()
    words = iter(arguments)
    for word in words:
        name, _, value = word.lstrip("-").partition("=")
        if word.startswith("-H") and word != "-H":
            hosts.append(word[2:].lstrip("="))
        elif name in {"H", "host"}:
            hosts.append(value or next(words, ""))
        elif name in {"tls", "tlsverify"}:
            flags[name] = value or "true"
    return hosts, flags


def _running() -> Iterator[list[str]]:
    """The command lines of the dockerds of this machine; of those in containers, none."""
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "dockerd" and not _is_in_container(process.pid):
            yield process.info["cmdline"] or []


def _is_in_container(pid: int) -> bool:
    """Whether a process has a pid namespace within ours."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return len(line.split()) > 2  # noqa: PLR2004  # the name, and one number for each
    return False


def answers(address: str, port: int) -> str:
    """How a Docker Engine answers a stranger there, in words; empty where it does not."""
    if _is_engine(_said(address, port, None)):
        return "without TLS"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # who it is, is no matter
    if _is_engine(_said(address, port, context)):
        return "without asking for a certificate"
    return ""


def _said(address: str, port: int, context: ssl.SSLContext | None) -> bytes:
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection((address, port), _PATIENCE))
        if context:
            connection = stack.enter_context(context.wrap_socket(connection))
        connection.sendall(_PING)
        return connection.recv(4096)
    return b""


def _is_engine(said: bytes) -> bool:
    head = said.lower()
    return head.startswith(b"http/1.") and b"\napi-version:" in head and b" 200 " in head[:20]


def _owners(user: int, group: int) -> str:
    """Who may use the socket, in words."""
    try:
        found = grp.getgrgid(group)
    except KeyError:
        return f"user {user} and group {group} may write to it, and are as good as root"
    members = ", ".join(found.gr_mem) or "nobody"
    whose = "root" if user == 0 else f"user {user}"
    return f"{whose} and the group {found.gr_name} ({members}) may write to it: as good as root"
