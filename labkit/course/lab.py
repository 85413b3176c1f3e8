"""A notebook's lab: its engine, its checks, its hints."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from docker import DockerClient

from labkit import raw, sdk
from labkit.course import judge, kernel, learner, lessons, outfit, progress, standing
from labkit.course.given import GivenEngine, GivenHub
from labkit.course.hints import Hint
from labkit.course.protocol import Connection, Verdict
from labkit.endpoint import Endpoint
from labkit.engine import places
from labkit.engine.engine import Engine
from labkit.errors import CourseError
from labkit.hub.hub import NAME, Hub
from labkit.panels.panel import Panel
from labkit.panels.shelf import Shelf
from labkit.table import Table

if TYPE_CHECKING:
    from flask import Flask

    from labkit.course.serving import Server

_current: Lab | None = None


class CheckFailed(Exception):
    """An exercise is not there yet: what was seen, and a tutor's question."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"{verdict}\nSeen: {verdict.saw}\n{verdict.question}")
        self.verdict = verdict

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the tutor's words, not our stack."""
        hint = f"  A hint: lab.hint({self.verdict.exercise!r})"
        seen = f"  Seen: {self.verdict.saw}"
        return [str(self.verdict), seen, f"  {self.verdict.question}", hint]


class Lab:
    """What a notebook works with; made by :func:`lab`."""

    def __init__(
        self, notebook: str, engine: Engine | GivenEngine, hub: Hub | GivenHub | None = None
    ) -> None:
        self.notebook = notebook
        self.engine = engine
        self._hub = hub
        self._lesson = lessons.lesson(notebook)
        self._hints: dict[str, int] = {}
        self._panels = Shelf(self)
        self._server: Server | None = None
        self._port = 0  # an app that is served anew answers where the last one did
        self._environment = kernel.point_at(engine.socket)
        self._closed = False

    @property
    def socket(self) -> Path:
        """The engine's unix socket on this machine; also in ``$DOCKER_SOCK``."""
        return self.engine.socket

    @property
    def endpoint(self) -> Endpoint:
        """The engine's address, for ``labkit.raw``."""
        return self.engine.endpoint

    @property
    def version(self) -> str:
        """The engine's Docker version, such as ``26.1``."""
        return self.engine.version

    @property
    def docker(self) -> DockerClient:
        """A Docker SDK client, the same as ``docker.from_env()`` makes here."""
        return self.engine.docker

    @property
    def raw(self) -> raw.Client:
        """A raw client: one method call, one HTTP request."""
        return self.engine.raw

    @property
    def folder(self) -> Path:
        """A folder on this machine for files of yours; it goes when the lab is closed.

        :raises CourseError: the lab is closed.
        """
        if self._closed:
            raise CourseError(f"The lab of {self.notebook} is closed.", hint="Run the first cell.")
        return places.make(self.engine.folder / "own")

    @property
    def hub(self) -> Hub | GivenHub:
        """The lesson's lab hub, a registry with Docker Hub's limits.

        :raises CourseError: this lesson has none.
        """
        if self._hub is None:
            raise CourseError(
                f"{self.notebook} has no lab hub.",
                hint="from labkit.hub.hub import Hub; Hub.start()",
            )
        return self._hub

    def check(self, exercise: str, function: Callable[..., Any] | None = None) -> None:
        """Have an exercise judged, and say so.

        :param function: what you wrote, where the task asks for a function.
        :raises CheckFailed: it is not there yet; says what was seen, and asks a question.
        :raises CourseError: this notebook has no such exercise.
        """
        driver = self._lesson[exercise].driver
        with self._judge() as connection, contextlib.ExitStack() as stack:
            driven = function and stack.enter_context(driver(function, self.endpoint))
            verdict = learner.answer(connection, exercise, driven)
        progress.record(self.notebook, verdict)
        if not verdict.passed:
            raise CheckFailed(verdict)
        print(verdict)

    def hint(self, exercise: str) -> Hint:
        """The next hint for an exercise, from faint to plain; the last one stays.

        :raises CourseError: this notebook has no such exercise.
        """
        hints = self._lesson[exercise].hints
        number = min(self._hints.get(exercise, 0) + 1, len(hints))
        self._hints[exercise] = number
        return Hint(hints[number - 1], number, len(hints))

    def progress(self) -> Table:
        """This notebook's exercises: points, and what you have passed."""
        return progress.table(self.notebook)

    def panel(self, name: str = "containers", **options: Any) -> Panel:
        """A live panel of the engine: containers, logs, stats, images, networks, volumes and more.

        :param name: which one; "events" and "wire" are the others.
        :param options: what that panel takes, such as ``container="web"`` for "logs".
        :raises CourseError: there is no such panel.
        """
        if name == "progress":
            options = {"lessons": standing.standings, "next_up": _next_up, **options}
        return self._panels.open(name, **options)

    def serve(self, create_app: Callable[..., Flask], *, token: str | None = None) -> Server:
        """Serve your app on a port of this machine; one that was served before makes room for it.

        :param create_app: is called with a Docker client, and with the token where there is one.
        :raises CourseError: it returned no app.
        """
        # Flask takes 0.1 s to import, and one lesson needs it.
        from labkit.course.serving import Server  # noqa: PLC0415

        if self._server is not None:
            self._server.close()
        self._server = Server(create_app, self.endpoint, token=token, port=self._port)
        self._port = self._server.port
        return self._server

    def reset(self) -> None:
        """Make the engine pristine again: only the course's images are on it."""
        self.engine.reset()
        self._panels.refresh()

    def close(self) -> None:
        """Give the engine back, and put the environment back as it was; a second time, nothing."""
        if self._closed:
            return
        self._closed = True
        self._panels.close()
        if self._server is not None:
            self._server.close()
        kernel.restore(self._environment)
        self.engine.stop()
        if self._hub is not None:
            self._hub.stop()
        atexit.unregister(self.close_quietly)
        kernel.on_error(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Lab {self.notebook}: Docker Engine {self.version}>"

    def _judge(self) -> Connection:
        if outside := os.environ.get("LABKIT_JUDGE"):
            return judge.reach(Path(outside))
        hub = self._hub if isinstance(self._hub, Hub) else None
        return judge.beside(judge.Judge(self.notebook, self.endpoint, hub=hub))

    def close_quietly(self) -> None:
        """At the kernel's end: close, whatever state things are in."""
        with contextlib.suppress(Exception):  # the kernel ends; labkit down sees to the rest
            self.close()

    def explain(self, error: BaseException) -> None:
        """After a cell that raised: if the engine is gone, say so and what to do."""
        if not isinstance(error, CheckFailed) and not self.engine.alive:
            print(
                f"The engine of this notebook ({self.engine.name}) does not answer any more.\n"
                "What to do: lab.reset() starts it afresh; then run the cells from the top. "
                "Your notebook is safe."
            )


def _next_up() -> str:
    return standing.next_up(standing.standings())


def lab(notebook: str, *, version: str | None = None, env: Mapping[str, str] | None = None) -> Lab:
    """A fresh engine for this notebook; ``DOCKER_HOST`` and ``DOCKER_SOCK`` point at it.

    A lesson that needs a registry gets a lab hub, too, which the engine knows as ``hub.lab``.

    Called again in the same kernel, it gives the old engine back and starts a fresh one. The
    kernel's end gives it back too.

    :param notebook: the notebook's name without ``.ipynb``, such as ``"02-run-and-stop"``.
    :param version: the Docker version; ``LABKIT_VERSION`` decides where none is given, else 26.1.
    :param env: dockerd's environment.
    :raises CourseError: there is no such notebook.
    :raises HostError: there is no Docker to start an engine on.
    """
    global _current  # one notebook, one kernel, one lab  # noqa: PLW0603
    lesson = lessons.lesson(notebook)
    if _current is not None:
        _current.close()
        _current = None
    sdk.mend()
    engine, hub = outfit.start(lesson, version, env or {})
    _current = Lab(notebook, engine, hub)
    atexit.register(_current.close_quietly)
    kernel.on_error(_current.explain)
    name = f"{notebook}, and {NAME}" if hub else notebook
    print(f"A fresh Docker Engine {engine.version} is ready for {name}.")
    return _current
