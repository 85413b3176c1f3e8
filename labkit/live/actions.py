"""What a person can ask of an engine: one request each, and what came of it in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.errors import APIError, BadForm, Conflict, LabError, NotFound
from labkit.live import creation

__all__ = [
    "STOP_TIMEOUT",
    "VERBS",
    "Outcome",
    "ask",
    "change",
    "create",
    "inspect",
    "quoted",
    "remove",
]

STOP_TIMEOUT = 1
"""Seconds between SIGTERM and SIGKILL, the ``t`` of a stop. Docker's own default is 10."""

VERBS = {
    "start": ("Starting", "Started", "was already running"),
    "stop": ("Stopping", "Stopped", "was already stopped"),
    "restart": ("Restarting", "Restarted", ""),
    "pause": ("Pausing", "Paused", ""),
    "unpause": ("Unpausing", "Unpaused", ""),
    "kill": ("Killing", "Killed", ""),
}
"""What changes a container's state, in words: while, afterwards, and when it was so before."""

_TIMEOUT = 30.0


@dataclass(frozen=True)
class Outcome:
    """What was asked of the engine, what it answered, and what to do about it.

    ``status`` is the HTTP status, 0 when none came. ``forcible`` says that the same with force
    would work. ``attrs`` is the JSON that was answered, where there was any.
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


def change(endpoint: Endpoint, verb: str, container: str, *, name: str = "") -> Outcome:
    """Change a container's state: ``POST /containers/{id}/{verb}``; 304 when it was so before.

    What does not end within :data:`STOP_TIMEOUT` of a stop or a restart is killed.

    :param verb: one of :data:`VERBS`.
    :param name: what to call it in the answer, when ``container`` is an id.
    """
    name = name or container
    wait = f"?t={STOP_TIMEOUT}" if verb in ("stop", "restart") else ""
    _, done, was_so = VERBS[verb]
    path = f"/containers/{quoted(container)}/{verb}{wait}"
    return ask(endpoint, "POST", path, done=f"{done} {name}.", was_so=f"{name} {was_so}.")


def remove(
    endpoint: Endpoint,
    container: str,
    *,
    name: str = "",
    force: bool = False,
    volumes: bool = False,
) -> Outcome:
    """Remove a container: ``DELETE /containers/{id}``; 409 when it runs and there is no force.

    :param name: what to call it in the answer, when ``container`` is an id.
    :param volumes: also its anonymous volumes.
    """
    options = {"force": force, "v": volumes}
    query = urlencode({key: "true" for key, value in options.items() if value})
    path = f"/containers/{quoted(container)}{'?' if query else ''}{query}"
    return ask(endpoint, "DELETE", path, done=f"Removed {name or container}.")


def inspect(endpoint: Endpoint, container: str, *, name: str = "") -> Outcome:
    """Look at all that the engine knows of a container: ``GET /containers/{id}/json``.

    :param name: what to call it in the answer, when ``container`` is an id.
    """
    path = f"/containers/{quoted(container)}/json"
    return ask(endpoint, "GET", path, done=f"Inspected {name or container}.")


def create(endpoint: Endpoint, form: Mapping[str, str]) -> Outcome:
    """Create a container as a form asks for: ``POST /containers/create``, and do not start it.

    ``attrs["Id"]`` of the outcome is the new container's id.

    :param form: the fields of :data:`labkit.live.creation.FIELDS`.
    """
    try:
        body, name = creation.body(form), creation.name(form)
    except BadForm as error:
        return Outcome("POST /containers/create (not sent)", 0, error.message, error.hint)
    path = f"/containers/create{f'?name={quoted(name)}' if name else ''}"
    done = f"Created {name or 'a container'} from {body['Image']}."
    return ask(endpoint, "POST", path, done=done, json=body)


def ask(
    endpoint: Endpoint,
    method: str,
    path: str,
    *,
    done: str,
    was_so: str = "",
    json: Mapping[str, Any] | None = None,
) -> Outcome:
    """Send one request on a connection of its own: none stays open, and none can be stale.

    :param done: what to say when it is done; ``was_so`` when the engine answers 304.
    :param json: the body.
    """
    request = f"{method} {path}"
    try:
        with (
            raw.Client(endpoint, timeout=_TIMEOUT) as client,
            client.request(method, path, json=json) as found,
        ):
            status = found.status_code
            attrs = found.json() if _is_json(found.headers) else None
    except APIError as error:
        return _refused(request, error)
    except LabError as error:
        return Outcome(request, 0, error.message, error.hint)
    except ValueError:
        return Outcome(request, 0, f"What listens at {endpoint.url} is no Docker Engine.")
    if method == "GET" and not isinstance(attrs, dict):
        return Outcome(request, 0, f"What listens at {endpoint.url} is no Docker Engine.")
    text = was_so if status == HTTPStatus.NOT_MODIFIED else done
    return Outcome(request, status, text, attrs=attrs if isinstance(attrs, dict) else None)


def quoted(name: str) -> str:
    """Write a name or an id so that it is one part of a path."""
    return quote(name, safe="")


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").startswith("application/json")


def _refused(request: str, error: APIError) -> Outcome:
    text = f"“{error.explanation}”"
    if isinstance(error, NotFound):
        hint = "" if request.startswith("POST /containers/create") else "It may have been removed."
        return Outcome(request, error.status, text, hint)
    if not isinstance(error, Conflict):
        return Outcome(request, error.status, text)
    if request.startswith("DELETE /containers") and "in progress" not in error.explanation:
        hint = "Stop it first, or remove it by force, which kills it."
        return Outcome(request, error.status, text, hint, forcible=True)
    return Outcome(request, error.status, text, "Its state forbids it.")
