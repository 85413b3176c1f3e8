"""The exercises of 04-management-app: an app of four routes, its errors, a panel, a guard.

The judge decides which requests the app gets, over a real port, and which buttons are pressed.
What came of it, it sees for itself at the engine.
"""

from __future__ import annotations

from typing import Any

from docker.models.containers import Container

from labkit.course.caller import attempt, done, send, served
from labkit.course.exercise import Lesson, Tutor
from labkit.errors import NotFound

lesson = Lesson("04-management-app", by_hand={"findings": 1})

FIELDS = {"id", "name", "image", "state"}

JSON = dict[str, Any]


def state(tutor: Tutor, container: Container) -> JSON:
    """The State of the container's inspect; its Status is gone where there is none."""
    try:
        found: JSON = tutor.raw.get(f"/containers/{container.id}/json").json()["State"]
    except NotFound:
        return {"Status": "gone", "Running": False, "StartedAt": ""}
    return found


def runs(tutor: Tutor, container: Container) -> bool:
    """Whether the container runs."""
    return bool(state(tutor, container)["Running"])


def gone(tutor: Tutor, container: Container) -> bool:
    """Whether the container has been removed."""
    return bool(state(tutor, container)["Status"] == "gone")


def willing(tutor: Tutor) -> Container:
    """A container that runs, and stops at once whatever time it is given."""
    return tutor.stock.run(stop_signal="SIGKILL")


@lesson.exercise(
    "list-route",
    points=1,
    driver=served,
    hints=(
        "A view may return a list of dicts: Flask makes JSON of it. And which containers does the engine leave out unless you ask?",
        "client.containers.list(all=True) gives objects with id, name and status; client.api.containers(all=True) gives the rows of GET /containers/json, in one request.",
        "@app.get('/containers') above def list_containers():, which returns [{'id': row['Id'], 'name': row['Names'][0].removeprefix('/'), 'image': row['Image'], 'state': row['State']} for row in client.api.containers(all=True)]",
    ),
)
def list_route(tutor: Tutor) -> None:
    """GET /containers answers with all containers as they are now."""
    first = [tutor.stock.run(), tutor.stock.ended(code=3)]
    first.append(tutor.stock.create(image="hello-world", command=()))
    _expect_list(tutor, first)
    first[0].remove(force=True)
    later = [tutor.stock.run()]
    _expect_list(tutor, later)


def _expect_list(tutor: Tutor, stocked: list[Container]) -> None:
    reply = send(tutor, "GET", "/containers")
    tutor.expect(
        reply["status"] == 200,
        saw=f"GET /containers answered {reply['status']}.",
        question="Is there a route /containers, without a slash at its end, and does create_app add it to the app?",
    )
    rows = reply["json"]
    tutor.expect(
        isinstance(rows, list) and all(isinstance(row, dict) for row in rows),
        saw=f"The body is {reply['text']!r:.200}.",
        question="Is it a JSON list, with one object for each container?",
    )
    for row in rows:
        tutor.expect(
            row.keys() >= FIELDS,
            saw=f"A container is shown with {', '.join(row) or 'nothing'}.",
            question="Does each one have id, name, image and state?",
        )
    listed = tutor.raw.get("/containers/json", params={"all": True}).json()
    shown = {str(row["name"]): row for row in rows}
    for one in listed:
        _expect_row(tutor, shown, one)
    tutor.expect(
        len(rows) == len(listed) and all(one.name in shown for one in stocked),
        saw=f"{len(rows)} containers are shown, where the engine has {len(listed)}.",
        question="Does the app ask the engine at every request, or did it ask once?",
    )


def _expect_row(tutor: Tutor, shown: dict[str, JSON], listed: JSON) -> None:
    name, state = listed["Names"][0].removeprefix("/"), listed["State"]
    tutor.expect(
        "/" + name not in shown,
        saw=f"There is a container named '/{name}'.",
        question="In a list, the engine's names begin with a slash. Do you take it off?",
    )
    tutor.expect(
        name in shown,
        saw=f"{name} is not shown; its state is {state}.",
        question="Are stopped containers shown too, and does the app ask the engine at every request?",
    )
    row = shown[name]
    tutor.expect(
        isinstance(row["id"], str) and len(row["id"]) >= 12 and listed["Id"].startswith(row["id"]),
        saw=f"The id of {name} is {row['id']!r:.200}.",
        question="Is it the container's own id, all of it or the first 12 digits?",
    )
    tutor.expect(
        row["state"] == state,
        saw=f"The state of {name} is {row['state']!r:.200}, where the engine says {state!r}.",
        question="State is one word, Status a sentence: which of them do you show?",
    )
    image = listed["Image"].removesuffix(":latest")
    tutor.expect(
        isinstance(row["image"], str) and row["image"].removesuffix(":latest") == image,
        saw=f"The image of {name} is {row['image']!r:.200}, where the engine says {image!r}.",
        question="Is it the image's name, as text? An image object can't become JSON; container.attrs['Config']['Image'] has the name.",
    )


@lesson.exercise(
    "action-routes",
    points=2,
    driver=served,
    hints=(
        "In a route, <name> stands for a part of the path, and the function gets it as an argument. containers.get takes names and ids.",
        "What follows the ? is in flask.request.args, as text: request.args.get('force') is 'true', or None. And bool('false') is True.",
        "@app.delete('/containers/<name>') above def remove(name): client.containers.get(name).remove(force=request.args.get('force') == 'true'); return '', 204",
    ),
)
def action_routes(tutor: Tutor) -> None:
    """Each of three routes does its one thing to the one container, by name or by id."""
    bystander = tutor.stock.run()
    _expect_start(tutor)
    _expect_stop(tutor)
    _expect_remove(tutor)
    tutor.expect(
        runs(tutor, bystander),
        saw=f"{bystander.name} was stopped or removed, and no request was about it.",
        question="Does each route act on the container of its path, and on no other?",
    )


def _expect_start(tutor: Tutor) -> None:
    draft = tutor.stock.create()
    path = f"/containers/{draft.name}/start"
    done(tutor, "POST", path)
    since = state(tutor, draft)
    tutor.expect(
        since["Running"],
        saw=f"After POST {path} the container does not run.",
        question="Does your route start the container, or only say so?",
    )
    done(tutor, "POST", path)
    tutor.expect(
        state(tutor, draft)["StartedAt"] == since["StartedAt"],
        saw=f"{draft.name} ran already, and POST {path} started it afresh.",
        question="Does it call start, or restart? To start what runs should change nothing.",
    )


def _expect_stop(tutor: Tutor) -> None:
    container = willing(tutor)
    path = f"/containers/{container.id}/stop"
    reply = attempt(tutor, "GET", path)
    tutor.expect(
        runs(tutor, container),
        saw=f"GET {path} answered {reply['status']} and stopped the container.",
        question="Whoever follows a link sends a GET. Does your route take POST alone?",
    )
    done(tutor, "POST", path)
    tutor.expect(
        state(tutor, container)["Status"] == "exited",
        saw=f"After POST {path} the container is {state(tutor, container)['Status']}.",
        question="Does this route stop the container, and nothing else?",
    )
    done(tutor, "POST", path)


def _expect_remove(tutor: Tutor) -> None:
    container, ended = willing(tutor), tutor.stock.ended()
    path = f"/containers/{container.name}"
    for query in ("", "?force=false"):
        attempt(tutor, "DELETE", path + query)
        tutor.expect(
            runs(tutor, container),
            saw=f"DELETE {path}{query} removed or stopped a container that was running.",
            question="Is force used only where ?force=true asks for it? What is in a query is text, and bool('false') is True.",
        )
    done(tutor, "DELETE", f"{path}?force=true")
    tutor.expect(
        gone(tutor, container),
        saw=f"After DELETE {path}?force=true the container is still there.",
        question="Where in flask.request is what follows the question mark, and does remove get it?",
    )
    path = f"/containers/{str(ended.id)[:12]}"
    done(tutor, "DELETE", path)
    tutor.expect(
        gone(tutor, ended),
        saw=f"After DELETE {path} the container is still there; it had ended.",
        question="Does your route remove the container, or only say so?",
    )


@lesson.exercise(
    "error-statuses",
    points=2,
    driver=served,
    hints=(
        "@app.errorhandler(SomeError) above a function: Flask calls it, with the error, whenever a view raises that. What it returns is the answer.",
        "An APIError of the SDK has status_code and explanation; NotFound is one too. An engine that is gone is no APIError: look in the table above.",
        "@app.errorhandler(docker.errors.APIError) above def refused(error): return {'message': error.explanation}, error.status_code. And the like for requests.ConnectionError, with 503.",
    ),
)
def error_statuses(tutor: Tutor) -> None:
    """What Docker refuses, the app refuses with the same status, and 503 says that Docker is gone."""
    nobody, runner = f"/containers/{tutor.stock.name()}", willing(tutor)
    path = f"/containers/{runner.name}"
    question = "Which status has the engine for a container that does not exist? The error that the SDK raises knows it."
    for method, missing in (
        ("POST", f"{nobody}/start"),
        ("POST", f"{nobody}/stop"),
        ("DELETE", nobody),
    ):
        _expect_error(tutor, method, missing, 404, question)
    question = "Without force, the engine refuses to remove what runs, and says 409. Does your app pass that on?"
    _expect_error(tutor, "DELETE", path, 409, question)
    question = "When nobody answers there is no status to pass on. Which exception is it then, and do you answer 503?"
    for method, hopeless in (("GET", "/containers"), ("POST", f"{path}/stop")):
        _expect_error(tutor, method, hopeless, 503, question, away=True)
    _expect_unchanged(tutor, runner)


def _expect_error(
    tutor: Tutor, method: str, path: str, status: int, question: str, *, away: bool = False
) -> None:
    reply = send(tutor, method, path, gone=away)
    request = f"With no engine behind it, {method} {path}" if away else f"{method} {path}"
    tutor.expect(
        reply["status"] == status,
        saw=f"{request} answered {reply['status']}: {reply['text']!r:.100}",
        question=question,
    )
    message = reply["json"].get("message") if isinstance(reply["json"], dict) else None
    tutor.expect(
        isinstance(message, str) and message.strip(),
        saw=f"{request} answered {status}, as it should, and its body is {reply['text']!r:.100}",
        question='Is the body of every error a JSON object with a "message" that says what happened? A dict as the first thing that a function returns becomes one; abort() makes a page of HTML.',
    )


def _expect_unchanged(tutor: Tutor, runner: Container) -> None:
    """What went well before still does: to start what runs is no error."""
    path = f"/containers/{runner.name}"
    tutor.expect(
        runs(tutor, runner),
        saw=f"{runner.name} does not run any more, though no request could have stopped it.",
        question="Does each answer tell what the engine did, and do nothing else?",
    )
    done(tutor, "GET", "/containers")
    done(tutor, "POST", f"{path}/start")
    done(tutor, "DELETE", f"{path}?force=true")
    tutor.expect(
        gone(tutor, runner),
        saw=f"After DELETE {path}?force=true the container is still there.",
        question="Do the routes still do what they did before the error handlers came?",
    )
