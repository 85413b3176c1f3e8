"""The page itself, and the documentation of the API."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from flask import Blueprint, Response, current_app, jsonify, send_from_directory
from flask_openapi3.openapi import OpenAPI

__all__ = ["pages"]

pages = Blueprint("pages", __name__)
_SWAGGER = Path(str(resources.files("flask_openapi3_swagger"))) / "templates" / "swagger"
_DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Docker API Lab: the API of labkit app</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/docs/css/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/js/swagger-ui-bundle.js"></script>
<script src="/docs/begin.js"></script>
</body>
</html>
"""
# Swagger UI's own page begins by an inline script, which the policy forbids. X-Labkit: see guard.
_BEGIN = """"use strict";
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["X-Labkit"] = "1";
    return request;
  },
});
"""


@pages.get("/")
def page() -> Response:
    """Answer with the page."""
    return current_app.send_static_file("index.html")


@pages.get("/openapi.json")
def document() -> Response:
    """Answer with the OpenAPI document, derived from the routes."""
    app = current_app
    return jsonify(app.api_doc if isinstance(app, OpenAPI) else {})


@pages.get("/docs")
def docs() -> Response:
    """Answer with the documentation to read and to try."""
    return Response(_DOCS, content_type="text/html; charset=utf-8")


@pages.get("/docs/begin.js")
def begin() -> Response:
    """Answer with what shows the document on that page."""
    return Response(_BEGIN, content_type="text/javascript; charset=utf-8")


@pages.get("/docs/<any(js, css):kind>/<name>")
def swagger(kind: str, name: str) -> Response:
    """Answer with a file of Swagger UI, which comes with a package: nothing is fetched."""
    return send_from_directory(_SWAGGER / kind, name)
