"""The learner's end of a conversation: calls the learner's function when the judge asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.answers import plain
from labkit.course.protocol import Connection, Verdict, verdict_of
from labkit.errors import CourseError


def answer(connection: Connection, exercise: str, function: Callable[..., Any] | None) -> Verdict:
    """Open the conversation about an exercise, answer every call, and return the verdict.

    :raises CourseError: the judge hung up without a verdict.
    """
    connection.send("check", exercise, callable=callable(function))
    while "call" in (message := connection.receive()):
        try:
            returned = function(*message["call"]) if function else None
        except Exception as raised:  # noqa: BLE001  # whatever the learner's code raises is an answer too
            connection.send("raised", f"{type(raised).__name__}: {raised}".removesuffix(": "))
        else:
            _reply(connection, returned)
    return verdict_of(message)


def _reply(connection: Connection, returned: Any) -> None:
    try:
        reply = plain(returned)
    except CourseError as unreadable:
        connection.send("unreadable", unreadable.message)
    else:
        connection.send("answer", reply)
