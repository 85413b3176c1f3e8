"""Honest ways to solve 04-management-app: what a learner's notebook has, by exercise and way.

Each takes a lab, as in ``right_answers.py``, and returns ``create_app`` or ``make_panel``.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import docker
import flask
import ipywidgets as widgets
import requests
from docker.errors import APIError, NotFound
from flask import Blueprint, Flask, abort, jsonify, request
from werkzeug.exceptions import HTTPException

Lab = Any
Learners = Callable[..., Any]
Part = Callable[[Flask, Any], None]


def app_of(*parts: Part) -> Learners:
    """Return a create_app that has these parts; the token, if there is one, is in its config."""

    def create_app(client: docker.DockerClient, token: str = "") -> Flask:
        app = Flask("manager")
        app.config["TOKEN"] = token
        for part in parts:
            part(app, client)
        return app

    return create_app


def add_list(app: Flask, client: docker.DockerClient) -> None:
    @app.get("/containers")
    def list_containers() -> Any:
        return [
            {
                "id": row["Id"],
                "name": row["Names"][0].removeprefix("/"),
                "image": row["Image"],
                "state": row["State"],
            }
            for row in client.api.containers(all=True)
        ]


def add_actions(app: Flask, client: docker.DockerClient) -> None:
    @app.post("/containers/<name>/start")
    def start(name: str) -> Any:
        client.containers.get(name).start()
        return "", 204

    @app.post("/containers/<name>/stop")
    def stop(name: str) -> Any:
        client.containers.get(name).stop()
        return "", 204

    @app.delete("/containers/<name>")
    def remove(name: str) -> Any:
        client.containers.get(name).remove(force=request.args.get("force") == "true")
        return "", 204


def add_errors(app: Flask, _: Any) -> None:
    @app.errorhandler(APIError)
    def refused(error: APIError) -> Any:
        return {"message": error.explanation}, error.status_code

    @app.errorhandler(requests.ConnectionError)
    def gone(_: Exception) -> Any:
        return {"message": "The Docker Engine does not answer."}, 503


def add_guard(app: Flask, _: Any) -> None:
    @app.before_request
    def guard() -> Any:
        origin = request.headers.get("Origin")
        given = request.headers.get("Authorization", "")
        if request.host.split(":")[0] not in ("127.0.0.1", "localhost"):
            return {"message": "Not under that name."}, 403
        if origin is not None and origin != request.host_url.rstrip("/"):
            return {"message": "Not from that page."}, 403
        if not hmac.compare_digest(given.encode(), f"Bearer {app.config['TOKEN']}".encode()):
            return {"message": "Not without the token."}, 401
        return None


def list_by_sdk(app: Flask, client: docker.DockerClient) -> None:
    def view() -> Any:
        every = client.containers.list(all=True, ignore_removed=True)
        return jsonify(
            [
                {
                    "id": one.short_id,
                    "name": one.name,
                    "image": one.image.tags[0],
                    "state": one.status,
                    "command": one.attrs["Config"]["Cmd"],
                }
                for one in every
            ]
        )

    app.add_url_rule("/containers", view_func=view)


def blueprint(app: Flask, client: docker.DockerClient) -> None:
    """All routes, as a blueprint with the low-level client, with 200, 304 and words."""
    routes = Blueprint("containers", __name__, url_prefix="/containers")
    api = client.api

    @routes.route("", methods=["GET"])
    def every() -> Any:
        rows = api.containers(all=True)
        return [
            {
                "id": row["Id"][:12],
                "name": row["Names"][0][1:],
                "image": row["Image"] + ":latest",
                "state": row["State"],
            }
            for row in rows
        ]

    @routes.route("/<string:container>/<action>", methods=["POST"])
    def act(container: str, action: str) -> Any:
        running = api.inspect_container(container)["State"]["Running"]
        if action not in ("start", "stop"):
            abort(404)
        if running == (action == "start"):
            return "", 304
        {"start": api.start, "stop": partial(api.stop, timeout=1)}[action](container)
        return {"done": action, "container": container}

    @routes.route("/<container>", methods=["DELETE"])
    def remove(container: str) -> Any:
        api.remove_container(container, v=True, force="true" in request.query_string.decode())
        return {"changed": True}, 200

    app.register_blueprint(routes)


def errors_by_hand(app: Flask, _: Any) -> None:
    """One handler for all, which looks at what it has got."""

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Any:
        if isinstance(error, HTTPException):
            return error  # Flask's own, such as a path without a route
        if isinstance(error, NotFound):
            return jsonify(message="There is no such container", path=request.path), 404
        if isinstance(error, APIError):
            return jsonify(message=str(error)), error.response.status_code
        if isinstance(error, OSError):  # which a ConnectionError of requests is
            return jsonify(message=f"Docker is away: {type(error).__name__}"), 503
        raise error


def errors_where_they_happen(app: Flask, client: docker.DockerClient) -> None:
    """Wrap each view that is there already."""
    for endpoint, view in app.view_functions.items():
        app.view_functions[endpoint] = _caught(view)
    assert client


def _caught(view: Callable[..., Any]) -> Callable[..., Any]:
    def caught(**arguments: Any) -> Any:
        try:
            return view(**arguments)
        except APIError as error:
            answer = jsonify({"message": error.explanation, "status": error.status_code})
            answer.status_code = error.status_code
            return answer
        except requests.exceptions.RequestException:
            return {"message": "no engine"}, 503

    return caught


def guard_by_trusted_hosts(app: Flask, _: Any) -> None:
    """Flask's own setting for the Host, abort for the rest."""
    app.config["TRUSTED_HOSTS"] = ["localhost", "127.0.0.1"]

    @app.before_request
    def guard() -> None:
        origin = request.headers.get("Origin", request.host_url[:-1])
        if urlsplit(origin)[:2] != (request.scheme, request.host):
            flask.abort(403)
        authorization = request.authorization
        if authorization is None or authorization.token != app.config["TOKEN"]:
            flask.abort(401)


def panel_of_rows(_: Lab) -> Learners:
    def make_panel(client: docker.DockerClient) -> Any:
        panel = widgets.VBox()

        def row(container: Any) -> Any:
            actions = {
                "Start": container.start,
                "Stop": partial(container.stop, timeout=1),
                "Remove": partial(container.remove, force=True),
            }
            label = widgets.HTML(f"<b>{container.name}</b> <i>{container.status}</i>")
            return widgets.HBox([label, *(button(*one) for one in actions.items())])

        def button(description: str, act: Callable[[], None]) -> Any:
            made = widgets.Button(description=description)

            def pressed(_: Any) -> None:
                act()
                refresh()

            made.on_click(pressed)
            return made

        def refresh() -> None:
            panel.children = [row(one) for one in client.containers.list(all=True)]

        refresh()
        return panel

    return make_panel


def panel_with_tools(_: Lab) -> Learners:
    """With a title, a message, buttons in a box of their own that have pictures and tooltips."""

    def make_panel(client: docker.DockerClient) -> Any:
        message, rows = widgets.Label("Ready"), widgets.VBox()
        again = widgets.Button(description="Refresh")

        def draw(*_: Any) -> None:
            rows.children = tuple(map(row, client.api.containers(all=True)))

        def row(one: dict[str, Any]) -> Any:
            name = one["Names"][0][1:]
            buttons = []
            for tooltip, icon in (("Start it", "play"), ("Stop it", "stop"), ("Remove", "trash")):
                button = widgets.Button(icon=icon, tooltip=tooltip)
                button.on_click(partial(press, name, tooltip.split()[0].lower()))
                buttons.append(button)
            texts = [widgets.Label(name), widgets.Label(one["State"])]
            return widgets.HBox([widgets.VBox(texts), widgets.HBox(buttons)])

        def press(name: str, action: str, _: Any) -> None:
            options = {"remove": {"force": True}, "stop": {"timeout": 1}}.get(action, {})
            getattr(client.containers.get(name), action)(**options)
            message.value = f"{action}: {name}"
            draw()

        again.on_click(draw)
        draw()
        return widgets.VBox([widgets.HBox([message, again]), rows])

    return make_panel


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "list-route": {
        "one request": lambda _: app_of(add_list),
        "SDK objects": lambda _: app_of(list_by_sdk),
        "blueprint": lambda _: app_of(blueprint),
    },
    "action-routes": {
        "SDK": lambda _: app_of(add_list, add_actions),
        "blueprint, low-level client": lambda _: app_of(blueprint),
    },
    "error-statuses": {
        "handlers": lambda _: app_of(add_list, add_actions, add_errors),
        "one handler": lambda _: app_of(blueprint, errors_by_hand),
        "try in every view": lambda _: app_of(add_list, add_actions, errors_where_they_happen),
    },
    "own-panel": {"rows": panel_of_rows, "with tools": panel_with_tools},
    "guard": {
        "by hand": lambda _: app_of(add_guard, add_list, add_actions, add_errors),
        "TRUSTED_HOSTS": lambda _: app_of(guard_by_trusted_hosts, blueprint, errors_by_hand),
    },
}
