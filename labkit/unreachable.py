"""The border between other people's connection errors and ours.

What an unreachable engine raises depends on the library, the transport and the moment: this is
the one place that reads it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException, RemoteDisconnected

import requests
import urllib3

from labkit.endpoint import Endpoint
from labkit.errors import EngineError, EngineGone, HostPermissionError, LabError

__all__ = ["error"]

_START = "Start an engine again: labkit.lab(...) in a notebook, `labkit up` in a terminal."
_WAIT = "It may be busy: try again, or give it more time with timeout=."
_SOCKET = "Give the path of a Docker Engine's socket, as DOCKER_HOST has it."
_CERTIFICATES = (
    "Use the ca.pem, cert.pem and key.pem that belong to this engine: signed by its authority, "
    "not expired, and with the server's certificate naming the host that you connect to."
)
_PERMISSION = (
    "Join the group that owns the socket (sudo usermod -aG docker $USER) and log in again, "
    "or run as root."
)


@dataclass(frozen=True)
class _Case:
    """If one of ``kinds`` is among the causes, this is what to say."""

    kinds: tuple[type[BaseException], ...]
    error: type[LabError]
    message: str
    hint: str


_CASES = (
    _Case(
        (ssl.SSLError, ssl.CertificateError),
        EngineError,
        "TLS with {url} failed: {cause}",
        _CERTIFICATES,
    ),
    _Case(
        (PermissionError,),
        HostPermissionError,
        "This user may not talk to the Docker Engine at {url}.",
        _PERMISSION,
    ),
    _Case(
        (FileNotFoundError,),
        EngineGone,
        "No Docker Engine is at {url}: there is no such socket.",
        _START,
    ),
    _Case(
        (ConnectionRefusedError,),
        EngineGone,
        "No Docker Engine is at {url}: nobody listens there.",
        _START,
    ),
    _Case(
        (socket.gaierror,),
        EngineError,
        "{url} names a host that is not known: {cause}",
        "Check the name of the host.",
    ),
    _Case(
        (RemoteDisconnected, ConnectionResetError, ConnectionAbortedError, BrokenPipeError),
        EngineGone,
        "The Docker Engine at {url} closed the connection.",
        _START,
    ),
    _Case(
        (BadStatusLine,),
        EngineError,
        "What listens at {url} is no Docker Engine: it does not speak HTTP: {cause}",
        _SOCKET,
    ),
    _Case(
        (requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError),
        EngineGone,
        "Nobody at {url} took the connection in time.",
        _START,
    ),
    _Case(
        (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError),
        EngineError,
        "The Docker Engine at {url} did not answer in time.",
        _WAIT,
    ),
    _Case(
        (HTTPException, urllib3.exceptions.ProtocolError),
        EngineGone,
        "The Docker Engine at {url} broke off in the middle of an answer.",
        _START,
    ),
)


def error(endpoint: Endpoint, cause: BaseException) -> LabError:
    """Return the one clear error for what went wrong between here and the engine.

    :param cause: what requests, urllib3, docker, ssl or the socket itself raised.
    :returns: an EngineGone where an engine was expected and none answers; a HostPermissionError;
        an EngineError for TLS, time-outs, unknown hosts and strangers. Raise it ``from`` the cause.
    """
    causes = list(_family(cause))
    for case in _CASES:
        if found := [one for one in causes if isinstance(one, case.kinds)]:
            message = case.message.format(url=endpoint.url, cause=_printable(found[-1]))
            return case.error(message, hint=case.hint)
    return EngineError(
        f"The Docker Engine at {endpoint.url} cannot be used: {_printable(cause)}",
        hint=_SOCKET,
    )


def _printable(cause: BaseException) -> str:
    return "".join(letter if letter.isprintable() else "·" for letter in str(cause).strip())


def _family(cause: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it carries: libraries wrap one in another, in three ways."""
    waiting, seen = [cause], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        waiting += [other for other in inner if isinstance(other, BaseException)]
