"""The app on a real engine, and a client that talks to it over real HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from labkit.app.serve import App
from labkit.engine.engine import Engine


class Listener:
    """Server-sent events, one after the other, as a page gets them."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self._lines = response.iter_lines(decode_unicode=True)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        event = ""
        for line in self._lines:
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield event, json.loads(line.removeprefix("data: "))

    def until(self, wanted: Callable[[str, Any], Any], *, timeout: float = 30.0) -> Any:
        """Read events until one is wanted, and return its data."""
        deadline = time.monotonic() + timeout
        seen = []
        for event, data in self:
            if wanted(event, data):
                return data
            seen.append((event, str(data)[:200]))
            if time.monotonic() > deadline:
                break
        raise AssertionError(f"It did not come; what came: {seen[-20:]}")


class Client:
    """A program that has the token."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {app.token}"

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request; ``path`` begins with a slash."""
        options = {"timeout": 30, "allow_redirects": False} | options
        return self.session.request(method, self.app.origin + path, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """Ask for something."""
        return self.ask("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Have something done."""
        return self.ask("POST", path, json=body, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        """Remove something."""
        return self.ask("DELETE", path, **options)

    @contextmanager
    def listen(self, path: str) -> Iterator[Listener]:
        """Follow a stream."""
        with self.get(path, stream=True) as response:
            assert response.status_code == 200, response.text
            yield Listener(response)


@pytest.fixture(scope="module")
def app(engine: Engine) -> Iterator[App]:
    """The app on the engine that the tests share."""
    with App(engine.endpoint) as app:
        yield app


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    """A program that has the app's token."""
    client = Client(app)
    with client.session:
        yield client


@pytest.fixture
def connect() -> Iterator[Callable[[App], Client]]:
    """Yield what makes such a program for another app."""
    made: list[Client] = []

    def make(app: App) -> Client:
        made.append(Client(app))
        return made[-1]

    yield make
    for client in made:
        client.session.close()


@pytest.fixture
def container(engine: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a running container that writes a line and sleeps."""
    name = f"app-{abs(hash(request.node.nodeid)) % 10**8}"
    made = engine.docker.containers.run(
        "busybox", ["sh", "-c", "echo ready; exec sleep 1000"], name=name, detach=True, init=True
    )
    yield name
    made.remove(force=True, v=True)
