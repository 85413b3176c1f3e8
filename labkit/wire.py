"""The wire log: what a client really sent, and the curl that would do the same.

One response hook serves every client, since all of them are sessions of requests underneath.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, overload
from urllib.parse import urlsplit

import docker
import pandas as pd
import requests

from labkit.raw import Client
from labkit.table import Table

__all__ = ["Call", "Recordable", "WireLog", "listen", "record"]

Recordable = Client | docker.DockerClient | requests.Session  # an APIClient is a Session

# What is sent under these keys, in any letter case, is never kept.
_SECRETS = {"password", "auth", "identitytoken", "registrytoken", "jointoken", "unlockkey"}
_BODY_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Call:
    """One HTTP request, and what is worth knowing about its answer.

    ``path`` has the version prefix and the query. ``ms`` are the milliseconds until the whole
    answer was there, or until its head was, where it streams. ``sent`` and ``received`` are the
    bytes of the two bodies; ``received`` is None where the answer streams. ``body`` is what was
    sent, where that is text; ``content_type`` is its header. ``server`` is where a TCP endpoint
    listens, ``https://host:port``, and empty for a unix socket.

    No other header is kept, so that no ``X-Registry-Auth`` is, and no password in a body.
    """

    method: str
    path: str
    status: int
    ms: float
    sent: int
    received: int | None
    body: str | None = None
    content_type: str = ""
    server: str = ""

    def as_curl(self) -> str:
        """Return the curl command that sends the same request.

        It names the socket ``"$DOCKER_SOCK"``, and the folder of the certificates
        ``"$DOCKER_CERT_PATH"``. A body that was no text stands as the file ``BODY``.
        """
        words = ["curl", *self._way(), *self._verb(), *self._content()]
        if set(self.path) & set("[]{}"):
            words.append("--globoff")
        return " ".join([*words, shlex.quote((self.server or "http://localhost") + self.path)])

    def _way(self) -> list[str]:
        if not self.server:
            return ["--unix-socket", '"$DOCKER_SOCK"']
        if not self.server.startswith("https:"):
            return []
        files = {"cacert": "ca", "cert": "cert", "key": "key"}
        return [f'--{option} "$DOCKER_CERT_PATH/{file}.pem"' for option, file in files.items()]

    def _verb(self) -> list[str]:
        stream = ["--no-buffer"] if self.received is None else []
        if self.method in {"GET", "HEAD"}:
            return [*stream, *(["--head"] if self.method == "HEAD" else [])]
        return [*stream, "-X", self.method]

    def _content(self) -> list[str]:
        if not self.sent:
            return []
        header = ["-H", shlex.quote(f"Content-Type: {self.content_type}".rstrip())]
        if self.body is None:
            return [*header, "--data-binary", "@BODY"]
        option = "--data-raw" if self.body.startswith("@") else "-d"
        return [*header, option, shlex.quote(self.body)]


class WireLog(Sequence[Call]):
    """The requests that were recorded, in the order of their answers."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> list[Call]: ...
    def __getitem__(self, index: int | slice) -> Call | list[Call]:
        return self._calls[index]

    def __len__(self) -> int:
        return len(self._calls)

    def table(self) -> Table:
        """Return the calls as a table: method, path, status, ms, sent and received (bytes)."""
        calls = list(self._calls)
        return Table(
            {
                "method": pd.Series([one.method for one in calls], dtype="str"),
                "path": pd.Series([one.path for one in calls], dtype="str"),
                "status": pd.Series([one.status for one in calls], dtype="int64"),
                "ms": pd.Series([round(one.ms, 1) for one in calls], dtype="float64"),
                "sent": pd.Series([one.sent for one in calls], dtype="int64"),
                "received": pd.Series([one.received for one in calls], dtype="Int64"),
            }
        )

    def as_curl(self, index: int = -1) -> str:
        """Return the curl command that sends a recorded request again: see :meth:`Call.as_curl`.

        :raises IndexError: when there is no such call.
        """
        return self._calls[index].as_curl()

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table().to_words_html()

    def take(self, response: requests.Response, **options: Any) -> None:
        """Take down one answer: this is the response hook that requests calls."""
        self._calls.append(_taken(response, **options))


@contextmanager
def record(*clients: Recordable) -> Iterator[WireLog]:
    """Record what the clients send within the ``with`` block, in one log.

    :param clients: any of ``labkit.raw.Client``, ``docker.DockerClient``, ``docker.APIClient``.
    """
    log = WireLog()
    with _hooked(clients, log.take):
        yield log


@contextmanager
def listen(*clients: Recordable, told: Callable[[Call], object]) -> Iterator[None]:
    """Tell of each request that the clients send within the ``with`` block, and keep none.

    :param clients: as for :func:`record`.
    :param told: is given each call, on the thread that sent it.
    """

    def take(response: requests.Response, **options: Any) -> None:
        told(_taken(response, **options))

    with _hooked(clients, take):
        yield


@contextmanager
def _hooked(clients: Sequence[Recordable], take: Callable[..., None]) -> Iterator[None]:
    sessions = {id(session): session for session in map(_session, clients)}.values()
    for session in sessions:
        session.hooks["response"].append(take)
    try:
        yield
    finally:
        for session in sessions:
            session.hooks["response"].remove(take)


def _taken(response: requests.Response, **options: Any) -> Call:
    """Read an answer to its end, unless it streams, and note how long that took."""
    began = time.perf_counter()
    received = None if options.get("stream") else len(response.content)
    read = time.perf_counter() - began
    return _call(response, (response.elapsed.total_seconds() + read) * 1000, received)


def _session(client: Recordable) -> requests.Session:
    if isinstance(client, Client):
        return client.session
    return client.api if isinstance(client, docker.DockerClient) else client


def _call(response: requests.Response, ms: float, received: int | None) -> Call:
    request = response.request
    sent, body = _body(request)
    return Call(
        method=str(request.method),
        path=request.path_url,
        status=response.status_code,
        ms=ms,
        sent=sent,
        received=received,
        body=body,
        content_type=request.headers.get("Content-Type", ""),
        server=_server(str(request.url)),
    )


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else ""


def _body(request: requests.PreparedRequest) -> tuple[int, str | None]:
    """Return the bytes that were sent, and the text that they are; no text, None."""
    body = request.body
    if not isinstance(body, str | bytes):
        return int(request.headers.get("Content-Length", 0)), None
    raw = body.encode() if isinstance(body, str) else body
    if len(raw) > _BODY_LIMIT:
        return len(raw), None
    try:
        return len(raw), _without_secrets(raw.decode(), _secrets(request.path_url))
    except UnicodeDecodeError:
        return len(raw), None


def _secrets(path: str) -> set[str]:
    """Return the keys that hold secrets in what is sent to a path."""
    return _SECRETS | {"data"} if "/secrets/" in path else _SECRETS


def _without_secrets(text: str, secrets: set[str]) -> str:
    """Return the text; if it is JSON that has secrets, with three stars for each."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    hidden = _hide(found, secrets)
    return text if hidden == found else json.dumps(hidden)


def _hide(value: Any, secrets: set[str]) -> Any:
    if isinstance(value, list):
        return [_hide(one, secrets) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "***" if inner and key.lower() in secrets else _hide(inner, secrets)
        for key, inner in value.items()
    }
