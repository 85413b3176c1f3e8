"""A read-only proxy before a real engine, judged by what leaks and by what the engine then has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labkit import archives, raw, wait
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import APIError, EngineError, LabError
from labkit.security.guard import THREE_USERS, Guard
from labkit.security.inside import Inside
from labkit.security.proxy import ReadOnlyProxy

pytestmark = pytest.mark.engine

SECRET = b"s3cr3t-of-web"
OPEN = (
    "/_ping", "/version", "/info", "/containers/json", "/containers/json?all=1&size=1",
    "/containers/web/stats?stream=0", "/containers/web/top", "/images/json", "/networks",
    "/events?since=0&until=1", "/v1.41/containers/json", "/v1.41/_ping",
)  # fmt: skip
READING = (
    "/containers/web/archive?path=/secret", "/containers/web/export", "/containers/web/json",
    "/containers/web/logs?stdout=1", "/containers/web/attach/ws?logs=1&stdout=1&stream=0",
    "/containers/web/changes", "/containers/web/top?ps_args=e", "/containers/web/top?ps_args=axeww",
    "/containers/web/top?p%73_args=e", "/images/busybox/get", "/images/get?names=busybox",
    "/images/busybox/json", "/volumes", "/volumes/share", "/system/df", "/secrets", "/configs",
    "/services", "/swarm", "/plugins", "/images/search?term=x", "/distribution/busybox/json",
    "/debug/vars", "/debug/pprof/", "/session", "/", "", "/nothing",
)  # fmt: skip
CHANGING = (
    ("POST", "/containers/create?name=evil", b'{"Image":"busybox"}'),
    ("POST", "/containers/web/exec", b'{"Cmd":["true"]}'),
    ("POST", "/containers/web/stop?t=0", b""),
    ("POST", "/containers/web/rename?name=evil", b""),
    ("POST", "/containers/web/update", b'{"CpuShares":99}'),
    ("POST", "/containers/web/attach?logs=1&stdout=1", b""),
    ("POST", "/volumes/create", b'{"Name":"evil"}'),
    ("POST", "/networks/create", b'{"Name":"evil"}'),
    ("POST", "/images/busybox/tag?repo=evil", b""),
    ("POST", "/commit?container=web&repo=evil", b"{}"),
    ("PUT", "/containers/web/archive?path=/", archives.pack([archives.File("evil", b"x")])),
    ("DELETE", "/containers/web?force=1", b""),
    ("DELETE", "/volumes/share", b""),
)


class Place:
    """An engine with a secret in it, and the proxy before it."""

    def __init__(self, engine: Engine, proxy: ReadOnlyProxy) -> None:
        self.engine, self.proxy = engine, proxy
        self.stock()

    def stock(self) -> None:
        """A container with the secret in a file, its environment and its log; a volume with it."""
        ask = self.engine.raw
        ask.post("/volumes/create", json={
            "Name": "share", "DriverOpts": {
                "type": "cifs", "device": "//x/y", "o": f"password={SECRET.decode()}",
            },
        })  # fmt: skip
        ask.post("/containers/create", params={"name": "web"}, json={
            "Image": "busybox", "Env": [f"PASSWORD={SECRET.decode()}"],
            "Cmd": ["sh", "-c", "echo $PASSWORD; exec sleep 10000"],
        })  # fmt: skip
        ask.put("/containers/web/archive?path=/", data=archives.pack([
            archives.File("secret", SECRET)
        ]))  # fmt: skip
        ask.post("/containers/web/start")

    def state(self) -> Any:
        """What the engine has, asked by its own socket."""
        ask = self.engine.raw
        web = ask.get("/containers/web/json").json()
        return (
            [(one["Id"], one["Names"]) for one in ask.get("/containers/json?all=1").json()],
            sorted(tag for one in ask.get("/images/json").json() for tag in one["RepoTags"]),
            sorted(one["Name"] for one in ask.get("/volumes").json()["Volumes"]),
            sorted(one["Name"] for one in ask.get("/networks").json()),
            web["State"]["Running"], web["ExecIDs"], web["HostConfig"]["CpuShares"],
            sorted(one["Path"] for one in ask.get("/containers/web/changes").json()),
        )  # fmt: skip


@pytest.fixture(scope="module", params=["26.1", *(
    pytest.param(version, marks=pytest.mark.slow) for version in ("20.10", "28.5")
)])  # fmt: skip
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """An engine with a proxy that the tests of this module share."""
    with Engine.start(version=request.param) as engine, ReadOnlyProxy.start(engine) as proxy:
        yield Place(engine, proxy)


def _sent(endpoint: Endpoint, request: bytes, timeout: float = 3) -> bytes:
    try:
        return raw.exchange(endpoint, request, timeout=timeout)
    except LabError:  # cut off without a word
        return b""


@pytest.mark.parametrize("path", OPEN)
def test_what_only_reads_passes(place: Place, path: str) -> None:
    """Each open path is answered by the engine, and shows no secret."""
    answer = _sent(place.proxy.endpoint, raw.request_bytes("GET", path), timeout=10)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert SECRET not in answer


@pytest.mark.parametrize("path", READING)
def test_nothing_else_is_read(place: Place, path: str) -> None:
    """Each reading path that is shut gets 403 and a message with what, why and what to do."""
    for prefix in ("", "/v1.41"):
        with raw.Client(place.proxy.endpoint) as client, pytest.raises(APIError) as refused:
            client.get(prefix + (path or "/"))
        assert refused.value.status == 403
        assert "is refused: " in refused.value.explanation
        assert "What to do: " in refused.value.explanation
        assert f"GET {prefix}{(path or '/').partition('?')[0]} is" in refused.value.explanation


def test_the_same_paths_leak_from_the_engine(place: Place) -> None:
    """The secret is where these tests look for it: without the proxy, these paths give it away."""
    leaks = {
        path.partition("?")[0]
        for path in READING
        if SECRET in _sent(place.engine.endpoint, raw.request_bytes("GET", path or "/"))
    }
    assert leaks >= {
        "/containers/web/archive", "/containers/web/export", "/containers/web/json",
        "/containers/web/logs", "/containers/web/top", "/volumes",
    }  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), CHANGING)
def test_nothing_is_changed(place: Place, method: str, path: str, body: bytes) -> None:
    """A request that changes something gets 403, and the engine is as before."""
    before = place.state()
    answer = _sent(place.proxy.endpoint, raw.request_bytes(method, path, body=body))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert "only GET and HEAD read" in json.loads(answer.partition(b"\r\n\r\n")[2])["message"]
    assert place.state() == before


def _spelled(path: str) -> st.SearchStrategy[str]:
    """The path in ways that a proxy and an engine may read differently."""
    head, mark, query = path.partition("?")
    parts = head.split("/")
    return st.one_of(
        st.sampled_from(["", "/v1.41", "/v1.24", "/v1", "/V1.41", "/v1.41.", "/v9.9", "/v1.41/.."])
        .map(lambda prefix: prefix + path),
        st.sampled_from([
            "/" + path, path.replace("/", "//"), head.upper() + mark + query,
            "/containers/json/.." + head.removeprefix("/containers") + mark + query,
            "/_ping/.." + path, "/_ping/%2e%2e" + path, "/./" + path[1:], "/%2e" + path,
            "/info;/../" + path[1:], head + "/" + mark + query, head + "%00" + mark + query,
            head + "/json" + mark + query, head + "#/_ping", head + ";/_ping" + mark + query,
            head + "/top" + mark + query, head + "/stats", head + "/../stats", "/_ping?/.." + path,
            "/_ping%3f/../.." + path, path.replace("/", "\\"), "/_ping\\.." + path,
            "http://localhost" + path, "http://localhost/_ping@x" + path, "unix:" + path,
            "//localhost" + path, "*", path[1:], "/_ping%20HTTP/1.1%0d%0a" + path,
            "/containers/web%2ftop/../" + parts[-1] + mark + query,
        ]),
        st.integers(0, max(len(head) - 1, 0)).map(
            lambda at: head[:at] + f"%{ord(head[at:at + 1] or '/'):02x}" + path[at + 1:]
        ),
    )  # fmt: skip


METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT",
                           "TRACE", "get", "Post", "G\tET", "GET POST", "PRI"])  # fmt: skip
WEBSOCKET = (
    b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
)
HEADERS = st.lists(
    st.sampled_from([
        b"Upgrade: tcp\r\nConnection: Upgrade", WEBSOCKET,
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings",
        b"X-HTTP-Method-Override: POST", b"X-Original-URL: /containers/web/json",
        b"X-Rewrite-URL: /containers/web/json", b"Expect: 100-continue", b"Host: x",
        b"Content-Type: application/json", b"Connection: close, Host", b"X: " + b"a" * 9000,
        b"Content-Type : application/json", b" folded", b"Transfer_Encoding: chunked", b"\x00: x",
        b"Connection: keep-alive", b"Trailer: X", b"TE: trailers", b"Range: bytes=0-10",
    ]),
    max_size=3,
)  # fmt: skip
FRAMES = st.sampled_from([
    "none", "length", "chunked", "both", "both turned", "two lengths", "long", "short", "negative",
    "plus", "chunked odd", "chunked twice", "identity", "tab", "bare lf", "old", "older",
])  # fmt: skip


def _framed(frame: str, head: bytes, headers: list[bytes], body: bytes) -> bytes:
    """A request with its body as this frame has it; what is in the body may be a request, too."""
    size, chunk = len(body), b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    lines, content = {
        "none": ([], b""),
        "length": ([b"Content-Length: %d" % size], body),
        "chunked": ([b"Transfer-Encoding: chunked"], chunk),
        "both": ([b"Content-Length: 0", b"Transfer-Encoding: chunked"], chunk),
        "both turned": ([b"Transfer-Encoding: chunked", b"Content-Length: %d" % size], chunk),
        "two lengths": ([b"Content-Length: 0", b"Content-Length: %d" % size], body),
        "long": ([b"Content-Length: %d" % (size + 9)], body),
        "short": ([b"Content-Length: 0"], body),
        "negative": ([b"Content-Length: -1"], body),
        "plus": ([b"Content-Length: +0"], body),
        "chunked odd": ([b"Transfer-Encoding: xchunked"], chunk),
        "chunked twice": ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"], chunk),
        "identity": ([b"Transfer-Encoding: identity"], body),
        "tab": ([b"Transfer-Encoding:\tchunked"], chunk),
        "bare lf": ([b"X: y\nContent-Length: %d" % size], body),
        "old": ([b"Content-Length: 0"], body),
        "older": ([], body),
    }[frame]
    version = {"old": b" HTTP/1.0", "older": b""}.get(frame, b" HTTP/1.1")
    top = [head + version, b"Host: docker", *headers, *lines]
    return b"\r\n".join([*top, b"", b""]) + content


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request, or one behind another in its body."""
    method, path, body = draw(st.one_of(
        st.sampled_from(CHANGING),
        st.tuples(st.just("GET"), st.sampled_from(READING), st.just(b"")),
    ))  # fmt: skip
    inner = _framed("length", f"{method} {path}".encode(), [b"Connection: close"], body)
    if draw(st.booleans()):  # smuggled: behind an open request
        head = draw(st.sampled_from([b"GET /_ping", b"HEAD /_ping", b"GET /containers/json"]))
        return _framed(draw(FRAMES), head, draw(HEADERS), inner)
    spelled = draw(st.one_of(st.just(path), _spelled(path)))
    head = f"{draw(st.one_of(st.just(method), METHODS))} {spelled}".encode()
    return _framed(draw(FRAMES), head, [*draw(HEADERS), b"Connection: close"], body)


H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def _tried(place: Place, request: bytes) -> None:
    before = place.state()
    assert SECRET not in _sent(place.proxy.endpoint, request, timeout=0.2)
    assert place.state() == before


@settings(max_examples=50)
@given(requests())
@example(H2)
def test_no_writing_gets_through(place: Place, request_: bytes) -> None:
    """However a request is written or hidden in another, no secret comes and nothing changes."""
    _tried(place, request_)


@pytest.mark.slow
@settings(max_examples=3000)
@given(requests())
def test_no_writing_gets_through_for_long(place: Place, request_: bytes) -> None:
    """The same for longer."""
    _tried(place, request_)


def test_many_listeners_keep_nobody_waiting(place: Place) -> None:
    """300 listen to events for ever, others are answered; each hears, and none stays behind."""
    with ExitStack() as all_:
        listeners = []
        for _ in range(300):
            client = all_.enter_context(raw.Client(place.proxy.endpoint, timeout=30))
            listeners.append(client.stream("GET", "/events"))
        assert place.engine.raw.get("/info").json()["NEventsListener"] >= 300
        with raw.Client(place.proxy.endpoint, timeout=30) as asking:
            assert asking.get("/containers/json").json()[0]["Names"] == ["/web"]
        made = place.engine.raw.post("/volumes/create", json={"Name": "heard"})
        assert made.status_code == 201
        for stream in listeners:
            assert b'"heard"' in next(iter(stream))
        place.engine.raw.delete("/volumes/heard")
    wait.until(
        lambda: place.engine.raw.get("/info").json()["NEventsListener"] < 5,
        what="the engine to be rid of the listeners",
    )


def test_the_socket_is_for_whom_the_engines_is(place: Place) -> None:
    """The same owner's group and the same rights, and nothing for the rest of the world."""
    proxy, engine = place.proxy.socket.stat(), place.engine.socket.stat()
    assert (proxy.st_mode & 0o777, proxy.st_gid) == (0o660, engine.st_gid)


def test_the_configuration_says_what_is_open(place: Place) -> None:
    """What HAProxy runs with is what the learner reads."""
    there = Inside(place.engine).read("/etc/labkit-proxy/readonly.cfg").decode()
    assert place.proxy.configuration == there
    assert "/containers/*/archive" in there


def test_a_dead_proxy_is_a_dead_path(place: Place) -> None:
    """The engine is as it was, its own socket works; started again, the proxy is there again."""
    place.proxy.kill()
    assert not place.proxy.alive
    assert place.engine.alive
    with raw.Client(place.proxy.endpoint) as client, pytest.raises(EngineError):
        client.get("/version")
    place.proxy = ReadOnlyProxy.start(place.engine)
    assert place.proxy.alive


@pytest.mark.slow
def test_it_works_before_a_guarded_engine(place: Place) -> None:
    """Proxy and policy each have their say."""
    with Guard.on(place.engine, THREE_USERS), raw.Client(place.proxy.endpoint) as client:
        assert client.get("/containers/json").json()[0]["Names"] == ["/web"]
        with pytest.raises(APIError, match="it hands out files"):
            client.get("/containers/web/export")


def test_a_stopped_proxy_leaves_nothing(place: Place) -> None:
    """No process, no socket; stopping again does nothing."""
    place.proxy.stop()
    place.proxy.stop()
    assert not place.proxy.socket.exists()
    assert Inside(place.engine).run("sh", "-c", "! pgrep -x haproxy") == 0
    ReadOnlyProxy.start(place.engine)


def test_the_end_of_the_engine_is_the_proxys() -> None:
    """Its process and socket go with the engine; a reset needs a new start."""
    with Engine.start() as engine:
        proxy = ReadOnlyProxy.start(engine)
        engine.reset()
        assert not proxy.socket.exists()
        assert not proxy.alive
        assert Inside(engine).run("sh", "-c", "! pgrep -x haproxy") == 0
        with ReadOnlyProxy.start(engine) as again:
            assert again.alive
        proxy = ReadOnlyProxy.start(engine)
    assert not proxy.socket.exists()
    proxy.stop()
