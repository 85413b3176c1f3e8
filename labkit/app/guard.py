"""Who may talk to the app: the one who has the token, from the app's own page or from a program.

The app controls Docker, so whoever can send it a request can have the machine. It listens on
loopback only, but so does every page that the learner's browser has open: what a browser sends
along of its own accord, a cookie, is never enough to change anything.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from flask import Request, Response, redirect
from werkzeug.wrappers import Response as AnyResponse

from labkit.app.errors import problem

__all__ = ["Guard", "secure"]

_HTTP = 80
_SAFE = {"GET", "HEAD"}
_PAGES = {"/", "/docs"}  # what a link on somebody else's page may open
_OPEN = {"/static/base.css", "/static/icon.svg"}  # what the page for strangers may look like
_OWN = {"same-origin", "none"}  # Sec-Fetch-Site: from our page, or typed by the person
_CSP = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
_DOCS_CSP = f"{_CSP}; img-src 'self' data:"  # Swagger UI's style sheet draws its arrows so
_STRANGER = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">{again}
<title>Docker API Lab</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/base.css">
</head>
<body>
<main>
<h1>Open the address that labkit app printed</h1>
<p>This page controls Docker, so it opens for the person who started it, and for nobody else.</p>
<p>In the terminal where you typed <code>labkit app</code> there is an address that ends with
<code>?token=</code> and a long word. Open that address in this browser, once.</p>
</main>
</body>
</html>
"""
_AGAIN = '\n<meta http-equiv="refresh" content="0; url=/">'


@dataclass(frozen=True)
class Guard:
    """The token of one run of the app, and the checks that every request has to pass.

    :param port: where the app listens, on 127.0.0.1.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _tickets: list[str] = field(default_factory=list, repr=False)

    @property
    def cookie(self) -> str:
        """The cookie's name. Browsers share cookies among all ports of a host, so it has ours."""
        return f"labkit-app-{self.port}"

    @property
    def origin(self) -> str:
        """The address without the token: scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address that signs a person in."""
        return f"{self.origin}/?token={self.token}"

    def ticket(self) -> str:
        """Return an address that signs a person in once.

        A browser is opened by a command, and everybody on this machine can list commands.
        """
        self._tickets.append(secrets.token_urlsafe(32))
        return f"{self.origin}/?token={self._tickets[-1]}"

    def check(self, request: Request) -> AnyResponse | None:
        """Return the answer for whoever may not do this, or None for who may."""
        signs_in = request.path == "/" and request.method == "GET" and "token" in request.args
        if refused := self._foreign(request, signs_in=signs_in):
            return refused
        if signs_in:
            return self._sign_in(request)
        if request.path in _OPEN and request.method in _SAFE:
            return None
        if _same(_bearer(request), self.token):
            return None
        if _same(request.cookies.get(self.cookie, ""), self._cookie):
            return _from_page(request)
        return _stranger(request)

    def _foreign(self, request: Request, *, signs_in: bool) -> AnyResponse | None:
        """Refuse what is meant for another host, or sent by another page."""
        if request.environ.get("HTTP_HOST", "") not in self._hosts():
            return problem(
                HTTPStatus.FORBIDDEN,
                "This is not the host that the app is at.",
                f"Open it as {self.origin}.",
            )
        if signs_in or _from_home(request):
            return None
        return problem(
            HTTPStatus.FORBIDDEN,
            "Another page sent this request.",
            "Open the app itself; no other page may use it.",
        )

    def _sign_in(self, request: Request) -> AnyResponse:
        """Trade the token in the address for a cookie, and take it out of the address."""
        given = request.args["token"]
        if not (_same(given, self.token) or self._spend(given)):
            return _stranger(request)
        answer = redirect("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(self.cookie, self._cookie, httponly=True, samesite="Strict", path="/")
        return answer

    def _spend(self, given: str) -> bool:
        for ticket in [one for one in self._tickets if _same(given, one)]:
            with suppress(ValueError):  # another request has just spent it
                self._tickets.remove(ticket)
                return True
        return False

    def _hosts(self) -> set[str]:
        names = ("127.0.0.1", "localhost", "[::1]")
        bare = names if self.port == _HTTP else ()  # browsers leave port 80 out
        return {*bare, *(f"{name}:{self.port}" for name in names)}


def secure(request: Request, answer: Response) -> Response:
    """Add to an answer the headers that keep a browser from misusing it."""
    set_header = answer.headers.__setitem__
    set_header("Content-Security-Policy", _DOCS_CSP if request.path == "/docs" else _CSP)
    set_header("X-Content-Type-Options", "nosniff")
    set_header("X-Frame-Options", "DENY")
    set_header("Referrer-Policy", "no-referrer")
    set_header("Cross-Origin-Opener-Policy", "same-origin")
    set_header("Cross-Origin-Resource-Policy", "same-origin")
    is_file = request.path.startswith("/static/") and answer.status_code in (200, 304)
    set_header("Cache-Control", "no-cache" if is_file else "no-store")
    return answer


def _from_home(request: Request) -> bool:
    """Whether our own page sent it, or no page at all, or a link that only opens our page."""
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.environ['HTTP_HOST']}":
        return False
    site = request.headers.get("Sec-Fetch-Site")
    return site is None or site in _OWN or _opens_a_page(request)


def _opens_a_page(request: Request) -> bool:
    asked = request.headers.get
    navigates = asked("Sec-Fetch-Mode") == "navigate" and asked("Sec-Fetch-Dest") == "document"
    return navigates and request.method == "GET" and request.path in _PAGES


def _from_page(request: Request) -> AnyResponse | None:
    """Let a change pass only with a header that no form and no foreign page can send."""
    if request.method in _SAFE:
        return None
    if request.headers.get("X-Labkit") and request.headers.get("Origin"):
        return None
    return problem(
        HTTPStatus.FORBIDDEN,
        "A change needs the headers X-Labkit and Origin, which the app's own page sends.",
        "From a program, send “Authorization: Bearer TOKEN” instead of the cookie.",
    )


def _stranger(request: Request) -> AnyResponse:
    """Explain the token: to a person as a page, to a program as JSON."""
    if request.path not in _PAGES:
        answer: AnyResponse = problem(
            HTTPStatus.UNAUTHORIZED,
            "This needs the token that labkit app printed.",
            "Send it as “Authorization: Bearer TOKEN”.",
        )
    else:
        # A link on another site's page brings no SameSite=Strict cookie. Our own page does, so
        # it opens itself again; the second time the request is our own, and this does not happen.
        cross = request.headers.get("Sec-Fetch-Site", "none") not in _OWN
        again = _AGAIN if cross and "token" not in request.args else ""
        page = _STRANGER.format(again=again)
        answer = Response(page, HTTPStatus.UNAUTHORIZED, content_type="text/html; charset=utf-8")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())
