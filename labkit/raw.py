"""The Engine API by hand: first the very bytes on the socket, then one request at a time.

Two steps down from the SDK. :func:`exchange` sends bytes that you can read and returns bytes that
you can read. :class:`Client` is what one writes next: requests, with requests-unixsocket for the
socket, the version prefix of your choice, and Docker's own message when the engine says no.

No proxy, ``.netrc`` or ``REQUESTS_CA_BUNDLE`` from the environment has a say in either.
"""

from __future__ import annotations

import json as jsonlib
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from types import EllipsisType
from typing import Any, Self
from weakref import WeakSet

import requests

from labkit import transport, unreachable
from labkit.endpoint import Endpoint
from labkit.errors import APIError, BadRequest, Conflict, LabError, NotFound
from labkit.events import EventStream, Stream, timestamp

__all__ = ["Client", "answers", "api_error", "exchange", "request_bytes"]

_ERRORS: dict[int, type[APIError]] = {400: BadRequest, 404: NotFound, 409: Conflict}


def request_bytes(
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | Mapping[str, Any] | None = None,
) -> bytes:
    """Write an HTTP/1.1 request as it travels, for :func:`exchange` to send.

    :param path: with the version prefix and the query, where there are any.
    :param headers: more headers; one of the same name replaces the one written here.
    :param body: bytes as they are, or a mapping that is sent as JSON.
    """
    fields = {"Host": "localhost", "Connection": "close"}
    if isinstance(body, Mapping):
        body = jsonlib.dumps(body).encode()
        fields["Content-Type"] = "application/json"
    if body is not None:
        fields["Content-Length"] = str(len(body))
    fields |= headers or {}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def exchange(endpoint: Endpoint, request: bytes, *, timeout: float = 10.0) -> bytes:
    """Send the bytes of a request and return all the bytes that are answered.

    It reads until the engine closes the connection, which it does after the answer when the
    request has ``Connection: close``; otherwise it returns what has come within ``timeout``.

    :param timeout: seconds for the whole exchange.
    :raises EngineGone: when nobody listens there any more.
    :raises HostPermissionError: when this user may not open the socket.
    :raises EngineError: when the TLS handshake fails, or no byte comes within ``timeout``.
    """
    transport.require(endpoint)
    deadline = time.monotonic() + timeout
    answer = bytearray()
    try:
        with transport.connect(endpoint, timeout) as connection:
            connection.sendall(request)
            while piece := _receive(connection, deadline, may_end=bool(answer)):
                answer += piece
    except OSError as cause:
        raise unreachable.error(endpoint, cause) from cause
    return bytes(answer)


def _receive(connection: socket.socket, deadline: float, *, may_end: bool) -> bytes:
    """Return what comes next, or nothing at the end, or when the time is up after an answer."""
    connection.settimeout(max(deadline - time.monotonic(), 0.001))
    try:
        return connection.recv(65536)
    except TimeoutError:
        if may_end:
            return b""
        raise


class Client:
    """One connection to a Docker Engine, on requests: no more than the API itself.

    :param endpoint: where the engine listens.
    :param version: the API version for the path's prefix: ``"1.45"`` asks for ``/v1.45/…``.
        None sends the path as it is, and the engine answers with its newest version.
    :param timeout: seconds to wait for the connection, and for each piece of an answer.
    """

    def __init__(
        self, endpoint: Endpoint, *, version: str | None = None, timeout: float = 60
    ) -> None:
        self.endpoint = endpoint
        self.version = version
        self.timeout = timeout
        self.session = transport.session(endpoint)
        self._streams: WeakSet[Stream] = WeakSet()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.endpoint.url!r}, version={self.version!r})"

    def close(self) -> None:
        """Close every connection, also that of a stream which another thread waits for."""
        for stream in list(self._streams):
            stream.close()
        self.session.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        timeout: float | EllipsisType | None = ...,
        version: str | EllipsisType | None = ...,
    ) -> requests.Response:
        """Send one request to any endpoint of the Engine API and return the response.

        :param path: as the API reference writes it, without the version: ``/containers/json``.
        :param params: the query. A dict or a list travels as JSON, as ``filters`` does; a bool as
            ``true`` or ``false``; a tuple repeats the parameter; None leaves it out.
        :param json: the body, sent as JSON. ``data`` is a body that is sent as it is.
        :param stream: leave the body unread; close the response when you are done with it.
        :param timeout: seconds, instead of the client's; None waits for ever.
        :param version: instead of the client's; None sends no prefix.
        :raises APIError: for a status from 300 on but 304 ("it is so already"); its subclasses
            are BadRequest (400), NotFound (404) and Conflict (409).
        :raises EngineError: when the engine cannot be reached, or what listens there is none.
        :raises HostPermissionError: when this user may not open the socket.
        """
        transport.require(self.endpoint)
        path = _prefix(self.version if version is ... else version) + _absolute(path)
        try:
            response = self.session.request(
                method,
                self.endpoint.base_url + path,
                params=_query(params),
                json=json,
                data=data,
                headers=headers,
                stream=stream,
                allow_redirects=False,
                timeout=self.timeout if timeout is ... else timeout,
            )
            return _checked(response, method, path)
        except (requests.RequestException, OSError) as cause:
            raise unreachable.error(self.endpoint, cause) from cause

    def get(self, path: str, **options: Any) -> requests.Response:
        """Ask for something; the options are those of :meth:`request`."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """Create something, or have something done; the options are those of :meth:`request`."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> requests.Response:
        """Put a file archive into a container; the options are those of :meth:`request`."""
        return self.request("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        """Remove something; the options are those of :meth:`request`."""
        return self.request("DELETE", path, **options)

    def head(self, path: str, **options: Any) -> requests.Response:
        """Ask for the headers alone; the options are those of :meth:`request`."""
        return self.request("HEAD", path, **options)

    def stream(self, method: str, path: str, **options: Any) -> Stream:
        """Send one request and return its answer piece by piece, as the engine sends it.

        For what may never end: ``/events``, ``/containers/{id}/logs?follow=true``. It waits for
        ever for the next piece. The options are those of :meth:`request`.
        """
        options = {"timeout": (self.timeout, None)} | options
        stream = Stream(self.endpoint, self.request(method, path, stream=True, **options))
        self._streams.add(stream)
        return stream

    def events(
        self,
        *,
        since: float | str | datetime | None = None,
        until: float | str | datetime | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> EventStream:
        """Listen to what happens in the engine: ``GET /events``, API 1.18+.

        An event that happens while the engine answers this request may be missed: to miss none,
        pass as ``since`` the ``SystemTime`` of ``GET /info``, asked before.

        :param since: also what happened since then: seconds since 1970, a datetime, or RFC 3339.
        :param until: stop then; without it, listen for ever.
        :param filters: such as ``{"type": ["container"], "event": ["start", "die"]}``.
        """
        params = {"since": timestamp(since), "until": timestamp(until), "filters": filters}
        return EventStream(self.stream("GET", "/events", params=params))


def answers(endpoint: Endpoint) -> bool:
    """Whether an engine answers there (``GET /_ping``) within five seconds."""
    try:
        with Client(endpoint, timeout=5) as client:
            return client.get("/_ping").ok
    except LabError:
        return False


def _prefix(version: str | None) -> str:
    return f"/v{version.removeprefix('v')}" if version else ""


def _absolute(path: str) -> str:
    if path.startswith("/"):
        return path
    raise LabError(
        f"{path!r} is no path of the Engine API", hint="Begin it with a slash: '/containers/json'."
    )


def _query(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Write a query's values as the Engine API reads them."""
    return {name: _query_value(value) for name, value in (params or {}).items()}


def _query_value(value: Any) -> Any:
    if isinstance(value, Mapping | list | bool):
        value = dict(value) if isinstance(value, Mapping) else value
        return jsonlib.dumps(value, separators=(",", ":"))
    return value


def _checked(response: requests.Response, method: str, path: str) -> requests.Response:
    status = response.status_code
    if status < HTTPStatus.MULTIPLE_CHOICES or status == HTTPStatus.NOT_MODIFIED:
        return response
    with response:
        raise api_error(status, method, path, _message(response))


def _message(response: requests.Response) -> str:
    """Return Docker's own words; where there are none, those of HTTP."""
    try:
        return str(response.json()["message"])
    except (ValueError, LookupError, TypeError):
        pass
    if response.is_redirect:
        return f"it redirects to {response.headers['Location']}"
    return response.text.strip()[:500] or str(response.reason)


def api_error(status: int, method: str, path: str, message: str) -> APIError:
    """Return the error for a status: BadRequest, NotFound, Conflict, or the APIError they are."""
    return _ERRORS.get(status, APIError)(status, method, path, message)
