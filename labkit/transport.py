"""Ways to an engine: a socket that is open, or a session of requests that opens it when asked.

Neither takes anything from the environment: no proxy, no ``.netrc``, no ``REQUESTS_CA_BUNDLE``.
"""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import requests
import requests_unixsocket
import urllib3
from requests_unixsocket.adapters import UnixAdapter

from labkit.endpoint import Certificates, Endpoint
from labkit.errors import EngineError

__all__ = ["PATH_LIMIT", "connect", "require", "session"]

# sockaddr_un has room for 108 bytes on Linux and for 104 on macOS, one of them the final zero.
PATH_LIMIT = 107 if os.uname().sysname == "Linux" else 103
_CONNECTIONS = 10


def require(endpoint: Endpoint) -> None:
    """Say what is wrong with an endpoint, as far as it shows before anything is sent.

    :raises EngineError: when a certificate file is missing, or no socket's path can be so long.
    """
    certificates = endpoint.certificates
    files = (certificates.ca, *map(Path, certificates.own or ())) if certificates else ()
    for file in files:
        if not file.is_file():
            hint = (
                "Name the folder that has ca.pem, cert.pem and key.pem, as DOCKER_CERT_PATH does."
            )
            raise EngineError(f"There is no certificate file {file}.", hint=hint)
    if (length := len(os.fsencode(endpoint.unix or ""))) > PATH_LIMIT:
        raise EngineError(
            f"The path of a unix socket has at most {PATH_LIMIT} bytes; this one has {length}: "
            f"{endpoint.unix}",
            hint="Put the socket into a folder with a shorter path.",
        )


def connect(endpoint: Endpoint, timeout: float | None) -> socket.socket:
    """Open the unix socket, or the TCP port, with TLS where there are certificates.

    :param timeout: seconds for this and for whatever is done with the socket; None waits for ever.
    :raises OSError: when it cannot be opened.
    """
    if endpoint.unix:
        return _connect_unix(endpoint.unix, timeout)
    plain = socket.create_connection((endpoint.host, endpoint.port), timeout)
    return _encrypt(plain, endpoint.host, endpoint.certificates) if endpoint.certificates else plain


def _connect_unix(path: Path, timeout: float | None) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.settimeout(timeout)
        made.connect(str(path))
    except BaseException:
        made.close()
        raise
    return made


def _encrypt(plain: socket.socket, host: str, certificates: Certificates) -> ssl.SSLSocket:
    try:
        context = ssl.create_default_context(cafile=certificates.ca)
        if certificates.own:
            context.load_cert_chain(*certificates.own)
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def session(endpoint: Endpoint) -> requests.Session:
    """Return a session of requests for the endpoint: requests-unixsocket's, close it after use."""
    made: requests.Session = requests_unixsocket.Session()
    made.trust_env = False
    made.mount("http+unix://", _Adapter())
    if endpoint.certificates:
        made.verify = str(endpoint.certificates.ca)
        made.cert = endpoint.certificates.own
    return made


class _Adapter(UnixAdapter):  # type: ignore[misc]  # it ships no types
    """requests-unixsocket's adapter, with one pool for a socket.

    Version 0.4.1 makes a pool for every URL, so that no connection is ever used again for another
    path, and leaves the socket open when nobody listens: a ResourceWarning.
    """

    def get_connection(
        self,
        url: str,
        proxies: Any = None,  # noqa: ARG002  # requests passes it; a unix socket has none
    ) -> urllib3.HTTPConnectionPool:
        """Return the pool for the socket that the URL names as its host."""
        address = urlsplit(url).netloc
        with self.pools.lock:
            if not (pool := self.pools.get(address)):
                pool = self.pools[address] = _Pool(Path(unquote(address)))
        return cast("urllib3.HTTPConnectionPool", pool)


class _Pool(urllib3.HTTPConnectionPool):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", maxsize=_CONNECTIONS)
        self._path = path

    def _new_conn(self) -> urllib3.connection.HTTPConnection:
        return _Connection(self._path)


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def _new_conn(self) -> socket.socket:
        return _connect_unix(self._path, self.timeout)
