"""The Docker SDK for Python on an endpoint: ``docker.DockerClient``, and nothing from outside.

``docker.from_env()`` is what a learner calls. The kit itself makes its clients here, because the
environment may name a CA bundle or a proxy that has nothing to do with this engine (docker-py
issues 2433 and 2598), because an engine that cannot be reached deserves one clear error, and
because of two faults of the SDK over a unix socket (:func:`mend`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import requests
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import APIError as ForeignAPIError
from docker.errors import DockerException
from docker.tls import TLSConfig
from docker.transport.unixconn import UnixHTTPConnection

from labkit import transport, unreachable
from labkit.endpoint import Certificates, Endpoint
from labkit.errors import EngineError, LabError
from labkit.raw import api_error

__all__ = ["border", "client", "endpoint_of", "mend"]


def client(endpoint: Endpoint, *, version: str = "auto", timeout: int = 60) -> docker.DockerClient:
    """Return the SDK's client for an engine that has answered it: close it when you are done.

    ``auto`` asks for the engine's newest version, ``GET /version``; a version of your own is
    tried with ``GET /_ping`` under its prefix.

    :param version: the API version that every path will have, such as ``"1.45"``, or ``"auto"``.
    :param timeout: seconds to wait for the connection, and for each piece of an answer.
    :raises EngineError: when the engine cannot be reached; EngineGone when nobody is there.
    :raises HostPermissionError: when this user may not open the socket.
    :raises BadRequest: when the engine does not serve that version.
    """
    if version == "auto":
        with _asked(endpoint, DEFAULT_DOCKER_API_VERSION, timeout) as asked:
            version = asked.api.version(api_version=False)["ApiVersion"]
            asked.close()
        return _unasked(endpoint, version, timeout)
    with _asked(endpoint, version, timeout) as asked:
        if not asked.api.ping():
            raise DockerException("it does not answer a ping with OK")
        return asked


def mend() -> None:
    """Let no client in this process, also of ``docker.from_env()``, lose output or a socket.

    On a busy machine an exec's output may be there before the answer's head is read. The SDK reads
    the head through a buffer, which then takes the output with it, and goes on beside the buffer
    (docker-py issue 3332). Over a unix socket, the buffer now takes the head and nothing else; and
    a socket at which nobody listens is closed again.
    """
    UnixHTTPConnection.response_class = _HeadAlone
    UnixHTTPConnection.connect = _connect  # type: ignore[assignment,method-assign]  # its stub's


class _HeadAlone(HTTPResponse):
    """An answer of which no byte is read before it is asked for."""

    def __init__(self, sock: Any, *more: Any, **options: Any) -> None:
        super().__init__(sock, *more, **options)
        if options.get("method") == "POST":  # all that hijack a connection are
            self.fp.close()
            self.fp = sock.makefile("rb", 1)


def _connect(connection: UnixHTTPConnection) -> None:
    there = Endpoint(unix=Path(connection.unix_socket))
    connection.sock = transport.connect(there, connection.timeout)


@contextmanager
def border(endpoint: Endpoint) -> Iterator[None]:
    """Translate what the SDK raises within the block into the kit's own errors.

    :raises LabError: an APIError for an error status, and otherwise what
        :func:`labkit.unreachable.error` says.
    """
    try:
        yield
    except ForeignAPIError as cause:
        raise _api_error(endpoint, cause) from cause
    except (requests.RequestException, DockerException, OSError) as cause:
        raise unreachable.error(endpoint, cause) from cause


def endpoint_of(api: docker.APIClient) -> Endpoint:
    """Return where one of the SDK's clients sends its requests."""
    if api.base_url.startswith("http+docker:"):
        return Endpoint(unix=Path(getattr(api.get_adapter(api.base_url), "socket_path", "")))
    url = urlsplit(api.base_url)
    certificate = api.cert[0] if isinstance(api.cert, tuple) else api.cert
    return Endpoint(
        host=url.hostname or "",
        port=url.port or 0,
        certificates=Certificates(Path(certificate).parent) if certificate else None,
    )


@contextmanager
def _asked(endpoint: Endpoint, version: str, timeout: int) -> Iterator[docker.DockerClient]:
    """Yield a client for its first request; if that fails, close it and say clearly why."""
    made = _unasked(endpoint, version, timeout)
    try:
        with border(endpoint):
            yield made
    except BaseException:
        made.close()
        raise


def _unasked(endpoint: Endpoint, version: str, timeout: int) -> docker.DockerClient:
    """Return a client that has sent no request yet and takes nothing from the environment."""
    mend()
    transport.require(endpoint)
    tls = _tls(endpoint.certificates) if endpoint.certificates else False
    try:
        made = docker.DockerClient(endpoint.url, version, timeout, tls)
    except (DockerException, ValueError) as cause:
        hint = 'Say version="auto", or MAJOR.MINOR as in "1.45".'
        raise EngineError(f"The SDK cannot make a client: {cause}", hint=hint) from cause
    made.api.trust_env = False
    return made


def _tls(certificates: Certificates) -> TLSConfig:
    """Both sides prove who they are: without ``verify``, the SDK would not check the engine."""
    return TLSConfig(client_cert=certificates.own, ca_cert=str(certificates.ca), verify=True)


def _api_error(endpoint: Endpoint, cause: ForeignAPIError) -> LabError:
    if cause.response is None:
        return unreachable.error(endpoint, cause)
    request, status = cause.response.request, cause.response.status_code
    return api_error(status, str(request.method), request.path_url, str(cause.explanation))
