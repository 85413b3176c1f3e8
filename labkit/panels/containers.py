"""The live panel of an engine's containers: what is there, and buttons to change it.

The engine's event stream drives it; nothing is polled. Its state is plain Python, so that a test
or a notebook without a browser reads ``panel.rows`` and calls ``panel.stop("web")``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.errors import LabError
from labkit.live import actions
from labkit.live.actions import Outcome
from labkit.live.container import ContainerRow
from labkit.live.containers import ContainerList
from labkit.live.feed import Feed
from labkit.live.topic import Change
from labkit.panels.view import ContainersView, Handlers

__all__ = ["ContainersPanel"]

JSON = dict[str, Any]

_TEXT = "ContainersPanel: the containers of this engine, live"
_FIRST_LOOK = 2.0
_DOING = {"start": "Starting", "stop": "Stopping", "remove": "Removing", "inspect": "Inspecting"}


class ContainersPanel:
    """The containers of an engine, live, with buttons to start, stop, remove and inspect them.

    A context manager; as the last line of a cell it shows itself. An engine that goes away is
    waited for, and looked at afresh when it is back at the same address.

    :param endpoint: where the engine listens.
    :param all: also show what does not run; the toggle on the page changes it.

    ``view`` has the widgets, ``outcome`` what came of the last action.
    """

    def __init__(self, endpoint: Endpoint, *, all: bool = True) -> None:  # noqa: A002 - as the API
        self._endpoint = endpoint
        self._lock = threading.RLock()
        self._closed = False
        self._list = ContainerList()
        self._away = "It has not answered yet."
        self._refused: tuple[str, str] | None = None
        self.outcome: Outcome | None = None
        self.view = ContainersView(
            Handlers(press=self._press, force=self._press_force, toggle=self._show), all=all
        )
        self._show()
        self._feed = Feed(endpoint, [self._list], changed=self._changed, away=self._gone_away)
        self._feed.wait(_FIRST_LOOK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return _TEXT

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = self.widget._repr_mimebundle_(**options) or {}
        return {**bundle, "text/plain": _TEXT}

    @property
    def widget(self) -> Any:
        """The root widget, to put into a layout of your own."""
        return self.view.widget

    @property
    def rows(self) -> list[ContainerRow]:
        """What the panel shows now, oldest first."""
        with self._lock:
            return self._list.rows(all=self.view.toggle.value)

    @property
    def all(self) -> bool:
        """Whether containers that do not run are shown too."""
        return bool(self.view.toggle.value)

    @all.setter  # noqa: A003 - no method here calls the builtin
    def all(self, wanted: bool) -> None:
        self.view.toggle.value = wanted

    @property
    def away(self) -> str:
        """Why the engine does not answer; empty while it does."""
        return self._away

    def start(self, id_or_name: str) -> Outcome:
        """Start a container, and say so on the panel: ``POST /containers/{id}/start``."""
        return self._act("start", id_or_name)

    def stop(self, id_or_name: str) -> Outcome:
        """Stop a container, killing it after a second: ``POST /containers/{id}/stop``."""
        return self._act("stop", id_or_name)

    def remove(self, id_or_name: str, *, force: bool = False) -> Outcome:
        """Remove a container; one that runs only by force: ``DELETE /containers/{id}``."""
        return self._act("remove", id_or_name, force=force)

    def inspect(self, id_or_name: str) -> Outcome:
        """Show all that the engine knows of a container: ``GET /containers/{id}/json``."""
        outcome = self._act("inspect", id_or_name)
        with self._lock:
            if outcome.attrs and not self._closed:
                name = str(outcome.attrs.get("Name", id_or_name)).lstrip("/")
                self.view.inspection.show(name, outcome.attrs)
        return outcome

    def wait_until(
        self, true: Callable[[list[ContainerRow]], bool], *, timeout: float = 10.0
    ) -> list[ContainerRow]:
        """Wait until something is true of the rows, and return them.

        :param true: such as ``lambda rows: rows and rows[0].state == "running"``.
        :param timeout: seconds.
        :raises WaitTimeout: when it does not come true in time.
        """
        wait.until(lambda: true(self.rows), what="the rows of the panel", timeout=timeout)
        return self.rows

    def button(self, id_or_name: str, action: str) -> Any:
        """Return a container's button: ``start``, ``stop``, ``remove`` or ``inspect``.

        :raises LabError: when no such container is shown.
        """
        with self._lock:
            row = self._list.find(id_or_name)
            if self._closed or row not in self.rows or row is None:
                hint = "panel.rows lists what it shows."
                raise LabError(f"The panel shows no container {id_or_name!r}.", hint=hint)
            return self.view.button(row.id, action)

    def close(self) -> None:
        """End the thread and the connection, and leave the last state on the page as a picture."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self.view.close(self._list.rows(all=self.all))
        self._feed.close()

    def _act(self, action: str, container: str, **options: bool) -> Outcome:
        """Say what is being done, do it, and say what came of it.

        The lock is free meanwhile: a stop takes its time, and events go on arriving.
        """
        with self._lock:
            self._require_open()
            row = self._list.find(container)
            name = row.name if row else container
            self._refused = None
            self.view.say(f"{_DOING[action]} {name}…")
        outcome: Outcome = _ACTIONS[action](
            self._endpoint, container=container, name=name, **options
        )
        with self._lock:
            self.outcome = outcome
            self._refused = (container, name) if outcome.forcible else None
            if not self._closed:
                self.view.tell(outcome, name=name)
        return outcome

    def _require_open(self) -> None:
        if self._closed:
            raise LabError("This panel is closed.", hint="Make a new one, as its cell does.")

    def _press(self, action: str, container: str) -> None:
        press = {"start": self.start, "stop": self.stop, "inspect": self.inspect}
        press.get(action, self.remove)(container)

    def _press_force(self) -> None:
        if self._refused:
            self.remove(self._refused[0], force=True)

    def _show(self) -> None:
        with self._lock:
            if not self._closed:
                every = self._list.rows()
                self.view.show(self._list.rows(all=self.all), every, self._away)

    def _changed(self, change: Change) -> None:
        with self._lock:
            if change.kind == "load":
                self._away = ""
            self._show()

    def _gone_away(self, error: LabError) -> None:
        with self._lock:
            self._away = error.message
            self._show()


_ACTIONS: dict[str, Callable[..., Outcome]] = {
    "start": partial(actions.change, verb="start"),
    "stop": partial(actions.change, verb="stop"),
    "remove": actions.remove,
    "inspect": actions.inspect,
}
