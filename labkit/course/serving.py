"""A learner's Flask app on a real port of this machine, to be called as any program calls it.

The app runs in threads of this process, on loopback alone. Every request is kept in a log, with
what the app's code raised and did not catch. An app is made anew for each token, and once more
with a Docker client whose engine does not answer.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Self

import docker
from flask import Flask, got_request_exception, request

from labkit import sdk
from labkit.course.listening import HOST, PATIENCE, RAISED, Served, in_words, listen
from labkit.endpoint import Endpoint
from labkit.errors import CourseError
from labkit.table import Table

__all__ = ["Reply", "Server"]

TEXT = 2000  # characters of an answer that is no JSON

CreateApp = Callable[..., Flask]


@dataclass(frozen=True)
class Reply:
    """What the app answered to one request.

    :param json: the body, where it is JSON, else None.
    :param text: the body as text, or its beginning.
    :param raised: what the app's code raised and did not catch, and where; empty otherwise.
    :param port: where the app listens.
    """

    status: int
    json: Any
    text: str
    raised: str
    port: int


class Server:
    """Serves what ``create_app(client)`` returns; a context manager.

    Nothing is made before the first request, or before :attr:`url` is asked for.

    :param create_app: is called with a Docker SDK client, and with the token where there is one.
    :param token: what callers have to know, if the app asks for that.
    :param port: where to listen if that is free; any free port otherwise.
    """

    def __init__(
        self, create_app: CreateApp, endpoint: Endpoint, *, token: str | None = None, port: int = 0
    ) -> None:
        if isinstance(create_app, Flask):
            raise CourseError(
                "This is an app already, made by a call.",
                hint="Can you hand over the function that makes it, create_app without ()?",
            )
        self._create_app = create_app
        self._endpoint = endpoint
        self._token = token
        self._wanted = port
        self._running: dict[tuple[str | None, bool], _Running] = {}
        self._closed = False

    @property
    def url(self) -> str:
        """Where the app answers, such as ``http://127.0.0.1:43210``."""
        return f"http://{HOST}:{self.port}"

    @property
    def port(self) -> int:
        """The port that the app listens on."""
        return self._app().port

    @property
    def client(self) -> docker.DockerClient:
        """The Docker client that the app was given; ``labkit.record`` can listen to it."""
        return self._app().client

    @property
    def log(self) -> Table:
        """The requests that the app has answered, and what its code raised and did not catch."""
        rows = [(one.method, one.path, one.status, one.raised) for one in self._app().served]
        return Table(rows, columns=["method", "path", "status", "raised"])

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        gone: bool = False,
        token: str | None = None,
    ) -> Reply:
        """Send the app one HTTP request.

        :param headers: also ``Host``, which a client library would not let you choose.
        :param gone: send it to an app whose Docker Engine does not answer.
        :param token: send it to an app that was made with this token.
        :raises CourseError: ``create_app`` returned no app.
        """
        return self._app(token=token, gone=gone).request(method, path, headers or {})

    def close(self) -> None:
        """Stop listening, end the threads and hang up on the engine."""
        self._closed = True
        for running in self._running.values():
            running.close()
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._closed:
            return "Your app is served no more."
        lines = [f"{methods:7} {path}" for methods, path in self._app().routes]
        return "\n".join([f"Your app answers at {self.url}", *lines])

    def _repr_html_(self) -> str:
        if self._closed:
            return escape(repr(self))
        rows = "".join(
            f"<tr><td>{escape(methods)}</td><td>{self._link(methods, path)}</td></tr>"
            for methods, path in self._app().routes
        )
        return (
            f"Your app answers at <code>{self.url}</code>"
            "<style>.labkit td {text-align: left !important}</style>"
            f'<table class="labkit"><tbody>{rows}</tbody></table>'
        )

    def _link(self, methods: str, path: str) -> str:
        """A path as HTML; what a click can open is a link."""
        if "GET" not in methods or "<" in path:
            return f"<code>{escape(path)}</code>"
        return f'<a href="{self.url}{escape(path)}" target="_blank">{escape(path)}</a>'

    def _app(self, *, token: str | None = None, gone: bool = False) -> _Running:
        key = (self._token if token is None else token, gone)
        if key not in self._running:
            if self._closed:
                raise CourseError("This app is served no more.", hint="lab.serve(create_app)")
            port = 0 if self._running else self._wanted
            self._running[key] = _Running(self._create_app, self._endpoint, key, port)
        return self._running[key]


class _Running:
    """One app, its client, its port and its threads."""

    def __init__(
        self,
        create_app: CreateApp,
        endpoint: Endpoint,
        key: tuple[str | None, bool],
        port: int,
    ) -> None:
        token, gone = key
        self.served: list[Served] = []
        with contextlib.ExitStack() as undo:
            client = sdk.client(endpoint)
            undo.callback(client.close)
            if gone:
                client = _hopeless(client, undo)
            app = create_app(client) if token is None else create_app(client, token)
            _require_app(app)
            got_request_exception.connect(self._note, app)
            server = listen(app, port, self.served)
            thread = threading.Thread(
                target=server.serve_forever, args=(0.05,), name="labkit-app", daemon=True
            )
            thread.start()
            undo.callback(thread.join)
            undo.callback(server.hang_up)
            undo.callback(server.shutdown)
            self._undo = undo.pop_all()
        self.client, self.port, self._app = client, server.port, app

    @property
    def routes(self) -> list[tuple[str, str]]:
        """The app's own routes: methods and path."""
        return [
            (" ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})), rule.rule)
            for rule in self._app.url_map.iter_rules()
            if rule.endpoint != "static"
        ]

    def request(self, method: str, path: str, headers: Mapping[str, str]) -> Reply:
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.connect()
            caller = connection.sock.getsockname()[1]
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        raised = [one.raised for one in self.served if one.caller == caller]
        return Reply(
            answer.status, _json(text), text[:TEXT], raised[-1] if raised else "", self.port
        )

    def close(self) -> None:
        """End it all, in the right order."""
        self._undo.close()

    def _note(self, _: Flask, exception: BaseException, **_more: Any) -> None:
        request.environ[RAISED] = in_words(exception)


def _hopeless(client: docker.DockerClient, undo: contextlib.ExitStack) -> docker.DockerClient:
    """A client of the same API version, of an engine that does not answer."""
    nobody = undo.enter_context(socket.socket())
    nobody.bind((HOST, 0))  # and does not listen: nobody else can, either
    address = f"tcp://{HOST}:{nobody.getsockname()[1]}"
    hopeless = docker.DockerClient(address, version=client.api.api_version)
    undo.callback(hopeless.close)
    hopeless.api.trust_env = False  # a proxy would answer in its place
    return hopeless


def _require_app(app: object) -> None:
    if not isinstance(app, Flask):
        raise CourseError(
            f"Your function returned {app!r:.100}, which is no Flask app.",
            hint="Does it end with `return app`?",
        )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
