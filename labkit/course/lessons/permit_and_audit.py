"""More exercises of 06-secure-the-api: a policy for three users, and who did it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from docker.errors import APIError as DockerAPIError

from labkit import raw
from labkit.course.exercise import Tutor
from labkit.course.lessons.read_refusals import lesson
from labkit.course.outfit import version
from labkit.course.stock import Stock
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import APIError, LabError
from labkit.security.certificates import Authority
from labkit.security.guard import Guard

__all__ = ["lesson"]

BUSYBOX = {"Image": "busybox", "Cmd": ["sleep", "600"]}
ROOT = {**BUSYBOX, "HostConfig": {"Privileged": True}}


@dataclass(frozen=True)
class Cell:
    """A request, who may send it, and what to ask when a policy has it otherwise."""

    method: str
    path: str
    users: tuple[str, ...]
    question: str
    body: Any = None


ALL, WORK, BOSS = ("rita", "omar", "ada"), ("omar", "ada"), ("ada",)
MATRIX = (
    Cell("GET", "/containers/json", ALL, "Everybody may list the containers. Which rule says so?"),
    Cell("GET", "/v1.41/containers/json", ALL, "Rules are written without the version: /containers/json."),
    Cell("GET", "/images/json", ALL, "Everybody may list the images. Which rule says so?"),
    Cell("GET", "/containers/{name}/json", WORK, "An inspect shows the environment, and with it passwords. For whom is that?"),
    Cell("GET", "/containers/{name}/logs?stdout=1", WORK, "Who needs to read logs, to see why a container does not work?"),
    Cell("GET", "/containers/{name}/archive?path=/etc/passwd", BOSS, "This reads any file of a container. Whose work needs that?"),
    Cell("GET", "/containers/{name}/export", BOSS, "This is every file of a container in one. Whose work needs that?"),
    Cell("POST", "/containers/create", WORK, "Who runs containers?", BUSYBOX),
    Cell("POST", "/containers/create", BOSS, "A privileged container is root on its host. Is somebody trusted who should not be?", ROOT),
    Cell("POST", "/containers/{name}/exec", BOSS, "With exec one enters any container, also a privileged one of the administrator's. Who may?", {"Cmd": ["true"]}),
    Cell("POST", "/containers/{name}/stop?t=0", WORK, "Who stops containers?"),
    Cell("POST", "/containers/{name}/start", WORK, "Who starts containers?"),
    Cell("POST", "/volumes/prune", BOSS, "A prune takes what nobody uses just now, whoever made it. Whose decision is that?"),
    Cell("DELETE", "/containers/{name}?force=1", WORK, "Who removes containers?"),
)  # fmt: skip


@lesson.exercise(
    "write-policy",
    points=5,
    hints=(
        "Begin with THREE_USERS, the policy of the lesson: print it, and compare it with the table, line by line.",
        '[users] gives each name a role; unix stands above it. reader allows three GETs, operator extends reader, admin allows "* /**" and has trusted = true. A name with a minus in it is a fine key in TOML.',
        'The operator allows "GET /containers/*/json", "GET /containers/*/logs", "POST /containers/create", "POST /containers/*/start", "POST /containers/*/stop" and "DELETE /containers/*". An f-string puts the three names in.',
    ),
)
def write_policy(tutor: Tutor) -> None:
    """The policy gives three users just what the table says, tried on an engine, cell by cell."""
    users = [f"{role}-{secrets.token_hex(2)}" for role in ("rita", "omar", "ada")]
    text = tutor.ask(*users)
    tutor.expect(
        isinstance(text, str) and text.strip(),
        saw=f"Your function returned {text!r:.100}.",
        question="Is it the policy's text, as it would stand in the file?",
    )
    with guarded(tutor, text, [*users, "eve"]) as (guard, endpoints):
        web = _container(tutor, guard.engine)
        guard.engine.docker.api.start(web)
        for cell in MATRIX:
            for user, endpoint in endpoints.items():
                fresh = _container(tutor, guard.engine) if cell.method == "DELETE" else web
                _expect_cell(tutor, cell, fresh, user, endpoint)


def _container(tutor: Tutor, engine: Engine) -> str:
    """Make a container as the administrator who comes by the socket; its name."""
    try:
        return str(Stock(engine.docker).create().name)
    except (LabError, DockerAPIError) as refused:
        tutor.refuse(
            f"Whoever comes by the unix socket is refused: {refused}",
            'The socket is the administrator\'s. Which line of the policy says so? (unix = "…")',
        )


def _expect_cell(tutor: Tutor, cell: Cell, name: str, user: str, endpoint: Endpoint) -> None:
    """Send one request as one user."""
    path = cell.path.replace("{name}", name)
    status, said = tried(endpoint, cell.method, path, cell.body)
    may = user.partition("-")[0] in cell.users
    what = f"{cell.method} {path}" + (f" with the body {cell.body}" if cell.body else "")
    question = cell.question
    if user == "eve":
        question = "eve is nobody's name in the table. Who gives her a right?"
    elif may and cell.body:
        question = "Which rule of theirs says so? And does the role look at bodies (trusted)?"
    tutor.expect(
        (status != HTTPStatus.FORBIDDEN) == may,
        saw=f"As {user}, {what} is {'refused: ' + said if may else f'answered with {status}'}.",
        question=question,
    )


@contextmanager
def guarded(
    tutor: Tutor, policy: str, users: list[str]
) -> Iterator[tuple[Guard, dict[str, Endpoint]]]:
    """An engine with this policy, and where each user connects."""
    authority = Authority()
    server = authority.server("localhost", "127.0.0.1")
    with (
        Engine.start(version=version(), server=server, say=lambda _: None) as engine,
        tempfile.TemporaryDirectory(prefix="labkit-") as folder,
    ):
        try:
            guard = Guard.on(engine, policy)
        except LabError as unreadable:
            tutor.refuse(
                f"The policy can't be read: {unreadable.message}",
                "Does Guard.on(engine, text) take it when you try it yourself?",
            )
        clients = {user: authority.client(user).write(Path(folder) / user) for user in users}
        yield guard, {user: engine.reached_with(own) for user, own in clients.items()}


def tried(endpoint: Endpoint, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Send a request; the status, and what the engine said with it."""
    try:
        with raw.Client(endpoint, timeout=30) as client:
            return client.request(method, path, json=body).status_code, ""
    except APIError as refused:
        return refused.status, refused.explanation


POLICY = """
unix = "admin"
[users]
{} = "operator"
{} = "operator"
{} = "operator"
{} = "reader"
[roles.reader]
allow = ["GET /containers/json"]
[roles.operator]
extends = "reader"
allow = ["POST /containers/*/stop", "DELETE /containers/*"]
[roles.admin]
allow = ["* /**"]
trusted = true
"""


@lesson.exercise(
    "find-who",
    points=4,
    hints=(
        "The one who did it sent a DELETE for this container, and the engine answered that it was done. What status has a removal that worked?",
        "A path can begin with a version and end with a query, and names a container by its name or by its id, whole or only the beginning. path.split('?')[0].rsplit('/', 1)[-1] is what it was called.",
        "for call in calls: if call['method'] == 'DELETE' and call['status'] == 204: called = …; if called == name or id.startswith(called): return call['user']. After the loop, None.",
    ),
)
def find_who(tutor: Tutor) -> None:
    """The function finds who removed a container, whatever they called it, and who only tried."""
    people = [f"{one}-{secrets.token_hex(2)}" for one in ("mia", "noah", "olga", "rita")]
    with guarded(tutor, POLICY.format(*people), people) as (guard, endpoints):
        removed = [_removal(guard.engine, endpoints, people, number) for number in range(4)]
        decisions = guard.decisions()
    calls = decisions[["time", "user", "method", "path", "allow", "status"]]
    records = [
        {**call, "time": str(call["time"]), "status": call["status"] or None}
        for call in calls.fillna({"status": 0}).to_dict("records")
    ]
    for name, identity, who, how in removed:
        answer = tutor.ask(records, name, identity)
        tutor.expect(
            answer == who,
            saw=f"{name} ({identity[:12]}) was removed by {who or 'nobody'}{how}. Your function says {answer!r:.100}.",
            question="Print the calls that have this name, or the beginning of this id, in their path. Which of them did it?",
        )


def _removal(
    engine: Engine, endpoints: dict[str, Endpoint], people: list[str], number: int
) -> tuple[str, str, str | None, str]:
    """Have a container removed by somebody, and others try: its name, its id, who did it, and how."""
    made = Stock(engine.docker).run()
    name, identity = str(made.name), str(made.id)
    *operators, reader = people
    secrets.SystemRandom().shuffle(operators)
    tried(endpoints[reader], "DELETE", f"/containers/{name}?force=1")  # 403
    tried(endpoints[operators[0]], "DELETE", f"/containers/{name}")  # 409: it runs
    tried(endpoints[operators[0]], "POST", f"/containers/{name}/stop?t=0")
    if number == 3:
        return name, identity, None, "; it is still there"
    path, how = (
        (f"/containers/{name}", ""),
        (f"/containers/{identity[:12]}", ", by its short id"),
        (
            f"/v1.41/containers/{identity}?v=1",
            ", by its id, with a version before and a query behind",
        ),
    )[number]
    tried(endpoints[operators[1]], "DELETE", path)
    tried(endpoints[operators[2]], "DELETE", path)  # 404: too late
    return name, identity, operators[1], how
