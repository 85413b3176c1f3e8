"""What went wrong, as the app answers it: a status, and JSON with what happened and what to do."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Flask, Response, jsonify, make_response
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from labkit.errors import APIError, BadForm, EngineError, HostError, LabError, StreamError

__all__ = ["Problem", "handle", "invalid", "problem", "status_of"]

_log = logging.getLogger(__name__)
_HINTS = {
    HTTPStatus.NOT_FOUND: "It may have been removed meanwhile. Look at the list.",
    HTTPStatus.CONFLICT: "Its state, or what uses it, forbids that. Look at it first.",
    HTTPStatus.BAD_GATEWAY: "Docker could not do it. Its own words say why.",
    HTTPStatus.SERVICE_UNAVAILABLE: "When the engine is back, this works again by itself.",
}

_CONFLICTS = ("is not paused",)  # what Docker answers 500 to, though it is the object's state


class Problem(BaseModel):
    """What happened, with Docker's own words where Docker said no, and what to do next."""

    error: str
    hint: str
    field: str = Field(default="", description="which field of a form cannot be read")


def problem(status: int, error: str, hint: str = "", *, field: str = "") -> Response:
    """Return the answer for something that went wrong."""
    named = {"field": field} if field else {}
    return make_response(jsonify(error=error, hint=hint, **named), status)


def status_of(error: LabError) -> HTTPStatus:
    """Say which HTTP status an error of ours is."""
    if isinstance(error, APIError):
        return _passed_on(error)
    if isinstance(error, EngineError | HostError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.BAD_GATEWAY if isinstance(error, StreamError) else HTTPStatus.BAD_REQUEST


def handle(app: Flask) -> None:
    """Have the app answer every error with a :class:`Problem`, and never with HTML."""
    app.register_error_handler(LabError, _lab_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(RecursionError, _too_deep)
    app.register_error_handler(Exception, _mistake)


def invalid(error: ValidationError) -> Response:
    """Answer for a path, a query or a body that is not as the document says."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    said = f"{place}: {first['msg']}." if place else "The body is no JSON object."
    hint = "" if place else " Say that it is JSON: Content-Type: application/json."
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        said,
        f"Each route's parameters and bodies are described at /docs.{hint}",
    )


def _passed_on(error: APIError) -> HTTPStatus:
    """Docker's own status, except that an error of its own is not ours: 502."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        conflict = any(words in error.explanation for words in _CONFLICTS)
        return HTTPStatus.CONFLICT if conflict else HTTPStatus.BAD_GATEWAY
    known = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
    return HTTPStatus(error.status) if error.status in known else HTTPStatus.BAD_REQUEST


def _lab_error(error: LabError) -> Response:
    status = status_of(error)
    message = error.explanation if isinstance(error, APIError) else error.message
    field = error.field if isinstance(error, BadForm) else ""
    return problem(status, message, error.hint or _HINTS.get(status, ""), field=field)


def _http_error(error: HTTPException) -> Response:
    """Translate what Flask itself refuses: no such path, no such method, a body too big."""
    if error.response is not None:
        return make_response(error.response)
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    answer = problem(status, f"{status.phrase}.", "Every route is described at /docs.")
    headers = [one for one in error.get_headers() if one[0] in ("Allow", "Retry-After")]
    answer.headers.extend(headers)
    return answer


def _too_deep(error: RecursionError) -> Response:
    del error
    return problem(HTTPStatus.BAD_REQUEST, "The body is nested too deeply to be read.")


def _mistake(error: Exception) -> Response:
    _log.error("A mistake of labkit's own", exc_info=error)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "labkit made a mistake; what it was stands in the terminal.",
        "Please report it with what is written there.",
    )
