"""A learner's app on a real port: called, logged, replaced, and gone in the end."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest
import requests
from flask import Flask, request

import labkit
from labkit import wait
from labkit.course.serving import Server
from labkit.engine.engine import Engine
from labkit.errors import CourseError

pytestmark = pytest.mark.engine


def create_app(client: docker.DockerClient, token: str = "") -> Flask:
    """An app with a route for everything that these tests ask."""
    app = Flask("test")

    @app.get("/names")
    def names() -> Any:
        return [one.name for one in client.containers.list(all=True)]

    @app.get("/containers/<name>")
    def show(name: str) -> Any:
        return {"name": client.containers.get(name).name}

    @app.route("/said", methods=["GET", "DELETE"])
    def said() -> Any:
        return {"headers": dict(request.headers), "method": request.method, "known": token}

    return app


@pytest.fixture
def server(engine: Engine) -> Iterator[Server]:
    """The app, served."""
    with Server(create_app, engine.endpoint) as server:
        yield server


def _ours() -> set[threading.Thread]:
    """The threads of an app: the one that listens, and one for each connection."""
    words = ("labkit-app", "process_request")
    return {one for one in threading.enumerate() if any(word in one.name for word in words)}


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def test_the_app_answers_every_program_on_this_machine(engine: Engine, server: Server) -> None:
    """Its address works for requests, and what it tells is what the engine has."""
    container = engine.docker.containers.create("busybox")
    names = requests.get(f"{server.url}/names", timeout=10).json()
    assert names == [container.name]
    assert server.request("GET", f"/containers/{container.id}").json == {"name": container.name}
    container.remove()


def test_a_request_carries_the_headers_that_it_was_given(server: Server) -> None:
    """Also Host and Origin, which a browser sets by itself."""
    chosen = {"Host": "evil.example:1", "Origin": "http://evil.example"}
    reply = server.request("DELETE", "/said", chosen)
    assert reply.json["method"] == "DELETE"
    assert reply.json["headers"].items() >= chosen.items()
    assert reply.port == server.port


def test_an_app_is_made_anew_for_each_token(server: Server) -> None:
    """The judge chooses a token that nobody could have written down."""
    said = [server.request("GET", "/said", token=token).json["known"] for token in ("a", "b")]
    assert said == ["a", "b"]
    assert server.request("GET", "/said").json["known"] == ""


def test_an_engine_can_be_gone_for_the_app_alone(engine: Engine, server: Server) -> None:
    """With gone=True the app's client gets no answer; that is a ConnectionError, as in earnest."""
    reply = server.request("GET", "/names", gone=True)
    assert reply.status == 500
    assert "ConnectionError" in reply.raised
    assert server.request("GET", "/names").status == 200
    assert engine.alive


def test_what_the_app_raises_is_told_with_its_line_and_not_printed(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """The reply and the log name exception, function and line; threads print nothing."""
    reply = server.request("GET", "/containers/nobody")
    assert reply.status == 500
    assert reply.raised.startswith("NotFound: No such container: nobody (in show, line ")
    server.request("GET", "/nowhere")
    assert list(server.log["status"]) == [500, 404]
    assert list(server.log["raised"]) == [reply.raised, ""]
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_it_shows_itself_with_its_routes(server: Server) -> None:
    """As text and as HTML, with links to what a click can open, and its paths escaped."""
    assert repr(server).splitlines()[0] == f"Your app answers at {server.url}"
    assert "DELETE GET /said" in repr(server)
    page = server._repr_html_()
    assert f'<a href="{server.url}/names"' in page
    assert "<code>/containers/&lt;name&gt;</code>" in page
    server.close()
    assert "no more" in repr(server)
    with pytest.raises(CourseError, match="no more"):
        server.request("GET", "/names")


def test_closing_leaves_no_thread_and_no_port(engine: Engine) -> None:
    """Also where a browser keeps a connection open in advance."""
    before = _ours()
    with Server(create_app, engine.endpoint) as server:
        replies = [server.request("GET", "/said", gone=gone) for gone in (False, True)]
        wait.until(lambda: len(_ours() - before) == 2, what="the requests' threads to end")
        idle = socket.create_connection(("127.0.0.1", server.port))
        wait.until(lambda: len(_ours() - before) == 3, what="the idle connection's thread")
    with idle:
        assert idle.recv(1) == b""
    wait.until(lambda: not _ours() - before, what="the threads' end")
    assert not any(_listens(reply.port) for reply in replies)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda _: None, "no Flask app"),
        (lambda _: "app", "no Flask app"),
        (Flask("app"), "an app already"),
    ],
    ids=["nothing", "text", "an app"],
)
def test_what_is_no_create_app_is_refused_in_a_tutors_words(
    engine: Engine, made: Any, words: str
) -> None:
    """And what was begun is undone: no client stays open."""
    before = _ours()
    with pytest.raises(CourseError, match=words) as refused:
        Server(made, engine.endpoint).request("GET", "/")
    assert "?" in refused.value.hint
    assert _ours() == before


def test_a_lab_serves_one_app_at_a_time_and_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Served anew, it answers at the same address; with the lab, it is gone."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path))
    before, descriptors = _ours(), psutil.Process().num_fds()
    with labkit.lab("04-management-app") as lab:
        first = lab.serve(create_app)
        port = first.port
        word = secrets.token_hex()
        second = lab.serve(create_app, token=word)
        assert second.port == port
        assert second.request("GET", "/said").json["known"] == word
        assert "no more" in repr(first)
        assert len([one for one in _ours() - before if one.name == "labkit-app"]) == 1
        with pytest.raises(CourseError, match="no Flask app"):
            lab.serve(lambda _: None)
        assert lab.serve(create_app).port == port
    wait.until(lambda: not _ours() - before, what="the threads' end")
    assert not _listens(port)
    assert psutil.Process().num_fds() <= descriptors
