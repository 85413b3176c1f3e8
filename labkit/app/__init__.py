"""The management app: Docker's containers in a page, and a JSON API that the page uses.

::

    serve       starts it, prints the address, ends it
    guard       who may talk to it
    containers, logs, images, networks, volumes, system, live, pages     the routes
    hub, meter  what is in the engine now: one feed for all who look
    jobs        the pulls and builds
    sse         how a page is told
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, request
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_openapi3.types import SecuritySchemesDict
from werkzeug.wrappers import Response as AnyResponse

from labkit.app import containers, images, live, logs, networks, system, volumes
from labkit.app.context import Context
from labkit.app.errors import handle, invalid
from labkit.app.guard import Guard, secure
from labkit.app.pages import pages

__all__ = ["BODY_LIMIT", "create_app"]

BODY_LIMIT = 1024 * 1024
"""How many bytes the body of a request may have."""

_SECURITY: SecuritySchemesDict = {"token": {"type": "http", "scheme": "bearer"}}


def create_app(context: Context, guard: Guard) -> OpenAPI:
    """Return the WSGI application.

    :param context: the engine that it manages.
    :param guard: who may use it.
    """
    app = OpenAPI(
        __name__,
        info=Info(title="labkit app", version="1", description="Containers on a real engine."),
        security_schemes=_SECURITY,
        openapi_extensions={"security": [{"token": []}]},
        validation_error_status=HTTPStatus.UNPROCESSABLE_ENTITY,
        validation_error_callback=invalid,
        doc_ui=False,
        static_folder="static",
    )
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.extensions["labkit"] = context
    app.url_map.merge_slashes = False  # a redirect would be one more thing to guard
    handle(app)
    _guard(app, guard)
    for routes in (containers, logs, images, networks, volumes, system, live):
        app.register_api(routes.api)
    app.register_blueprint(pages)
    return app


def _guard(app: OpenAPI, guard: Guard) -> None:
    @app.before_request
    def check() -> AnyResponse | None:
        return guard.check(request)

    @app.after_request
    def protect(answer: Response) -> Response:
        return secure(request, answer)
