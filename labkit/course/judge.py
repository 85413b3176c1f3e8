"""The judge: holds a conversation about one exercise and comes to a verdict.

The same judge sits in two seats. While learning it is a thread beside the notebook, for instant
feedback. For grading it is in a process of its own, behind a unix socket (:func:`serve`), with its
own connection to the engine, and only what it says counts.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.course import lessons
from labkit.course.exercise import Exercise, NotYet, Tutor
from labkit.course.protocol import Connection, Verdict, as_message
from labkit.course.seat import Seat
from labkit.endpoint import Endpoint
from labkit.errors import CourseError, LabError
from labkit.hub.hub import Hub

PATIENCE = 120.0  # seconds that a judge waits for one answer

Listener = Callable[[Verdict], None]


class Judge:
    """Judges the exercises of one notebook on one engine.

    :param hub: the lab hub that the engine pulls from, for a lesson that needs one.
    :param seat: where the learner's code runs, if not here.
    :param heard: is told every verdict, on the judge's side, before the kernel is.
    """

    def __init__(
        self,
        notebook: str,
        endpoint: Endpoint,
        *,
        hub: Hub | None = None,
        seat: Seat | None = None,
        heard: Listener | None = None,
    ) -> None:
        self.lesson = lessons.lesson(notebook)
        self.endpoint = endpoint
        self.hub = hub
        self.seat = seat
        self._heard = heard or (lambda _: None)

    def converse(self, connection: Connection) -> None:
        """Hold one conversation; never raises for what the other side did."""
        with contextlib.suppress(CourseError):
            opening = connection.receive()
            name, callable_ = str(opening.get("check")), bool(opening.get("callable"))
            try:
                exercise = self.lesson[name]
            except CourseError as unknown:
                nothing = Verdict(name, passed=False, points=0, worth=0, saw=str(unknown))
                connection.send("verdict", as_message(nothing))
                return
            verdict = self._judge(exercise, _asking(connection, name, callable_=callable_))
            self._heard(verdict)
            connection.send("verdict", as_message(verdict))

    def _judge(self, exercise: Exercise, ask: Callable[[list[Any]], Any]) -> Verdict:
        worth = exercise.points

        def not_yet(saw: str, question: str) -> Verdict:
            name = exercise.name
            return Verdict(name, passed=False, points=0, worth=worth, saw=saw, question=question)

        try:
            tutor = Tutor(self.endpoint, ask, hub=self.hub, seat=self.seat)
        except LabError as unreachable:
            return not_yet(f"No engine answers: {unreachable.message}", "lab.reset() mends it.")
        try:
            tutor.stock.clear()
            exercise.judge(tutor)
        except NotYet as seen:
            return not_yet(seen.saw, seen.question)
        except Exception as broken:  # noqa: BLE001  # whatever a learner's answer or engine provokes is no crash
            return not_yet(
                f"The check could not be finished: {type(broken).__name__}: {broken}",
                "Is the answer shaped as the task says? If the engine was changed: lab.reset().",
            )
        finally:
            tutor.close()
        return Verdict(exercise.name, passed=True, points=worth, worth=worth)


def _asking(connection: Connection, name: str, *, callable_: bool) -> Callable[[list[Any]], Any]:
    """How a tutor asks over this connection."""

    def ask(arguments: list[Any]) -> Any:
        if not callable_:
            raise NotYet(
                "The check was given no function to call.",
                f"Did you hand it over, as in lab.check({name!r}, your_function)?",
            )
        connection.send("call", arguments)
        message = connection.receive()
        if "raised" in message:
            raise NotYet(
                f"Your function raised {message['raised']}",
                "Call it yourself in a cell of its own: at which line does it happen, and why?",
            )
        if "unreadable" in message:
            raise NotYet(
                str(message["unreadable"]),
                "What would a reader of your program's output see? Return names, ids, numbers, "
                "lists, dicts or a DataFrame.",
            )
        if "answer" not in message:
            raise NotYet("Your function gave no answer.", "Was the kernel interrupted?")
        return message["answer"]

    return ask


def beside(judge: Judge) -> Connection:
    """The kernel's end of one conversation with the judge, seated in a thread beside it."""
    ours, theirs = socket.socketpair()

    def sit() -> None:
        with Connection(theirs) as connection:
            judge.converse(connection)

    threading.Thread(target=sit, name="labkit-judge", daemon=True).start()
    return Connection(ours)


def reach(path: Path) -> Connection:
    """The kernel's end of a conversation with a judge outside, behind a unix socket.

    :raises CourseError: nobody listens there.
    """
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        end.connect(str(path))
    except OSError as nobody:
        end.close()
        raise CourseError(
            f"No judge listens at {path} (LABKIT_JUDGE): {nobody}.",
            hint="Unset LABKIT_JUDGE to be judged in this notebook.",
        ) from nobody
    return Connection(end)


def serve(
    judge: Judge,
    listener: socket.socket,
    *,
    patience: float = PATIENCE,
    busy: contextlib.AbstractContextManager[Any] | None = None,
) -> None:
    """Seat the judge outside: hold conversations, one after another, until the listener is closed.

    :param patience: seconds to wait for one answer.
    :param busy: is entered for each conversation.
    """
    while True:
        try:
            end, _ = listener.accept()
        except OSError:  # closed
            return
        end.settimeout(patience)
        # Whatever a stranger sends, the next one is heard.
        at_work = busy or contextlib.nullcontext()
        with at_work, contextlib.suppress(Exception), Connection(end) as connection:
            judge.converse(connection)
