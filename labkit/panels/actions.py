"""What a person can ask of a container: one request each, and what came of it in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.errors import APIError, Conflict, LabError, NotFound

__all__ = ["STOP_TIMEOUT", "Outcome", "inspect", "remove", "start", "stop"]

STOP_TIMEOUT = 1
"""Seconds between SIGTERM and SIGKILL, the ``t`` of a stop. Docker's own default is 10."""

_TIMEOUT = 30.0


@dataclass(frozen=True)
class Outcome:
    """What was asked of the engine, what it answered, and what to do about it.

    ``status`` is the HTTP status, 0 when none came. ``forcible`` says that the same with force
    would work. ``attrs`` is what an inspect found.
    """

    request: str
    status: int
    text: str
    hint: str = ""
    forcible: bool = False
    attrs: dict[str, Any] | None = None

    @property
    def ok(self) -> bool:
        """Whether it is now as was asked for; a 304 says that it was so before."""
        return 0 < self.status <= HTTPStatus.NOT_MODIFIED

    @property
    def shown(self) -> str:
        """The request with a long id cut short, as it stands in the panel."""
        return re.sub(r"([0-9a-f]{12})[0-9a-f]{52}", r"\1…", self.request)

    def __str__(self) -> str:
        answer = f"{self.shown} → {self.status or 'no answer'}"
        return f"{answer}: {' '.join(filter(None, (self.text, self.hint)))}"


def start(endpoint: Endpoint, container: str, *, name: str = "") -> Outcome:
    """Start a container: ``POST /containers/{id}/start``; 304 when it runs already.

    :param name: what to call it in the answer, when ``container`` is an id.
    """
    name = name or container
    path = f"/containers/{_quoted(container)}/start"
    return _ask(endpoint, "POST", path, f"Started {name}.", f"{name} was already running.")


def stop(endpoint: Endpoint, container: str, *, name: str = "") -> Outcome:
    """Stop a container: ``POST /containers/{id}/stop``; 304 when it does not run.

    What does not end within :data:`STOP_TIMEOUT` is killed.

    :param name: what to call it in the answer, when ``container`` is an id.
    """
    name = name or container
    path = f"/containers/{_quoted(container)}/stop?t={STOP_TIMEOUT}"
    return _ask(endpoint, "POST", path, f"Stopped {name}.", f"{name} was already stopped.")


def remove(endpoint: Endpoint, container: str, *, name: str = "", force: bool = False) -> Outcome:
    """Remove a container: ``DELETE /containers/{id}``; 409 when it runs and there is no force.

    :param name: what to call it in the answer, when ``container`` is an id.
    """
    path = f"/containers/{_quoted(container)}{'?force=true' if force else ''}"
    return _ask(endpoint, "DELETE", path, f"Removed {name or container}.")


def inspect(endpoint: Endpoint, container: str, *, name: str = "") -> Outcome:
    """Look at all that the engine knows of a container: ``GET /containers/{id}/json``.

    :param name: what to call it in the answer, when ``container`` is an id.
    """
    path = f"/containers/{_quoted(container)}/json"
    return _ask(endpoint, "GET", path, f"Inspected {name or container}.")


def _ask(endpoint: Endpoint, method: str, path: str, done: str, was_so: str = "") -> Outcome:
    """Send the request on a connection of its own: none stays open, and none can be stale."""
    request = f"{method} {path}"
    try:
        with (
            raw.Client(endpoint, timeout=_TIMEOUT) as client,
            client.request(method, path) as found,
        ):
            status = found.status_code
            attrs = found.json() if method == "GET" else None
    except APIError as error:
        return _refused(request, error)
    except LabError as error:
        return Outcome(request, 0, error.message, error.hint)
    except ValueError:
        return Outcome(request, 0, f"What listens at {endpoint.url} is no Docker Engine.")
    text = was_so if status == HTTPStatus.NOT_MODIFIED else done
    return Outcome(request, status, text, attrs=attrs)


def _refused(request: str, error: APIError) -> Outcome:
    text = f"“{error.explanation}”"
    if isinstance(error, NotFound):
        return Outcome(request, error.status, text, "It may have been removed meanwhile.")
    if not isinstance(error, Conflict):
        return Outcome(request, error.status, text)
    if request.startswith("DELETE") and "in progress" not in error.explanation:
        hint = "Stop it first, or remove it by force, which kills it."
        return Outcome(request, error.status, text, hint, forcible=True)
    return Outcome(request, error.status, text, "Its state forbids it: look at the State column.")


def _quoted(container: str) -> str:
    return quote(container, safe="")
