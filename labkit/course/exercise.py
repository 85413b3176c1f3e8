"""An exercise, and the tutor who watches it being done.

An exercise is one function that takes a :class:`Tutor` and reads as a tutor thinks: stock the
engine, ask, expect. It never sees the learner's code, only what the code answered and what it did
to the engine, looked at through a connection of the tutor's own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NoReturn

import docker

from labkit import sdk
from labkit.course.seat import Seat
from labkit.course.stock import Stock
from labkit.endpoint import Endpoint
from labkit.errors import CourseError
from labkit.hub.hub import Hub
from labkit.raw import Client

Ask = Callable[[list[Any]], Any]
Driver = Callable[[Callable[..., Any], Endpoint], AbstractContextManager[Callable[..., Any]]]


class NotYet(Exception):
    """An expectation that was not met: what was seen, and the tutor's question."""

    def __init__(self, saw: str, question: str) -> None:
        super().__init__(saw, question)
        self.saw = saw
        self.question = question


class Tutor:
    """What an exercise works with: its own clients, its stock, and the learner to ask.

    ``seat`` lends the learner what the exercise starts besides.
    """

    def __init__(
        self, endpoint: Endpoint, ask: Ask, *, hub: Hub | None = None, seat: Seat | None = None
    ) -> None:
        self.raw = Client(endpoint, timeout=30)
        self.docker: docker.DockerClient = sdk.client(endpoint, timeout=30)
        self.stock = Stock(self.docker)
        self.seat = seat or Seat()
        for session in (self.raw.session, self.docker.api):
            session.headers.update(self.seat.headers)
        self._ask = ask
        self._hub = hub

    @property
    def hub(self) -> Hub:
        """The lesson's hub, whose budgets a judge may change.

        :raises CourseError: the judge has none.
        """
        if self._hub is None:
            raise CourseError("This check needs a lab hub, and the judge was given none.")
        return self._hub

    def ask(self, *arguments: Any) -> Any:
        """Have the learner's function called with these arguments; its answer as JSON gave it.

        :raises NotYet: it raised, or returned what can't be written as JSON.
        """
        return self._ask(list(arguments))

    def expect(self, met: object, *, saw: str, question: str) -> None:
        """Go on if ``met`` is true.

        :param saw: what was seen instead, as a sentence.
        :param question: what leads the learner on, without giving the answer away.
        """
        if not met:
            raise NotYet(saw, question)

    def refuse(self, saw: str, question: str) -> NoReturn:
        """Say that it is not there yet."""
        raise NotYet(saw, question)

    def close(self) -> None:
        """Take the stock away again and hang up."""
        with contextlib.suppress(Exception):
            self.stock.clear()
        self.raw.close()
        self.docker.close()


def by_calling(
    function: Callable[..., Any], _: Endpoint
) -> AbstractContextManager[Callable[..., Any]]:
    """The usual driver: what the judge asks with is what the function is called with."""
    return contextlib.nullcontext(function)


@dataclass(frozen=True)
class Exercise:
    """One task of a notebook: who judges it, its points, its hints from faint to plain.

    :param driver: makes of what the learner wrote, an app perhaps, the function that answers the
        judge. It works in the kernel, as what it drives does; the judge has no use for it.
    """

    name: str
    points: int
    hints: tuple[str, ...]
    judge: Callable[[Tutor], None]
    driver: Driver = by_calling


class Lesson:
    """The exercises of one notebook.

    :param hub: what :meth:`labkit.hub.hub.Hub.start` is called with, for a lesson that needs a hub.
    """

    def __init__(
        self,
        notebook: str,
        *,
        by_hand: dict[str, int] | None = None,
        hub: Mapping[str, Any] | None = None,
    ) -> None:
        self.notebook = notebook
        self.hub = hub
        self.exercises: dict[str, Exercise] = {}
        self.by_hand = by_hand or {}

    def exercise(
        self, name: str, *, points: int, hints: tuple[str, ...], driver: Driver = by_calling
    ) -> Callable[..., Any]:
        """Make the decorated function the judge of an exercise."""

        def register(judge: Callable[[Tutor], None]) -> Callable[[Tutor], None]:
            self.exercises[name] = Exercise(name, points, hints, judge, driver)
            return judge

        return register

    def __getitem__(self, name: str) -> Exercise:
        """The exercise of that name.

        :raises CourseError: there is none; names those that are.
        """
        try:
            return self.exercises[name]
        except KeyError:
            names = ", ".join(self.exercises) or "none"
            raise CourseError(
                f"{self.notebook} has no exercise {name!r}.", hint=f"Its exercises: {names}"
            ) from None
