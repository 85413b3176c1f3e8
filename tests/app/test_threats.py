"""What somebody could try against the app; docs/threats.md lists each of these tests."""

from __future__ import annotations

import ast
import json
import logging
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from flask import Flask

from labkit import raw
from labkit.app.errors import handle
from labkit.app.serve import STREAMS, App
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import EngineGone
from labkit.wait import until

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def browser(app: App) -> Iterator[requests.Session]:
    """A browser that has signed in: it has the cookie and nothing else."""
    with requests.Session() as session:
        session.trust_env = False
        session.get(app.url, timeout=10)
        yield session


def _page(app: App) -> dict[str, str]:
    """The headers that the app's own page adds to a change."""
    return {"Origin": app.origin, "X-Labkit": "1", "Sec-Fetch-Site": "same-origin"}


def _bytes(app: App, request: bytes) -> bytes:
    """Send bytes that no polite client would send."""
    return raw.exchange(Endpoint(host="127.0.0.1", port=app.guard.port), request)


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _running(engine: Engine, name: str) -> bool:
    return bool(engine.docker.api.inspect_container(name)["State"]["Running"])


def _operations(client: Any) -> list[tuple[str, str]]:
    """Each method and path of the API, with something in the place of each parameter."""
    paths = client.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), re.sub(r"\{\w+\}", "abc", path))
        for path, item in paths.items()
        for method in item
        if method in ("get", "post", "put", "patch", "delete")
    ]


def test_nobody_gets_in_without_the_token(app: App, client: Any) -> None:
    """Without the token no route, no file and no document answers; a page explains why."""
    asked = [*_operations(client), ("GET", "/openapi.json"), ("GET", "/static/app.js")]
    assert len(asked) > 25
    for method, path in asked:
        answer = requests.request(method, app.origin + path, timeout=10, json={})
        assert (answer.status_code, path) == (401, path)
        assert set(answer.json()) == {"error", "hint"}
    for path in ("/", "/docs"):
        answer = requests.get(app.origin + path, timeout=10)
        assert answer.status_code == 401
        assert "Open the address that labkit app printed" in answer.text
    for path in re.findall(r'href="(/[^"]+)"', answer.text):  # what makes that page legible
        assert requests.get(app.origin + path, timeout=10).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "é", "0" * 43, "A" * 5000])
def test_a_wrong_token_opens_nothing(app: App, token: str) -> None:
    """Neither as a bearer token, nor as a cookie, nor in the address."""
    bearer = {"Authorization": f"Bearer {token}".encode()}
    cookie = {"Cookie": f"{app.guard.cookie}={token}".encode()}
    for headers in (bearer, cookie):
        answer = requests.get(f"{app.origin}/api/containers", headers=headers, timeout=10)
        assert answer.status_code == 401
    answer = requests.get(app.origin, params={"token": token}, timeout=10, allow_redirects=False)
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_each_run_has_a_token_of_its_own(app: App, engine: Engine) -> None:
    """A token is long, random, and ends with the app that made it."""
    with App(engine.endpoint) as other:
        assert other.token != app.token
        headers = {"Authorization": f"Bearer {app.token}"}
        answer = requests.get(f"{other.origin}/api/engine", headers=headers, timeout=10)
    assert answer.status_code == 401
    assert len(app.token) >= 43


def test_the_token_leaves_the_address(app: App) -> None:
    """The address with the token leads at once to one without, and no referrer tells it."""
    answer = requests.get(app.url, timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert app.token not in str(answer.headers) + answer.text


def test_the_cookie_is_for_this_app_alone(app: App) -> None:
    """No script reads it, no other site sends it, and it is not the token."""
    answer = requests.get(app.url, timeout=10, allow_redirects=False)
    name, rest = answer.headers["Set-Cookie"].split("=", 1)
    value, *flags = rest.split("; ")
    assert name.endswith(str(app.guard.port))
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} == set(flags)
    assert app.token not in value


def test_a_browser_is_opened_with_a_word_that_works_once(app: App) -> None:
    """Whoever reads the address in the list of processes comes too late with it."""
    address = app.guard.ticket()
    assert app.token not in address
    answers = [requests.get(address, timeout=10, allow_redirects=False) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 401]
    bearer = {"Authorization": f"Bearer {app.guard.ticket().partition('=')[2]}"}
    answer = requests.get(f"{app.origin}/api/containers", headers=bearer, timeout=10)
    assert answer.status_code == 401


def test_the_token_is_never_logged(
    app: App,
    client: Any,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Neither signing in, nor a request that fails, nor one that is cut off writes it down."""
    caplog.set_level(logging.DEBUG)
    requests.get(app.url, timeout=10)
    client.get("/api/containers/nobody")
    client.post("/api/containers", {"image": "nothing-like-that"})
    _bytes(
        app, f"GET /?token={app.token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith("urllib3")]
    written = capfd.readouterr()
    assert app.token not in "\n".join([*ours, written.out, written.err])
    assert app.token not in repr(app.guard)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost:8888", "http://127.0.0.1:1", "https"],
)
def test_a_page_elsewhere_changes_nothing(
    app: App, browser: requests.Session, engine: Engine, container: str, origin: str
) -> None:
    """A POST with the cookie from another origin is refused, be it another port of this host."""
    origin = f"https://127.0.0.1:{app.guard.port}" if origin == "https" else origin
    headers = {"Origin": origin, "X-Labkit": "1"}
    address = f"{app.origin}/api/containers/{container}"
    assert browser.post(f"{address}/stop", headers=headers, timeout=10).status_code == 403
    assert browser.delete(f"{address}?force=1", headers=headers, timeout=10).status_code == 403
    assert _running(engine, container)


def test_a_program_with_a_foreign_origin_is_a_page(client: Any) -> None:
    """The token does not help a page elsewhere that has got hold of it."""
    headers = {"Origin": "http://evil.example"}
    assert client.get("/api/containers", headers=headers).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_elsewhere_reads_nothing(app: App, browser: requests.Session, site: str) -> None:
    """No picture, script or frame of another page loads anything, be it on another port."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    for path in ("/api/containers", "/api/live", "/", "/static/base.css", "/openapi.json"):
        answer = browser.get(app.origin + path, headers=headers, timeout=10)
        assert (answer.status_code, path) == (403, path)


def test_a_link_elsewhere_opens_the_page_and_no_more(app: App, browser: requests.Session) -> None:
    """A link in JupyterLab leads to the page; what it brings no cookie to, asks once more."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    link["Sec-Fetch-Dest"] = "document"
    assert browser.get(app.origin, headers=link, timeout=10).status_code == 200
    without = requests.get(app.origin, headers=link, timeout=10)
    assert (without.status_code, without.text.count('content="0; url=/"')) == (401, 1)
    again = requests.get(app.origin, headers={"Sec-Fetch-Site": "same-origin"}, timeout=10)
    assert (again.status_code, again.text.count("http-equiv")) == (401, 0)
    for path in ("/api/containers", "/api/containers/x"):
        assert browser.get(app.origin + path, headers=link, timeout=10).status_code == 403


@pytest.mark.parametrize(
    "host",
    [
        "Host: evil.example",
        "Host: evil.example:{port}",
        "Host: 127.0.0.1.evil.example:{port}",
        "Host: 127.0.0.1:1",
        "Host: 127.0.0.1",
        "Host: ",
        "X-Nothing: 1",
        "Host: 127.0.0.1:{port}\r\nHost: evil.example:{port}",
        "Host: evil.example:{port}\r\nX-Forwarded-Host: 127.0.0.1:{port}",
    ],
)
def test_a_rebound_name_is_refused(app: App, host: str) -> None:
    """A name that somebody made point at 127.0.0.1 gets nothing, whatever token it has."""
    head = host.format(port=app.guard.port)
    for path in ("/api/containers", "/", f"/?token={app.token}"):
        request = f"GET {path} HTTP/1.1\r\n{head}\r\nAuthorization: Bearer {app.token}\r\n"
        answer = _bytes(app, f"{request}Connection: close\r\n\r\n".encode())
        assert (_status(answer), path) == (403, path)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_the_names_of_this_machine_are_served(app: App, name: str) -> None:
    """The names that the page itself can have are let in."""
    request = f"GET /api/containers HTTP/1.1\r\nHost: {name}:{app.guard.port}\r\n"
    request += f"Authorization: Bearer {app.token}\r\nConnection: close\r\n\r\n"
    assert _status(_bytes(app, request.encode())) == 200


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", None]
)
def test_a_form_changes_nothing(
    app: App, browser: requests.Session, engine: Engine, container: str, kind: str | None
) -> None:
    """What a plain form can send is refused, even if it came from the app's own origin."""
    headers = {"Origin": app.origin, **({"Content-Type": kind} if kind else {})}
    address = f"{app.origin}/api/containers"
    stopped = browser.post(f"{address}/{container}/stop", headers=headers, timeout=10)
    body = json.dumps({"image": "busybox", "name": "from-a-form"})
    made = browser.post(address, data=body, headers=headers, timeout=10)
    named = browser.post(address, data=body, headers=headers | _page(app), timeout=10)
    assert (stopped.status_code, made.status_code, named.status_code) == (403, 403, 422)
    assert _running(engine, container)
    assert not engine.docker.api.containers(all=True, filters={"name": "from-a-form"})


def test_the_cookie_alone_changes_nothing(
    app: App, browser: requests.Session, engine: Engine, container: str
) -> None:
    """A change needs Origin and X-Labkit beside the cookie; with both it is done."""
    address = f"{app.origin}/api/containers/{container}/pause"
    for missing in ("Origin", "X-Labkit"):
        headers = {name: value for name, value in _page(app).items() if name != missing}
        assert browser.post(address, headers=headers, timeout=10).status_code == 403
    assert not engine.docker.api.inspect_container(container)["State"]["Paused"]
    assert browser.post(address, headers=_page(app), timeout=10).status_code == 200


def test_no_other_origin_may_read_an_answer(app: App, client: Any) -> None:
    """Nothing answers with CORS headers, and a preflight from elsewhere is refused."""
    headers = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "X-Labkit",
    }
    preflight = requests.options(f"{app.origin}/api/containers/x", headers=headers, timeout=10)
    assert preflight.status_code == 403
    for path in ("/", "/api/containers", "/openapi.json", "/static/app.js"):
        answer = client.get(path)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_no_page_can_frame_it(app: App, client: Any) -> None:
    """No other page shows the app under its own buttons, not even the page for strangers."""
    answers = [client.get(path) for path in ("/", "/docs", "/api/containers", "/nothing")]
    answers.append(requests.get(app.origin, timeout=10))
    for answer in answers:
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_no_script_but_its_own_can_run(client: Any) -> None:
    """The policy allows files of the app alone, and no inline script or style, in any answer."""
    for path in ("/", "/docs", "/api/containers", "/static/app.js", "/nothing"):
        policy = client.get(path).headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; ")
        assert {"base-uri 'none'", "form-action 'self'"} <= set(policy.split("; "))
        assert "unsafe" not in policy
    for path in ("/", "/docs"):
        page = client.get(path).text
        assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page) == []


def test_text_from_docker_is_never_html(client: Any, engine: Engine) -> None:
    """Names, labels, logs and errors that are HTML come as JSON or text, with nosniff."""
    made = engine.docker.containers.create(
        "busybox", ["echo", EVIL], labels={"evil": EVIL}, environment={"EVIL": EVIL}
    )
    try:
        made.start()
        made.wait()
        one = f"/api/containers/{made.id}"
        answers = [client.get(path) for path in (one, "/api/containers", "/api/events")]
        answers += [
            client.get(f"{one}/logs"),
            client.get(f"{one}/logs?download=true"),
            client.get(f"/api/containers?sort={EVIL}"),
            client.get(f"/api/containers/{EVIL}"),
            client.get(f"/{EVIL}"),
            client.get(f"/?token={EVIL}"),
            client.post("/api/containers", {"image": EVIL}),
            client.post("/api/containers", {"image": "busybox", "mounts": EVIL}),
            client.delete(f"/api/images/{EVIL}"),
        ]
    finally:
        made.remove(force=True)
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        kind = answer.headers["Content-Type"].split(";")[0]
        assert kind in ("application/json", "text/plain") or EVIL not in answer.text
    assert any(EVIL in answer.text for answer in answers[3:5])


WANDERING = [
    "..", "../..", "%2e%2e", "%2e%2e%2finfo", "..%2f..%2finfo", "x/../../info", "x%2f..%2finfo",
    "%00", "x%00", "%0d%0aX-Evil:%201", "x%0a", "%20", "-", ".", "~", "x?y", "%3fall=1",
    "x" * 5000, "%c3%a9", "%ff", "{id}", "%25%32%65",
]  # fmt: skip


@pytest.mark.parametrize("text", WANDERING)
def test_ids_do_not_wander(app: App, text: str) -> None:
    """What is no name or id of Docker's is refused before Docker is asked."""
    for kind in ("containers", "networks", "volumes", "images"):
        for method in ("GET", "DELETE"):
            head = f"{method} /api/{kind}/{text} HTTP/1.1\r\nHost: 127.0.0.1:{app.guard.port}\r\n"
            answer = _bytes(
                app,
                f"{head}Authorization: Bearer {app.token}\r\nConnection: close\r\n\r\n".encode(),
            )
            assert _status(answer) in (400, 404, 405, 422)
            assert b"X-Evil" not in answer.partition(b"\r\n\r\n")[0]


def test_an_image_s_name_reaches_no_container(app: App, engine: Engine, container: str) -> None:
    """The slashes that an image's name may have lead nowhere else in Docker's API."""
    for trick in ("x/../../containers", "x/..%2f../containers", "x/%2e%2e/%2e%2e/containers"):
        path = f"/api/images/{trick}/{container}?force=true"
        head = f"DELETE {path} HTTP/1.1\r\nHost: 127.0.0.1:{app.guard.port}\r\n"
        answer = _bytes(
            app, f"{head}Authorization: Bearer {app.token}\r\nConnection: close\r\n\r\n".encode()
        )
        assert _status(answer) == 422
    assert _running(engine, container)


def test_a_download_s_name_is_harmless(client: Any, container: str) -> None:
    """The name of a downloaded file is made of what can't end a header or leave a folder."""
    answer = client.get(f"/api/containers/{container}/logs?download=true")
    disposition = answer.headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename=[A-Za-z0-9_.-]+\.log", disposition)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_body_is_bounded(app: App, client: Any) -> None:
    """A body over one MiB is refused, whether it says its length or goes on for ever."""
    answer = client.post("/api/containers", {"image": "x" * 1_100_000})
    assert answer.status_code == 413
    assert set(answer.json()) == {"error", "hint"}
    head = f"POST /api/containers HTTP/1.1\r\nHost: 127.0.0.1:{app.guard.port}\r\n"
    announced = _bytes(app, f"{head}Content-Length: 99999999999\r\n\r\n".encode())
    assert _status(announced) == 413
    assert b"application/json" in announced
    chunks = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with suppress(EngineGone):  # it hangs up while there is more to come
        endless = _bytes(app, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks * 64)
        assert _status(endless) == 413
    assert client.get("/api/containers").status_code == 200


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 100_000, '{"image": "\\ud800"}', "NaN"])
def test_a_body_of_nonsense_is_refused(client: Any, body: str) -> None:
    """A body that is nested without end, or is no text, is the sender's mistake."""
    headers = {"Content-Type": "application/json"}
    answer = client.ask("POST", "/api/containers", data=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"error", "hint"}


def test_streams_are_limited(engine: Engine, connect: Callable[[App], Any]) -> None:
    """Open streams never use up the threads that the rest needs; one that ends makes room."""
    with App(engine.endpoint) as app, ExitStack() as stack:
        client = connect(app)
        for _ in range(STREAMS):
            stack.enter_context(client.listen("/api/live"))
        answer = client.get("/api/live")
        assert (answer.status_code, set(answer.json())) == (503, {"error", "hint"})
        assert client.get("/api/containers").status_code == 200
        stack.close()
        until(lambda: app.streams < STREAMS, what="room for one more")
        with client.listen("/api/live") as listener:
            assert next(iter(listener))[0] == "load"


@contextmanager
def _silent(app: App, path: str) -> Iterator[socket.socket]:
    """A client that asks and then reads nothing."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.connect(("127.0.0.1", app.guard.port))
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{app.guard.port}\r\n"
        made.sendall(f"{head}Authorization: Bearer {app.token}\r\n\r\n".encode())
        yield made


def test_a_reader_that_stalls_is_cut_off(engine: Engine, connect: Callable[[App], Any]) -> None:
    """Who takes nothing of what it asked for holds no thread and no stream for long."""
    noisy = engine.docker.containers.run(
        "busybox", ["sh", "-c", "yes 'a line that is long enough to fill what there is'"],
        detach=True,
    )  # fmt: skip
    try:
        with App(engine.endpoint, stalled=1.0) as app:
            with _silent(app, f"/api/containers/{noisy.id}/logs/stream"):
                until(lambda: app.streams == 1, what="the stream")
                until(lambda: app.streams == 0, what="the end of the stalled stream", timeout=30)
            assert connect(app).get("/api/containers").status_code == 200
    finally:
        noisy.remove(force=True)


def test_who_sends_slowly_holds_no_thread(app: App, client: Any) -> None:
    """Fifty requests that never end do not keep anybody else from being served."""
    with ExitStack() as stack:
        for _ in range(50):
            made = stack.enter_context(socket.create_connection(("127.0.0.1", app.guard.port)))
            made.sendall(b"POST /api/containers HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le")
        assert client.get("/api/containers").status_code == 200


def test_it_listens_on_loopback_only(app: App) -> None:
    """No other machine can reach the app."""
    mine = [
        one.laddr.ip
        for one in psutil.Process().net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == app.guard.port
    ]
    assert mine == ["127.0.0.1"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../serve.py", "/static/%2e%2e/serve.py", "/static/..%2fserve.py",
        "/static//etc/passwd", "/static/%2fetc%2fpasswd", "//etc/passwd", "/static/",
        "/static/..\\serve.py", "/docs/js/../../__init__.py", "/docs/js/..%2f..%2f__init__.py",
        "/docs/html/x", "/serve.py", "/static/__pycache__",
    ],
)  # fmt: skip
def test_only_the_page_s_own_files_are_served(app: App, path: str) -> None:
    """No path leads from the page's folder to another file of this machine."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{app.guard.port}\r\n"
    answer = _bytes(
        app, f"{head}Authorization: Bearer {app.token}\r\nConnection: close\r\n\r\n".encode()
    )
    assert _status(answer) in (400, 404)


def test_a_method_is_what_it_says(client: Any, engine: Engine, container: str) -> None:
    """No header or parameter makes a GET or a POST into something else."""
    override = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE"}
    path = f"/api/containers/{container}"
    for query in ("?_method=DELETE&force=true", "?force=true"):
        assert client.get(path + query, headers=override).status_code == 200
        assert client.post(path + query, headers=override).status_code == 405
    assert client.ask("TRACE", path).status_code == 405
    assert _running(engine, container)


def test_a_mistake_tells_nothing() -> None:
    """An error that nobody thought of shows no code and no path of this machine."""
    app = Flask("mistaken")
    handle(app)

    @app.get("/")
    def mistaken() -> str:
        raise RuntimeError("/home/somebody/secret")

    answer = app.test_client().get("/")
    assert answer.status_code == 500
    assert set(answer.get_json()) == {"error", "hint"}
    assert "secret" not in answer.text


def test_docker_s_errors_are_told_as_text(client: Any) -> None:
    """Docker's own words come through, as JSON, with Docker's status and what to do next."""
    answer = client.post("/api/containers/nobody-at-all/start")
    assert answer.status_code == 404
    assert "No such container: nobody-at-all" in answer.json()["error"]
    assert answer.json()["hint"]


def test_nothing_is_kept_by_the_browser(client: Any) -> None:
    """Neither the page nor an answer of the API stays in a cache."""
    for path in ("/", "/api/containers", "/api/engine", "/openapi.json", "/nothing"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_each_threat_has_its_test() -> None:
    """docs/threats.md names each test of this module but this one, and no other."""
    page = (ROOT / "docs" / "threats.md").read_text()
    listed = re.findall(r"`(test_\w+)`", page)
    tree = ast.parse(Path(__file__).read_text())
    tests = {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
    tests = {name for name in tests if name.startswith("test_")}
    assert set(listed) == tests - {"test_each_threat_has_its_test"}
    assert len(listed) == len(set(listed))
