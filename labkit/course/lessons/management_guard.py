"""More exercises of 04-management-app: a panel of one's own, and a guard for the app.

``lesson`` is complete when this module is imported.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from docker.models.containers import Container

from labkit import wait
from labkit.course.caller import answer, attempt, send, served
from labkit.course.exercise import Tutor
from labkit.course.lessons.management_app import lesson, runs, state, willing
from labkit.course.operating import ROW, operated

__all__ = ["lesson"]

REFUSALS = {400, 401, 403, 421}

JSON = dict[str, Any]


@lesson.exercise(
    "own-panel",
    points=2,
    driver=operated,
    hints=(
        "A row is widgets.HBox([label, start, stop, remove]). The panel is a VBox, and whoever sets its children anew draws it anew.",
        "on_click hands the button to your function. And in a loop, a function that names the loop's variable gets the last one: make each row in a function of its own, which takes the container.",
        "def refresh(): panel.children = [row(one) for one in client.containers.list(all=True)]. Inside row(container), for each action: def pressed(_, act=act): act(); refresh(), and then button.on_click(pressed).",
    ),
)
def own_panel(tutor: Tutor) -> None:
    """Each row's buttons act on that row's container, and afterwards the panel is up to date."""
    first, runner = tutor.stock.run(), willing(tutor)
    draft, last = tutor.stock.create(), tutor.stock.run()
    for one in (first, runner, draft, last):
        _expect_row(tutor, one, state(tutor, one)["Status"])
    _press(tutor, draft, "start", "running")
    _press(tutor, runner, "stop", "exited", again=last)
    late = willing(tutor)
    _press(tutor, runner, "remove", "gone")
    _expect_row(tutor, late, "running")
    _press(tutor, late, "remove", "gone")
    for one in (first, last):
        tutor.expect(
            runs(tutor, one),
            saw=f"{one.name} was stopped or removed, and its buttons were not pressed.",
            question="Which container does the function of a button mean when it is called at last: that of its own row, or the one where the loop ended?",
        )


def _expect_row(tutor: Tutor, container: Container, status: str) -> None:
    row = answer(tutor, container.name)["row"]
    if status == "gone":
        tutor.expect(
            row is None,
            saw=f"{container.name} is removed, and the panel still shows its row.",
            question="Does the function of a button list the containers anew when it has acted?",
        )
        return
    tutor.expect(
        row is not None,
        saw=f"The panel has no row for {container.name}, whose state is {status}.",
        question=f"{ROW} Are stopped containers shown, and is the list made anew after each click?",
    )
    tutor.expect(
        status in str(row).split(),
        saw=f"The row of {container.name} says {row!r:.200}, where the engine says {status}.",
        question="Does a row show the state, and is the list made anew after each click?",
    )


def _press(
    tutor: Tutor,
    container: Container,
    button: str,
    status: str,
    *,
    again: Container | None = None,
) -> None:
    """Have a button pressed; expect it of the engine first, then of the panel.

    :param again: runs, and may be started once more, where the panel's list may be right later.
    """
    answer(tutor, container.name, button)
    found = state(tutor, container)["Status"]
    tutor.expect(
        found == status,
        saw=f"After a click on {button.capitalize()} in its row, {container.name} is {found}.",
        question="Does the button's on_click have a function, does that function take one argument (the button), and which container does it mean when it is called? Remove takes also what runs.",
    )
    if again:
        _let_the_list_follow(tutor, container, status, again)
    _expect_row(tutor, container, status)


def _let_the_list_follow(tutor: Tutor, container: Container, status: str, again: Container) -> None:
    """The Engine's list can lag a moment behind an end; another click has it listed anew."""
    if status not in str(answer(tutor, container.name)["row"]).split():
        wait.until(lambda: _listed(tutor, container) == status, what="the end to be listed")
        answer(tutor, again.name, "start")


def _listed(tutor: Tutor, container: Container) -> str:
    rows = tutor.raw.get("/containers/json", params={"all": True}).json()
    return next((str(row["State"]) for row in rows if row["Id"] == container.id), "gone")


@lesson.exercise(
    "guard",
    points=2,
    driver=served,
    hints=(
        "@app.before_request above a function without arguments: Flask calls it before every route. If it returns something, that is the answer, and the route is not called.",
        "request.host is the Host header, port and all; request.host_url is what a page of the app itself has as its origin, with a slash at its end; request.headers.get('Origin') is None where there is none.",
        "if request.host.split(':')[0] not in ('127.0.0.1', 'localhost'): return {'message': '…'}, 403. Then the like for the Origin, if there is one. Then compare request.headers.get('Authorization') with f'Bearer {token}', or answer 401.",
    ),
)
def guard(tutor: Tutor) -> None:
    """Only who has the token, calls the app by its own name and is no foreign page gets through."""
    token, runner = secrets.token_urlsafe(12), willing(tutor)
    port = _expect_welcome(tutor, token)
    path = f"/containers/{runner.name}"
    for caller in _unwelcome(token, port):
        _expect_refusal(tutor, "POST", f"{path}/stop", token=token, caller=caller)
        tutor.expect(
            runs(tutor, runner),
            saw=f"{caller.what}: the app refused with words, and stopped the container all the same.",
            question="Does the guard stand in front of the routes? What before_request returns is the answer, and no route is called.",
        )
    nobody = _Caller("No token", {}, "Does the guard stand in front of every route?")
    for method, guarded in (("GET", "/containers"), ("DELETE", f"{path}?force=true")):
        _expect_refusal(tutor, method, guarded, token=token, caller=nobody)
    own = _knowing(token) | {"Origin": f"http://127.0.0.1:{port}"}
    send(tutor, "POST", f"{path}/stop", headers=own, token=token)
    tutor.expect(
        state(tutor, runner)["Status"] == "exited",
        saw="A POST with the token and the app's own Origin did not stop the container.",
        question="Do the routes still do their work behind the guard?",
    )


def _knowing(token: str) -> JSON:
    return {"Authorization": f"Bearer {token}"}


def _expect_welcome(tutor: Tutor, token: str) -> int:
    """Expect that callers with the token get through; the port that the app listens on."""
    plain = send(tutor, "GET", "/containers", headers=_knowing(token), token=token)
    _expect_through(tutor, plain, "With the token, and without an Origin")
    port = int(plain["port"])
    for name in ("127.0.0.1", "localhost"):
        headers = _knowing(token) | {"Host": f"{name}:{port}", "Origin": f"http://{name}:{port}"}
        reply = send(tutor, "GET", "/containers", headers=headers, token=token)
        _expect_through(tutor, reply, f"With the token, as a page of http://{name}:PORT itself")
    return port


def _expect_through(tutor: Tutor, reply: JSON, what: str) -> None:
    tutor.expect(
        reply["status"] == 200 and isinstance(reply["json"], list),
        saw=f"{what}, GET /containers answered {reply['status']}: {reply['text']!r:.100}",
        question="Which of the three rules refused it, and is that what the rule says? create_app gets the token as its second argument, and the header is 'Authorization: Bearer TOKEN'.",
    )


@dataclass(frozen=True)
class _Caller:
    """One whom the guard should refuse: what is wrong, the headers, and the tutor's question."""

    what: str
    headers: JSON
    question: str


def _unwelcome(token: str, port: int) -> list[_Caller]:
    """Each breaks one of the three rules, and keeps the others."""
    evil = f"{secrets.token_hex(3)}.example"
    hosts = (f"{evil}:{port}", evil, f"127.0.0.1.{evil}:{port}", f"localhost.{evil}")
    origins = (
        f"https://{evil}",
        f"http://{evil}:{port}",
        "null",
        f"http://127.0.0.1:{port + 1}",
        f"http://127.0.0.1:{port}.{evil}",
    )
    wrong = {
        "Another token": f"Bearer {secrets.token_urlsafe(12)}",
        "Half of the token": f"Bearer {token[: len(token) // 2]}",
        "The token and a letter more": f"Bearer {token}x",
        "No more than the word Bearer": "Bearer ",
    }
    by_name = "Is the Host header compared as a whole, but for the port? What does your test say of localhost.evil.example?"
    by_page = (
        "Is an Origin, where there is one, compared with the app's own as a whole, port and all?"
    )
    bearer = "Is what stands behind Bearer compared with the token that create_app got, and with all of it?"
    known = _knowing(token)
    return [
        *(_Caller(f"The Host {one}", known | {"Host": one}, by_name) for one in hosts),
        *(_Caller(f"The Origin {one}", known | {"Origin": one}, by_page) for one in origins),
        _Caller("No Authorization header", {}, bearer),
        *(_Caller(what, {"Authorization": one}, bearer) for what, one in wrong.items()),
    ]


def _expect_refusal(tutor: Tutor, method: str, path: str, *, token: str, caller: _Caller) -> None:
    reply = attempt(tutor, method, path, headers=caller.headers, token=token)
    tutor.expect(
        not reply["raised"],
        saw=f"{caller.what}: the app raised {reply['raised']}",
        question="Send such a request yourself: server.log shows the line. What does headers.get return where there is no such header?",
    )
    tutor.expect(
        reply["status"] in REFUSALS,
        saw=f"{caller.what}: {method} {path} answered {reply['status']}, where 401 or 403 would be right.",
        question=caller.question,
    )
