"""The live panel of an engine's containers: what is there, and buttons to change it.

The engine's event stream drives it; nothing is polled. Its state is plain Python, so that a test
or a notebook without a browser reads ``panel.rows`` and calls ``panel.stop("web")``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.errors import BadForm, LabError
from labkit.live import actions, creation
from labkit.live.actions import Outcome
from labkit.live.container import ContainerRow
from labkit.live.containers import ContainerList
from labkit.live.things import images
from labkit.panels.bulk import ask_all
from labkit.panels.containers_view import ContainersView, Handlers, line
from labkit.panels.form import unsent
from labkit.panels.panel import Panel
from labkit.panels.rows import Rows

__all__ = ["ContainersPanel"]

_NONE = "No containers yet: the next one that is created appears here."
_NONE_RUNNING = "No container is running. “All” shows the others too."
_NONE_FOUND = "No container has these words."


class ContainersPanel(Panel):
    """The containers of an engine, live: search, sort, create, and whatever Docker can do to one.

    A context manager; as the last line of a cell it shows itself. An engine that goes away is
    waited for, and looked at afresh when it is back at the same address.

    :param endpoint: where the engine listens.
    :param all: also show what does not run; the toggle on the page changes it.

    ``view`` has the widgets, ``outcome`` what came of the last action.
    """

    text: ClassVar[str] = "ContainersPanel: the containers of this engine, live"

    def __init__(self, endpoint: Endpoint, *, all: bool = True) -> None:  # noqa: A002 - as the API
        self._list = ContainerList()
        self._images = images()
        handlers = Handlers(
            press=self._press, bulk=self._press_bulk, create=self._press_create, redraw=self._paint
        )
        self.view = ContainersView(handlers, all=all)
        super().__init__(self.view.frame)
        self._endpoint = endpoint
        self._follow(endpoint, [self._list, self._images])

    @property
    def rows(self) -> list[ContainerRow]:
        """What the panel shows now, in the order in which it does."""
        self._catch_up()
        with self._lock:
            return self._list.rows(**self.view.choice)

    @property
    def all(self) -> bool:
        """Whether containers that do not run are shown too."""
        return bool(self.view.toggle.value)

    @all.setter  # noqa: A003 - no method here calls the builtin
    def all(self, wanted: bool) -> None:
        self.view.toggle.value = wanted

    @property
    def search(self) -> str:
        """The words that the shown rows have: of name, id, image, state, status or ports."""
        return str(self.view.search.value)

    @search.setter
    def search(self, words: str) -> None:
        self.view.search.value = words

    def sort(self, by: str, *, descending: bool = False) -> None:
        """Sort the rows.

        :param by: one of :data:`labkit.live.containers.SORTS`.
        """
        self.view.sort.value, self.view.descending.value = by, descending

    def start(self, id_or_name: str) -> Outcome:
        """Start a container, and say so on the panel: ``POST /containers/{id}/start``."""
        return self._change("start", id_or_name)

    def stop(self, id_or_name: str) -> Outcome:
        """Stop a container, killing it after a second: ``POST /containers/{id}/stop``."""
        return self._change("stop", id_or_name)

    def restart(self, id_or_name: str) -> Outcome:
        """Stop a container and start it again: ``POST /containers/{id}/restart``."""
        return self._change("restart", id_or_name)

    def pause(self, id_or_name: str) -> Outcome:
        """Freeze a container's processes: ``POST /containers/{id}/pause``."""
        return self._change("pause", id_or_name)

    def unpause(self, id_or_name: str) -> Outcome:
        """Let a paused container go on: ``POST /containers/{id}/unpause``."""
        return self._change("unpause", id_or_name)

    def kill(self, id_or_name: str) -> Outcome:
        """End a container at once, by SIGKILL: ``POST /containers/{id}/kill``."""
        return self._change("kill", id_or_name)

    def remove(self, id_or_name: str, *, force: bool = False, volumes: bool = False) -> Outcome:
        """Remove a container; one that runs only by force: ``DELETE /containers/{id}``.

        :param volumes: also its anonymous volumes.
        """
        name = self._name(id_or_name)
        remove = partial(actions.remove, self._endpoint, id_or_name, name=name, volumes=volumes)
        again = partial(self.remove, id_or_name, force=True, volumes=volumes)
        return self._do(f"Removing {name}…", partial(remove, force=force), force=again, what=name)

    def inspect(self, id_or_name: str) -> Outcome:
        """Show all that the engine knows of a container: ``GET /containers/{id}/json``."""
        name = self._name(id_or_name)
        ask = partial(actions.inspect, self._endpoint, id_or_name, name=name)
        outcome = self._do(f"Inspecting {name}…", ask)
        with self._lock:
            if outcome.attrs and not self._closed:
                name = str(outcome.attrs.get("Name", name)).lstrip("/")
                self.view.inspection.show(name, outcome.attrs)
        return outcome

    def check(self, *ids_or_names: str) -> None:
        """Check these rows and no others, for :meth:`act`."""
        wanted = {row.id for one in ids_or_names if (row := self._list.find(one))}
        with self._lock:
            self._require_open()
            self._catch_up()
            self.view.rows.check({row.id for row in self.rows} - wanted, on=False)
            self.view.rows.check(wanted)

    @property
    def checked(self) -> list[ContainerRow]:
        """The rows that are checked."""
        with self._lock:
            ids = [] if self._closed else self.view.rows.checked
            return [row for one in ids if (row := self._list.find(one))]

    def act(self, verb: str, *, force: bool = False, volumes: bool = False) -> list[Outcome]:
        """Ask the same of each checked container, and sum up what came of it.

        :param verb: start, stop, restart, pause, unpause, kill or remove.
        :param force: and ``volumes``: see :meth:`remove`.
        :raises LabError: nothing is checked.
        """
        rows = self.checked
        with self._lock:
            self._require_open()
            if not rows:
                raise LabError("No row is checked.", hint='panel.check("web", "db") does it.')
            self.view.frame.say(f"{verb.capitalize()}: {len(rows)} containers…")
        found = ask_all([self._asker(verb, row, force=force, volumes=volumes) for row in rows])
        with self._lock:
            self.outcome = found[-1]
            if not self._closed:
                names = [row.name for row in rows]
                self.frame.sum_up(verb.capitalize(), list(zip(names, found, strict=True)))
        return found

    def create(self, *, start: bool = True, **form: str) -> Outcome:
        """Create a container, and start it: ``POST /containers/create``.

        :param form: the fields of :data:`labkit.live.creation.FIELDS`, all text.
        """
        try:
            creation.body(form)
        except BadForm as error:
            return self._refuse("POST /containers/create", error, form)
        self.view.form.right()
        asked = partial(actions.create, self._endpoint, form)
        made = self._do(f"Creating {form.get('name') or 'a container'}…", asked)
        if not (made.ok and made.attrs and start):
            return made
        name = form.get("name") or str(made.attrs["Id"])[:12]
        started = self._do(f"Starting {name}…", partial(self._ask, "start", made.attrs["Id"], name))
        with self._lock:
            if not self._closed:
                self.frame.sum_up(f"Create {name}", [("create", made), ("start", started)])
        return started

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
            return self.view.rows.button(row.id, action)

    def _ask(self, verb: str, container: str, name: str) -> Outcome:
        return actions.change(self._endpoint, verb, container, name=name)

    def _refuse(self, request: str, error: BadForm, form: Mapping[str, str]) -> Outcome:
        """Say at the field what is wrong with it; nothing was sent."""
        with self._lock:
            self._require_open()
            self.outcome = unsent(request, error)
            self.view.opener.value = True
            self.view.form.fill(form)
            self.view.form.wrong(error)
            self.frame.say("")
            return self.outcome

    def _change(self, verb: str, container: str) -> Outcome:
        name = self._name(container)
        doing = f"{actions.VERBS[verb][0]} {name}…"
        return self._do(doing, partial(self._ask, verb, container, name))

    def _asker(self, verb: str, row: ContainerRow, **options: bool) -> Callable[[], Outcome]:
        if verb == "remove":
            return partial(actions.remove, self._endpoint, row.id, name=row.name, **options)
        return partial(self._ask, verb, row.id, row.name)

    def _name(self, container: str) -> str:
        row = self._list.find(container)
        return row.name if row else container

    def _press(self, action: str, container: str) -> None:
        press: Mapping[str, Callable[[str], Outcome]]
        press = {"start": self.start, "stop": self.stop, "inspect": self.inspect}
        press.get(action, self.remove)(container)

    def _press_bulk(self, verb: str) -> None:
        bulk = self.view.bulk
        self.act(verb, force=bulk.force.value, volumes=bulk.volumes.value)

    def _press_create(self) -> None:
        form = self.view.form
        if self.create(start=form.start.value, **form.values).ok:
            self.view.opener.value = False
            form.fill({"name": ""})

    def _summary(self) -> str:
        every = self._list.rows()
        running = sum(row.running for row in every)
        return f"{len(every)} container{'' if len(every) == 1 else 's'}, {running} running"

    def _draw(self) -> None:
        every = self._list.rows()
        rows = self._list.rows(**self.view.choice)
        self.view.show(rows, every, live=not self._away)
        self.frame.empty("" if rows or self._away else self._why_empty(every))
        names = [tag for image in self._images.rows() for tag in image.tags]
        self.view.offer_images(names)

    def _why_empty(self, every: Sequence[ContainerRow]) -> str:
        if not every:
            return _NONE
        return _NONE_FOUND if self.search.strip() else _NONE_RUNNING

    def _picture(self) -> str:
        return Rows.picture(line(row) for row in self._list.rows(**self.view.choice))

    def _release(self) -> None:
        self.view.rows.close()
