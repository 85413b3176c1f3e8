"""A pull or a build, in a thread of its own, that can be watched and cancelled."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TypeAlias
from urllib.parse import urlencode

from labkit import transport, unreachable
from labkit.archives import File, pack
from labkit.endpoint import Endpoint
from labkit.errors import APIError, BadForm, LabError
from labkit.live.pace import Pace
from labkit.live.progress import BuildProgress, Progress, PullProgress
from labkit.raw import api_error
from labkit.streams import JSONLines

__all__ = ["Job", "build", "pull", "reference"]

Told: TypeAlias = "Callable[[Job], None]"

_TIMEOUT, _GRACE = 5.0, 1.0
_PIECE = 65536
_CANCELLED = "Cancelled."


def reference(name: str, *, field: str = "image") -> tuple[str, str]:
    """Return the two halves of an image's name: what it is called, and its tag or digest.

    As Docker reads it: ``busybox`` is ``busybox:latest``, the colon in ``localhost:5000/web``
    belongs to the registry, and a digest says more than a tag.

    :param field: where it was typed.
    :raises BadForm: that can't be a name.
    """
    name = name.strip()
    rest, at, digest = name.partition("@")
    folder, slash, last = rest.rpartition("/")
    last, colon, tag = last.partition(":")
    halves = (folder + slash + last, digest if at else tag if colon else "latest")
    if not last or not all(halves) or any(letter.isspace() for letter in name):
        hint = "Such as busybox, busybox:1.36 or localhost:5000/team/web@sha256:…"
        raise BadForm(f"{name!r} is no name of an image.", field=field, hint=hint)
    return halves


def pull(endpoint: Endpoint, image: str, *, told: Told) -> Job:
    """Pull an image: ``POST /images/create``, API 1.24+.

    :param image: its name; without a tag or a digest, ``latest``.
    :param told: is told of the job whenever it has got on, ten times a second at most, and when
        it has finished; on threads of the job.
    :raises BadForm: that can't be a name.
    """
    name, tag = reference(image)
    query = urlencode({"fromImage": name, "tag": tag})
    title = f"{name}@{tag}" if ":" in tag else f"{name}:{tag}"
    return Job(endpoint, f"/images/create?{query}", b"", PullProgress(title), told=told)


def build(endpoint: Endpoint, context: bytes | str, tag: str, *, told: Told) -> Job:
    """Build an image: ``POST /build`` with the classic builder, API 1.24+.

    :param context: a tar that has a Dockerfile in it, or the text of a Dockerfile that needs none.
    :param tag: what to call the image.
    :param told: as for :func:`pull`.
    :raises BadForm: that can't be a name.
    """
    name, tag = reference(tag, field="tag")
    if isinstance(context, str):
        context = pack([File("Dockerfile", context.encode())])
    query = urlencode({"t": f"{name}:{tag}", "rm": "true", "forcerm": "true"})
    return Job(endpoint, f"/build?{query}", context, BuildProgress(f"{name}:{tag}"), told=told)


class Job:
    """A request that takes long, in a thread of its own; :func:`pull` and :func:`build` make one.

    :param path: where to ``POST``, with the query.
    :param body: what to send: a tar.
    :param progress: takes what the engine says meanwhile.
    :param told: is told of the job; see :func:`pull`.

    ``finished`` is set when it has ended, in whatever way.
    """

    def __init__(
        self, endpoint: Endpoint, path: str, body: bytes, progress: Progress, *, told: Told
    ) -> None:
        self.progress = progress
        self.finished = threading.Event()
        self._line = _Line(endpoint)
        self._path = path
        self._body = body
        self._told = told
        self._pace = Pace(lambda: told(self), name="labkit-job")
        self._thread = threading.Thread(target=self._run, name="labkit-job", daemon=True)
        self._thread.start()

    @property
    def error(self) -> str:
        """What went wrong; empty while nothing has."""
        return self.progress.error

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.finished.is_set()

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended and has told so; whether it has.

        :param timeout: seconds.
        """
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Give it up: close its connection, whereupon the engine stops too. From any thread."""
        if not self.finished.is_set():
            self._line.cut()
        if threading.current_thread() not in (self._thread, self._pace.thread):
            self._thread.join(_GRACE)

    def _run(self) -> None:
        try:
            self._read()
        except APIError as error:
            self.progress.fail(error.explanation)
        except LabError as error:
            self.progress.fail(_CANCELLED if self._line.is_cut else error.message)
        finally:
            self._pace.close()
            self.finished.set()
            self._told(self)

    def _read(self) -> None:
        lines = JSONLines()
        for piece in self._line.post(self._path, self._body):
            for message in lines.feed(piece):
                self.progress.feed(message)
            self._pace.nudge()
        for message in lines.finish():
            self.progress.feed(message)
        if self._line.is_cut:
            self.progress.fail(_CANCELLED)
        self.progress.finish()


class _Line:
    """A connection for one request that can be cut at any moment, before the answer begins too.

    A registry that hangs keeps the engine from answering at all: a client of requests would
    have to wait for that answer before it could close anything.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.is_cut = False
        self._endpoint = endpoint
        self._guard = threading.Lock()
        self._socket: socket.socket | None = None

    def post(self, path: str, body: bytes) -> Iterator[bytes]:
        """Send ``POST path`` with a tar as its body, and yield the answer in pieces.

        :raises LabError: it is refused, or nobody answers to the end, or the line was cut.
        """
        connection = HTTPConnection("localhost")
        try:
            connection.sock = self._open()
            connection.request("POST", path, body, {"Content-Type": "application/x-tar"})
            response = connection.getresponse()
            _check(response, path)
            while piece := response.read1(_PIECE):
                yield piece
        except (OSError, HTTPException) as cause:
            raise unreachable.error(self._endpoint, cause) from cause
        finally:
            with self._guard:
                self._socket = None
            connection.close()

    def cut(self) -> None:
        """End the connection, whatever it is waiting for; from any thread."""
        with self._guard:
            self.is_cut = True
            if self._socket:
                _shut(self._socket)

    def _open(self) -> socket.socket:
        transport.require(self._endpoint)
        opened = transport.connect(self._endpoint, _TIMEOUT)
        opened.settimeout(None)
        with self._guard:
            self._socket = opened
            if self.is_cut:
                _shut(opened)
        return opened


def _shut(opened: socket.socket) -> None:
    """Shut it down under whoever waits in it; TLS, which is not made for that, is told nothing."""
    with suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


def _check(response: HTTPResponse, path: str) -> None:
    if response.status == HTTPStatus.OK:
        return
    said = response.read()
    try:
        found = json.loads(said)
    except ValueError:
        found = None
    message = found.get("message") if isinstance(found, Mapping) else None
    words = str(message or said.decode(errors="replace").strip()[:500] or response.reason)
    raise api_error(response.status, "POST", path, words)
