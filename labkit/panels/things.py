"""What the panels of images, networks and volumes have in common: a list, and who uses what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import quote

import ipywidgets

from labkit.endpoint import Endpoint
from labkit.errors import LabError
from labkit.live import actions
from labkit.live.actions import Outcome
from labkit.live.container import ContainerRow
from labkit.live.containers import ContainerList
from labkit.live.things import ImageRow, NetworkRow, ThingList, VolumeRow
from labkit.panels.form import Form, opener
from labkit.panels.frame import Frame
from labkit.panels.inspection import InspectView
from labkit.panels.panel import Panel
from labkit.panels.rows import Line, Rows

__all__ = ["Kind", "ThingsPanel"]

Row = TypeVar("Row", bound=ImageRow | NetworkRow | VolumeRow)

_BUTTONS = {"inspect": ("", "search"), "remove": ("", "trash")}


@dataclass(frozen=True)
class Kind:
    """Of what things a panel is: their name, where the API has them, and what a row shows.

    ``inspect`` is the path's end of an inspect; ``used`` is what to do about one that is in use.
    """

    noun: str
    columns: tuple[str, ...]
    inspect: str = ""
    used: str = ""

    @property
    def plural(self) -> str:
        """Several of them."""
        return f"{self.noun}s"

    def path(self, thing: str) -> str:
        """Where the API has one of them."""
        return f"/{self.plural}/{quote(thing, safe=':')}"


class ThingsPanel(Panel, Generic[Row]):
    """A live list of the images, networks or volumes of an engine, and which containers use them.

    :param endpoint: where the engine listens.
    :param things: the list.
    :param forms: forms that open beside the list, by the word and the icon that open them.
    :param body: more widgets above the list.
    """

    kind: ClassVar[Kind]

    def __init__(
        self,
        endpoint: Endpoint,
        things: ThingList[Row],
        *,
        forms: Sequence[tuple[str, str, Form]],
        body: Sequence[Any] = (),
    ) -> None:
        self._endpoint = endpoint
        self._things = things
        self._containers = ContainerList()
        words = f"Search the {self.kind.plural}"
        self.search_field = ipywidgets.Text(placeholder="Search", tooltip=words)
        self.search_field.observe(lambda _: self._paint(), "value")
        self.list = Rows(self.kind.columns, _BUTTONS, self._press)
        self.inspection = InspectView()
        self.openers = {
            word: opener(word, icon, form.widget, f"{word} {self.kind.noun}")
            for word, icon, form in forms
        }
        frame = Frame(
            self.kind.plural,
            self.kind.plural.capitalize(),
            tools=[self.search_field, *self.openers.values()],
            body=[*(form.widget for *_, form in forms), *body, self.list.widget],
            tail=[self.inspection.widget],
        )
        super().__init__(frame)
        self._follow(endpoint, [things, self._containers])

    @property
    def rows(self) -> list[Row]:
        """What the panel shows now, by name."""
        self._catch_up()
        with self._lock:
            return self._things.rows(search=self.search_field.value)

    @property
    def search(self) -> str:
        """The words that the shown rows have, of name or id."""
        return str(self.search_field.value)

    @search.setter
    def search(self, words: str) -> None:
        self.search_field.value = words

    def find(self, id_or_name: str) -> Row | None:
        """Return the row of a name or an id, if there is one."""
        rows = self._things.rows()
        named = (row for row in rows if id_or_name in (row.id, *_names(row)))
        return next(named, None)

    def used_by(self, id_or_name: str) -> list[str]:
        """Return the names of the containers that use it."""
        row = self.find(id_or_name)
        return [one.name for one in self._containers.rows() if row and self._uses(one, row)]

    def remove(self, id_or_name: str, *, force: bool = False) -> Outcome:
        """Remove one: ``DELETE /images/{name}``, ``/networks/{id}`` or ``/volumes/{name}``.

        :param force: an image also where it has several names, or a stopped container uses it.
        """
        row = self.find(id_or_name)
        name = row.name if row else id_or_name
        path = f"{self.kind.path(row.id if row else id_or_name)}{'?force=true' if force else ''}"
        ask = partial(actions.ask, self._endpoint, "DELETE", path, done=f"Removed {name}.")
        again = partial(self.remove, id_or_name, force=True)
        return self._do(f"Removing {name}…", lambda: self._explain(ask()), force=again, what=name)

    def inspect(self, id_or_name: str) -> Outcome:
        """Show all that the engine knows of one, in a table to search in."""
        row = self.find(id_or_name)
        name = row.name if row else id_or_name
        path = self.kind.path(row.id if row else id_or_name) + self.kind.inspect
        ask = partial(actions.ask, self._endpoint, "GET", path, done=f"Inspected {name}.")
        outcome = self._do(f"Inspecting {name}…", ask)
        with self._lock:
            if outcome.attrs and not self._closed:
                self.inspection.show(name, outcome.attrs)
        return outcome

    def button(self, id_or_name: str, action: str) -> Any:
        """Return the button of a row: ``inspect`` or ``remove``.

        :raises LabError: when no such row is shown.
        """
        with self._lock:
            row = self.find(id_or_name)
            if self._closed or row is None or row not in self.rows:
                hint = "panel.rows lists what it shows."
                raise LabError(f"The panel shows no {id_or_name!r}.", hint=hint)
            return self.list.button(row.id, action)

    def _uses(self, container: ContainerRow, row: Row) -> bool:
        raise NotImplementedError

    def _line(self, row: Row, users: Sequence[str]) -> Line:
        raise NotImplementedError

    def _explain(self, outcome: Outcome) -> Outcome:
        """Say what to do where one can't be removed."""
        refused = outcome.status in (HTTPStatus.CONFLICT, HTTPStatus.FORBIDDEN)
        return replace(outcome, hint=self.kind.used) if refused else outcome

    def _press(self, action: str, thing: str) -> None:
        (self.inspect if action == "inspect" else self.remove)(thing)

    def _summary(self) -> str:
        count = len(self._things.rows())
        return f"{count} {self.kind.noun if count == 1 else self.kind.plural}"

    def _lines(self) -> list[Line]:
        containers = self._containers.rows()
        return [
            self._line(row, [one.name for one in containers if self._uses(one, row)])
            for row in self._things.rows(search=self.search)
        ]

    def _draw(self) -> None:
        every, lines = self._things.rows(), self._lines()
        self.list.show(lines, {row.id for row in every}, live=not self._away)
        none = f"No {self.kind.noun} has these words." if every else f"No {self.kind.plural} yet."
        self.frame.empty("" if lines or self._away else none)

    def _picture(self) -> str:
        return Rows.picture(self._lines())

    def _release(self) -> None:
        self.list.close()


def _names(row: ImageRow | NetworkRow | VolumeRow) -> tuple[str, ...]:
    if not isinstance(row, ImageRow):
        return (row.name,)
    short = tuple(tag.removesuffix(":latest") for tag in row.tags)
    return (row.name, *row.tags, *short, row.id.removeprefix("sha256:")[:12])
