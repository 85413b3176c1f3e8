"""The judge's way to a learner's app: it chooses the requests, the kernel sends them.

A judge outside can't reach a port of the kernel's machine. So the kernel serves the app there and
sends each request over that port, as told; the judge gets the answer, and looks at the engine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from labkit.course.exercise import Tutor
from labkit.endpoint import Endpoint
from labkit.errors import CourseError

__all__ = ["answer", "attempt", "done", "send", "served", "told"]

SUCCESS = 2  # the first digit

JSON = dict[str, Any]


@contextlib.contextmanager
def served(create_app: Callable[..., Any], endpoint: Endpoint) -> Iterator[Callable[..., Any]]:
    """Yield, for the kernel, what sends a request to the app that is made at the first one."""
    # Flask takes 0.1 s to import, and one lesson needs it.
    from labkit.course.serving import Server  # noqa: PLC0415

    servers: list[Server] = []
    with contextlib.ExitStack() as stack:

        def ask(method: str, path: str, headers: JSON, **options: Any) -> Any:
            if not servers:
                servers.append(stack.enter_context(Server(create_app, endpoint)))
            return servers[0].request(method, path, headers, **options)

        yield told(lambda method, path, more: ask(method, path, **more))


def told(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Answer what does not fit the task with ``{"unfit": what was seen, "question": …}``."""

    def asked(*arguments: Any) -> Any:
        try:
            return ask(*arguments)
        except CourseError as unfit:
            return {"unfit": unfit.message, "question": unfit.hint}

    return asked


def answer(tutor: Tutor, *arguments: Any) -> JSON:
    """For the judge: ask what a driver has made; what did not fit the task is told at once."""
    said = tutor.ask(*arguments)
    tutor.expect(
        isinstance(said, dict),
        saw=f"The answer is {said!r:.200}.",
        question="Did you hand over the function itself, as the check's cell does?",
    )
    if "unfit" in said:
        tutor.refuse(str(said["unfit"]), str(said["question"]))
    return dict(said)


def send(
    tutor: Tutor,
    method: str,
    path: str,
    *,
    headers: JSON | None = None,
    gone: bool = False,
    token: str | None = None,
) -> JSON:
    """Have a request sent; what the app's code raised and did not catch is told at once.

    :param gone: to an app whose Docker Engine does not answer.
    :param token: to an app that was made with this token.
    """
    reply = attempt(tutor, method, path, headers=headers, gone=gone, token=token)
    tutor.expect(
        not reply["raised"],
        saw=f"{method} {path} answered {reply['status']}, for the app raised {reply['raised']}",
        question="Send that request yourself: what does server.log show? "
        "Which line is it, and what should the app answer?",
    )
    return reply


def attempt(
    tutor: Tutor,
    method: str,
    path: str,
    *,
    headers: JSON | None = None,
    gone: bool = False,
    token: str | None = None,
) -> JSON:
    """Have a request sent that may well fail."""
    more = {"headers": headers or {}, "gone": gone, "token": token}
    reply = answer(tutor, method, path, more)
    tutor.expect(
        isinstance(reply.get("status"), int) and {"json", "text", "raised", "port"} <= reply.keys(),
        saw=f"The answer is {reply!r:.200}.",
        question="Did you hand over the function itself, as the check's cell does?",
    )
    tutor.expect(
        method == "GET" or reply["status"] != HTTPStatus.METHOD_NOT_ALLOWED,
        saw=f"{method} {path} answered 405, method not allowed.",
        question="Which methods does your route take? app.route takes GET alone unless it is told "
        "otherwise; app.post and app.delete have the method in their names.",
    )
    return reply


def done(tutor: Tutor, method: str, path: str) -> None:
    """Have a request sent that must succeed: 2xx, or 304 for what was so already."""
    reply = send(tutor, method, path)
    tutor.expect(
        reply["status"] // 100 == SUCCESS or reply["status"] == HTTPStatus.NOT_MODIFIED,
        saw=f"{method} {path} answered {reply['status']}: {reply['text']!r:.100}",
        question="Is there a route for this method and path? Does it find a container by its name "
        "as well as by its id? And is it an error to start what runs, or to stop what does not?",
    )
