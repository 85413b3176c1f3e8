"""One more exercise of 06-secure-the-api: what the refusal of a TLS connection says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException
from requests import RequestException

from labkit.course.exercise import Tutor
from labkit.course.lessons.secure_the_api import lesson
from labkit.course.outfit import version
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.security import refusals
from labkit.security.certificates import Authority

__all__ = ["lesson"]

_ELSEWHERE = "tcp://127.0.0.1:1"  # nobody listens there


@lesson.exercise(
    "read-refusals",
    points=4,
    hints=(
        "A dict from the words of the text to the diagnosis, and a loop that looks which words are in it.",
        "Letter case differs: compare text.lower() with words in small letters. Where two clients say it differently, the dict has two entries with one diagnosis.",
        "for words, diagnosis in {'certificate required': 'no client certificate', 'alert unknown ca': 'unknown authority', …}.items(): if words in text.lower(): return diagnosis. After the loop: return None.",
    ),
)
def read_refusals(tutor: Tutor) -> None:
    """The function tells from an error's text what is wrong, whichever client has said it."""
    for what, text in _heard(tutor):
        found = refusals.explain(text)
        answer = tutor.ask(text)
        tutor.expect(
            answer == (found.name if found else None),
            saw=f"{what}, and this was said: {text[:400]!r}. Your function returned {answer!r:.100}.",
            question="Which words of it tell the reason, and which diagnosis of the table do they belong to? Is letter case a trap?",
        )


def _heard(tutor: Tutor) -> Iterator[tuple[str, str]]:
    """What really goes wrong, in words, and what a client says of it."""
    authority = Authority(tutor.stock.name())
    with tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        flaws: tuple[dict[str, Any], ...] = ({}, {"san": False}, {"days": -1}, {"usage": "client"})
        for number, flaw in enumerate(flaws):
            place = Path(folder) / str(number)
            server = authority.server("localhost", "127.0.0.1", **flaw)
            with Engine.start(version=version(), server=server, say=lambda _: None) as engine:
                for what, endpoint in _cases(engine, authority, place, flaw).items():
                    for by in refusals.CLIENTS:
                        yield f"{what} ({by})", refusals.ask(endpoint, by)
                    yield f"{what} (docker.DockerClient)", _by_docker(endpoint)
    yield "nobody listens", _by_docker(Endpoint.parse(_ELSEWHERE))
    yield "an engine has no such container", "404 Client Error: Not Found (No such container: ca)"


def _cases(
    engine: Engine, authority: Authority, place: Path, flaw: dict[str, Any]
) -> dict[str, Endpoint]:
    """A right engine's wrong clients, or a wrong engine's right client."""
    if not flaw:
        cases = refusals.clients(engine, authority, place)
        del cases["all is right"]
        return {f"A client's mistake, {what}": endpoint for what, endpoint in cases.items()}
    right = engine.reached_with(authority.client("rita").write(place))
    return {f"The engine's certificate is wrong ({next(iter(flaw))})": right}


def _by_docker(endpoint: Endpoint) -> str:
    """What the SDK itself says, as a learner's program gets it."""
    tls: Any = False
    if own := endpoint.certificates:
        tls = docker.tls.TLSConfig(client_cert=own.own, ca_cert=str(own.ca), verify=True)
    try:
        with closing(docker.DockerClient(base_url=endpoint.url, version="1.41", tls=tls)) as client:
            client.api.trust_env = False
            client.ping()
    except (DockerException, RequestException) as refused:
        return str(refused)
    return "200"
