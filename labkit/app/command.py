"""What ``labkit app`` does: find an engine of the kit, serve the app for it, until Ctrl-C."""

from __future__ import annotations

import signal
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labkit.app.serve import App
from labkit.engine import drivers
from labkit.engine.engine import Engine
from labkit.errors import EngineError

__all__ = ["an_engine", "run"]

_LAB = "lab"  # what labkit up names an engine that is not named
_OWN = "app"

Say = Callable[[str], None]


def run(name: str | None, *, port: int, browser: bool, say: Say) -> None:
    """Serve the app until Ctrl-C or SIGTERM.

    :param name: the engine; see :func:`an_engine`.
    :param port: where to listen on 127.0.0.1; 0 takes a free one.
    :param browser: open the page in it.
    :param say: is told what happens.
    """
    with (
        _ending_on_signals(),
        an_engine(name, say=say) as engine,
        App(engine.endpoint, port=port) as app,
    ):
        say(f"The app manages the engine {engine.name}, Docker {engine.version}. Open")
        say(f"    {app.url}")
        say("Whoever has this address controls that engine. Ctrl-C ends the app.")
        if browser:
            webbrowser.open(app.guard.ticket())
        app.wait()


@contextmanager
def an_engine(name: str | None, *, say: Say) -> Iterator[Engine]:
    """Yield the engine of that name; never Docker's own.

    Without a name it is the only one that runs, or else the one called lab. Where none runs, one
    is started that goes away afterwards.

    :raises EngineError: there is no such engine, or it is not clear which one.
    """
    if name or (name := _running()):
        yield Engine.attach(name)
        return
    say("No engine runs: one is started that goes away with the app.")
    with Engine.start(name=_OWN, say=say) as engine:
        yield engine


def _running() -> str | None:
    names = [one.name for _, one in drivers.engines() if one.running and not one.orphan]
    if len(names) > 1 and _LAB not in names:
        raise EngineError(
            f"Several engines run: {', '.join(sorted(names))}.",
            hint=f"Say which: labkit app {names[-1]}",
        )
    return _LAB if _LAB in names else next(iter(names), None)


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C, and both for the end: everything is closed on the way out."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
