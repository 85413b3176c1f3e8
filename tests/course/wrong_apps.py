"""What beginners hand in for 04-management-app: by exercise, and by what is wrong with it.

The right parts that a wrong one stands among are those of ``right_apps.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import docker
import ipywidgets as widgets
import requests
from docker.errors import APIError
from flask import Flask, abort, jsonify, request

Lab = Any
Learners = Callable[..., Any]
Part = Callable[[Flask, Any], None]


def shown(container: Any) -> dict[str, str]:
    """A container as the task wants it shown."""
    image = container.attrs["Config"]["Image"]
    return {
        "id": container.id,
        "name": container.name,
        "image": image,
        "state": container.status,
    }


def lists(view: Callable[[docker.DockerClient], Any]) -> Part:
    """GET /containers, answered by a function of the client."""

    def add_list(app: Flask, client: docker.DockerClient) -> None:
        app.add_url_rule("/containers", "containers", lambda: view(client))

    return add_list


def every(client: docker.DockerClient) -> list[Any]:
    """All containers, as they are now."""
    return client.containers.list(all=True)


def listed_once(app: Flask, client: docker.DockerClient) -> None:
    rows = [shown(one) for one in every(client)]
    app.add_url_rule("/containers", view_func=lambda: rows, endpoint="containers")


def acts(
    *,
    start: Callable[[Any], Any] = lambda one: one.start(),
    stop: Callable[[Any], Any] = lambda one: one.stop(),
    remove: Callable[[Any], Any] = lambda one: one.remove(
        force=request.args.get("force") == "true"
    ),
    find: Callable[[docker.DockerClient, str], Any] = lambda client, name: client.containers.get(
        name
    ),
    methods: tuple[str, ...] = ("POST",),
    answer: Any = ("", 204),
) -> Part:
    """The right routes, but for one thing."""

    def add_actions(app: Flask, client: docker.DockerClient) -> None:
        def view(act: Callable[[Any], Any], name: str) -> Any:
            act(find(client, name))
            return answer

        route = "/containers/<name>"
        app.add_url_rule(f"{route}/start", "start", partial(view, start), methods=methods)
        app.add_url_rule(f"{route}/stop", "stop", partial(view, stop), methods=methods)
        app.add_url_rule(route, "remove", partial(view, remove), methods=["DELETE"])

    return add_actions


def by_id_alone(client: docker.DockerClient, name: str) -> Any:
    return next((one for one in every(client) if one.id == name), None) or abort(404)


def errors(handlers: dict[type[Exception], Callable[[Any], Any]]) -> Part:
    """Error handlers, by the exception."""

    def add_errors(app: Flask, _: Any) -> None:
        for error, handler in handlers.items():
            app.register_error_handler(error, handler)

    return add_errors


def passed_on(error: APIError) -> Any:
    return {"message": error.explanation}, error.status_code


def away(_: Exception) -> Any:
    return {"message": "The engine does not answer."}, 503


def as_html(error: APIError) -> Any:
    abort(error.status_code, error.explanation)


def as_200(error: Exception) -> Any:
    return jsonify(message=str(error))


def start_is_an_error(app: Flask, client: docker.DockerClient) -> None:
    """Refuse with 409 what is so already."""

    def view(name: str) -> Any:
        container = client.containers.get(name)
        if container.status == "running":
            return {"message": "It runs already."}, 409
        container.start()
        return "", 204

    app.view_functions["start"] = view


def guards(*rules: Callable[[str], tuple[Any, int] | None]) -> Part:
    """A guard of these rules; each gets the token, and returns a refusal or None."""

    def add_guard(app: Flask, _: Any) -> None:
        @app.before_request
        def guard() -> Any:
            refusals = (rule(app.config["TOKEN"]) for rule in rules)
            return next((refusal for refusal in refusals if refusal), None)

    return add_guard


def refuse_unless(passes: Callable[[str], object]) -> Callable[[str], tuple[Any, int] | None]:
    """A rule: who passes gets through."""
    return lambda token: None if passes(token) else ({"message": "no"}, 403)


def header(name: str) -> str:
    return request.headers.get(name, "")


NAMES = ("127.0.0.1", "localhost")
BY_HOST = refuse_unless(lambda _: request.host.split(":")[0] in NAMES)
BY_ORIGIN = refuse_unless(lambda _: header("Origin") in ("", request.host_url[:-1]))
BY_TOKEN = refuse_unless(lambda token: header("Authorization") == f"Bearer {token}")


def after_the_deed(app: Flask, _: Any) -> None:
    """Look at the token when the route has done its work."""

    @app.after_request
    def guard(response: Any) -> Any:
        if header("Authorization") != f"Bearer {app.config['TOKEN']}":
            response.status_code = 401
        return response


def panel(
    *,
    listed: Callable[[docker.DockerClient], list[Any]] = every,
    text: Callable[[Any], str] = lambda one: f"{one.name} {one.status}",
    refresh: bool = True,
    descriptions: tuple[str, ...] = ("Start", "Stop", "Remove"),
    force: bool = True,
    takes: Callable[..., Callable[..., Any]] = lambda act: lambda _: act(),
) -> Callable[[Lab], Learners]:
    """A panel that is right, but for one thing."""

    def make_panel(client: docker.DockerClient) -> Any:
        box = widgets.VBox()

        def act(container: Any, action: str) -> None:
            options = {"remove": {"force": force}, "stop": {"timeout": 1}}.get(action, {})
            getattr(container, action)(**options)
            if refresh:
                draw()

        def row(container: Any) -> Any:
            buttons = [widgets.Button(description=one) for one in descriptions]
            for button in buttons:
                button.on_click(takes(partial(act, container, button.description.lower())))
            return widgets.HBox([widgets.Label(text(container)), *buttons])

        def draw() -> None:
            box.children = [row(one) for one in listed(client)]

        draw()
        return box

    return lambda _: make_panel


def late_binding(_: Lab) -> Learners:
    def make_panel(client: docker.DockerClient) -> Any:
        box = widgets.VBox()

        def draw() -> None:
            rows = []
            for container in every(client):
                start, stop, remove = (
                    widgets.Button(description=one) for one in ("Start", "Stop", "Remove")
                )
                start.on_click(lambda _: (container.start(), draw()))  # noqa: B023  # the mistake
                stop.on_click(lambda _: (container.stop(timeout=1), draw()))  # noqa: B023  # the mistake
                remove.on_click(lambda _: (container.remove(force=True), draw()))  # noqa: B023  # the mistake
                label = widgets.Label(f"{container.name} {container.status}")
                rows.append(widgets.HBox([label, start, stop, remove]))
            box.children = rows

        draw()
        return box

    return make_panel


def all_in_one_box(_: Lab) -> Learners:
    def make_panel(client: docker.DockerClient) -> Any:
        children: list[Any] = []
        for container in every(client):
            children.append(widgets.Label(f"{container.name} {container.status}"))
            children += [widgets.Button(description=one) for one in ("Start", "Stop", "Remove")]
        return widgets.VBox(children)

    return make_panel


def without_a_token(create_app: Learners) -> Learners:
    """A function of the client alone."""

    def create(client: docker.DockerClient) -> Any:
        return create_app(client)

    return create


def wrong(right: ModuleType) -> dict[str, dict[str, Callable[[Lab], Learners]]]:
    """All of them; what is right in them comes from this module."""
    app_of, add_list, add_actions = right.app_of, right.add_list, right.add_actions

    def listing(view: Callable[[docker.DockerClient], Any]) -> Callable[[Lab], Learners]:
        return lambda _: app_of(lists(view))

    def acting(**instead: Any) -> Callable[[Lab], Learners]:
        return lambda _: app_of(add_list, acts(**instead))

    def failing(
        handlers: dict[type[Exception], Callable[[Any], Any]], *more: Part
    ) -> Callable[[Lab], Learners]:
        return lambda _: app_of(add_list, add_actions, errors(handlers), *more)

    def guarded(*parts: Part) -> Callable[[Lab], Learners]:
        return lambda _: app_of(*parts, add_list, add_actions)

    well = {APIError: passed_on, requests.ConnectionError: away}
    return {
        "list-route": {
            "running ones only": listing(
                lambda client: [shown(one) for one in client.containers.list()]
            ),
            "listed once": lambda _: app_of(listed_once),
            "with slashes": listing(
                lambda client: [{**shown(one), "name": f"/{one.name}"} for one in every(client)]
            ),
            "status for state": listing(
                lambda client: [
                    {
                        "id": row["Id"],
                        "name": row["Names"][0][1:],
                        "image": row["Image"],
                        "state": row["Status"],
                    }
                    for row in client.api.containers(all=True)
                ]
            ),
            "the engine's rows": listing(lambda client: client.api.containers(all=True)),
            "objects": listing(every),
            "image objects": listing(
                lambda client: [{**shown(one), "image": one.image} for one in every(client)]
            ),
            "image ids": listing(
                lambda client: [{**shown(one), "image": one.image.id} for one in every(client)]
            ),
            "without an id": listing(
                lambda client: [{"name": one.name, "state": one.status} for one in every(client)]
            ),
            "as text": listing(lambda client: str([shown(one) for one in every(client)])),
            "no such route": lambda _: app_of(),
            "another path": lambda _: app_of(
                lambda app, client: app.add_url_rule(
                    "/", view_func=lambda: [shown(one) for one in every(client)], endpoint="x"
                )
            ),
            "the app forgotten": lambda _: lambda client: print(end=""),  # noqa: ARG005, T201  # returns None
            "the app itself": lambda lab: app_of(add_list)(lab.docker),
            "written down": listing(lambda _: []),
        },
        "action-routes": {
            "GET routes": acting(methods=("GET",)),
            "GET and POST": acting(methods=("GET", "POST")),
            "stop starts": acting(stop=lambda one: one.start()),
            "start restarts": acting(start=lambda one: one.restart(timeout=0)),
            "stop removes": acting(stop=lambda one: one.remove(force=True)),
            "only said": acting(start=lambda one: one.status),
            "force forgotten": acting(remove=lambda one: one.remove()),
            "always by force": acting(remove=lambda one: one.remove(force=True)),
            "bool of text": acting(
                remove=lambda one: one.remove(force=bool(request.args.get("force")))
            ),
            "by id alone": acting(find=by_id_alone),
            "the first one": acting(find=lambda client, _: client.containers.list()[0]),
            "nothing returned": acting(answer=None),
            "no routes": lambda _: app_of(add_list),
        },
        "error-statuses": {
            "nothing caught": failing({}),
            "all is 404": failing({APIError: lambda _: ({"message": "not found"}, 404)}),
            "all is 500": failing({Exception: lambda error: ({"message": str(error)}, 500)}),
            "200 for an unknown id": failing({APIError: as_200, requests.ConnectionError: away}),
            "pages of HTML": failing({**well, APIError: as_html}),
            "no 503": failing({APIError: passed_on}),
            "404 for a dead engine": failing(
                {**well, requests.ConnectionError: lambda _: ({"message": "gone"}, 404)}
            ),
            "no message": failing({**well, APIError: lambda error: ({}, error.status_code)}),
            "text for JSON": failing(
                {**well, APIError: lambda error: (error.explanation, error.status_code)}
            ),
            "a start too many is an error": failing(well, start_is_an_error),
            "409 by stopping first": lambda _: app_of(
                add_list, acts(remove=lambda one: (one.stop(), one.remove())), errors(well)
            ),
        },
        "own-panel": {
            "running ones only": panel(listed=lambda client: client.containers.list()),
            "late binding": late_binding,
            "no refresh": panel(refresh=False),
            "no state": panel(text=lambda one: str(one.name)),
            "no Remove": panel(descriptions=("Start", "Stop")),
            "not by force": panel(force=False),
            "called, not handed over": panel(takes=lambda _: lambda _: None),
            "no argument for the button": panel(takes=lambda act: act),
            "all in one box": all_in_one_box,
            "no widget": lambda _: lambda client: [one.name for one in every(client)],
        },
        "guard": {
            "no guard": guarded(),
            "refuses everyone": guarded(guards(refuse_unless(lambda _: False))),
            "any Host": guarded(guards(BY_ORIGIN, BY_TOKEN)),
            "the beginning of the Host": guarded(
                guards(refuse_unless(lambda _: request.host.startswith(NAMES)), BY_ORIGIN, BY_TOKEN)
            ),
            "any Origin": guarded(guards(BY_HOST, BY_TOKEN)),
            "an Origin is a must": guarded(
                guards(
                    BY_HOST,
                    BY_TOKEN,
                    refuse_unless(lambda _: header("Origin") == request.host_url[:-1]),
                )
            ),
            "a part of the Origin": guarded(
                guards(
                    BY_HOST,
                    BY_TOKEN,
                    refuse_unless(
                        lambda _: not header("Origin") or any(n in header("Origin") for n in NAMES)
                    ),
                )
            ),
            "no token": guarded(guards(BY_HOST, BY_ORIGIN)),
            "the beginning of the token": guarded(
                guards(
                    BY_HOST,
                    BY_ORIGIN,
                    refuse_unless(
                        lambda token: f"Bearer {token}".startswith(header("Authorization") or "-")
                    ),
                )
            ),
            "a token of one's own": guarded(
                guards(
                    BY_HOST,
                    BY_ORIGIN,
                    refuse_unless(lambda _: header("Authorization") == "Bearer s3cret"),
                )
            ),
            "after the deed": guarded(guards(BY_HOST, BY_ORIGIN), after_the_deed),
            "POST alone": guarded(
                guards(
                    BY_HOST,
                    BY_ORIGIN,
                    lambda token: BY_TOKEN(token) if request.method == "POST" else None,
                )
            ),
            "create_app without a token": lambda _: without_a_token(app_of(add_list)),
        },
    }
