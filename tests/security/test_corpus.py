"""Generated requests to a guarded engine, judged by what the engine then has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.engine.certificates import Server
from labkit.engine.engine import Engine
from labkit.errors import LabError
from labkit.security.certificates import Authority
from labkit.security.guard import THREE_USERS, Guard

pytestmark = pytest.mark.engine

POLICY = THREE_USERS.replace(
    '"DELETE /containers/*", ',
    """
  "POST /containers/*/update", "POST /containers/*/exec", "POST /exec/*/start",
  "POST /networks/*/connect", "POST /containers/*/rename", "POST /images/*/tag",
  "POST /images/create",
""",
)  # an operator who may all that has a body which the policy can judge
POWERS: dict[str, Any] = {
    "Privileged": True, "Binds": ["/:/host"], "PidMode": "host", "NetworkMode": "host",
    "IpcMode": "host", "UTSMode": "host", "UsernsMode": "host", "CgroupnsMode": "host",
    "CapAdd": ["SYS_ADMIN"], "Capabilities": ["CAP_SYS_ADMIN"], "MaskedPaths": [],
    "ReadonlyPaths": [], "SecurityOpt": ["seccomp=unconfined"], "CgroupParent": "/",
    "Runtime": "other", "Sysctls": {"net.ipv4.ip_forward": "1"}, "VolumesFrom": ["admins"],
    "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x"}], "OomScoreAdj": -900,
    "DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}], "StorageOpt": {"size": "1G"},
    "DeviceCgroupRules": ["a *:* rwm"], "OomKillDisable": True, "GroupAdd": ["0"],
    "VolumeDriver": "other", "Links": ["admins:a"], "Cgroup": "container:admins",
    "BlkioDeviceReadBps": [{"Path": "/dev/null", "Rate": 1}], "ContainerIDFile": "/evil",
    "Annotations": {"io.x": "y"}, "Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}],
}  # fmt: skip
MOUNTS = (
    {"Type": "volume", "Target": "/x", "VolumeOptions": {"DriverConfig": {
        "Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}}},
    {"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/x"},
    {"Type": "volume", "Source": "/", "Target": "/x"},
    {"Type": "npipe", "Source": "/", "Target": "/x"},
    {"Type": "cluster", "Source": "x", "Target": "/x"},
    {"Type": "tmpfs", "Target": "/x", "BindOptions": {"Propagation": "rshared"}},
)  # fmt: skip
DRIVER = {"type": "none", "o": "bind", "device": "/"}
BIND = {"Name": "evil", "DriverOpts": DRIVER}
NETWORKS: tuple[dict[str, Any], ...] = (
    {"Name": "evil", "Driver": "host"}, {"Name": "evil", "Driver": "macvlan"},
    {"Name": "evil", "Driver": "ipvlan", "Options": {"parent": "eth0"}},
    {"Name": "evil", "Driver": "bridge", "Options": {"com.docker.network.bridge.name": "docker0"}},
    {"Name": "evil", "ConfigFrom": {"Network": "host"}, "Scope": "swarm"},
    {"Name": "evil", "IPAM": {"Config": [{"Subnet": "127.0.0.0/8"}]}},
)  # fmt: skip


HARMLESS = {
    "NetworkMode": ("none", "bridge", "default"),
    "IpcMode": ("private", "none", "shareable"),
    "CgroupnsMode": ("private",),
}


class Place:
    """A guarded engine, where its users connect, and what an admin has on it."""

    def __init__(self, engine: Engine, guard: Guard, folder: Path, authority: Authority) -> None:
        self.engine, self.guard = engine, guard
        self.users = {
            name: engine.reached_with(authority.client(name).write(folder / name))
            for name in ("rita", "omar")
        }
        self.admins = self.made("/containers/create?name=admins", json={
            "Image": "busybox", "Cmd": ["sleep", "9999"], "Env": ["PASSWORD=s3cr3t-of-admin"],
        })  # fmt: skip
        engine.raw.post(f"/containers/{self.admins}/start")
        self.networks = {one["Id"] for one in engine.raw.get("/networks").json()}

    def made(self, path: str, **options: Any) -> str:
        """Create something by the unix socket; its id."""
        return str(self.engine.raw.post(path, **options).json()["Id"])

    def judge(self) -> None:
        """Look at all there is, assert that none of it has power, and remove what is new."""
        ask = self.engine.raw
        rows = [row["Id"] for row in ask.get("/containers/json?all=1").json()]
        found = [ask.get(f"/containers/{one}/json").json() for one in rows]
        volumes = ask.get("/volumes").json()["Volumes"] or []
        networks = ask.get("/networks").json()
        runs = {
            run: ask.get(f"/exec/{run}/json").json()
            for one in found for run in one["ExecIDs"] or []
        }  # fmt: skip
        for one in found:
            if one["Id"] != self.admins:
                ask.delete(f"/containers/{one['Id']}?force=1&v=1")
        for volume in volumes:
            ask.delete(f"/volumes/{volume['Name']}?force=1")
        for network in networks:
            if network["Id"] not in self.networks:
                ask.delete(f"/networks/{network['Id']}")
        assert self.admins in rows
        plain = next(one for one in found if one["Id"] == self.admins)
        assert [power for one in found for power in _powers(one, plain)] == []
        assert [volume for volume in volumes if volume["Options"]] == []
        assert {network["Driver"] for network in networks} <= {"bridge", "host", "null"}
        strange = [one for one in networks if one["Id"] not in self.networks and one["Options"]]
        assert strange == []
        assert not any(run["ProcessConfig"].get("privileged") for run in runs.values())


def _powers(container: dict[str, Any], plain: dict[str, Any]) -> Iterator[str]:
    """What a container has over a plain one that is power over its host, or others' things."""
    host = container["HostConfig"]
    for name in POWERS.keys() - {"Binds", "Mounts"}:  # these two by what became of them
        value = host.get(name)
        unmasked = name in {"MaskedPaths", "ReadonlyPaths"}
        changed = value != plain["HostConfig"].get(name) and (value or unmasked)
        if changed and value not in HARMLESS.get(name, ()):
            yield f"{name} {value}"
    for mount in container["Mounts"]:
        if mount["Type"] not in {"volume", "tmpfs"}:
            yield f"mount {mount}"
    for bind in host.get("Binds") or []:
        if bind.startswith("/"):
            yield f"bind {bind}"
    if "host" in container["NetworkSettings"]["Networks"]:
        yield "network host"


@pytest.fixture(scope="module", params=["26.1", *(
    pytest.param(version, marks=pytest.mark.slow) for version in ("20.10", "28.5")
)])  # fmt: skip
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A guarded engine that the tests of this module share."""
    authority = Authority()
    leaf = authority.server("localhost", "127.0.0.1")
    server = Server(leaf.ca, leaf.cert, leaf.key)
    with Engine.start(version=request.param, server=server) as engine:
        guard = Guard.on(engine, POLICY)
        yield Place(engine, guard, tmp_path_factory.mktemp("users"), authority)


def _sent(endpoint: Endpoint, request: bytes) -> bytes:
    try:
        return raw.exchange(endpoint, request, timeout=3)
    except LabError:  # cut off without a word
        return b""


def _doubled(name: str, value: Any) -> st.SearchStrategy[tuple[str, Any]]:
    """A field's name in letters that an engine may take for the same."""
    folded = name.replace("s", "\u017f", 1).replace("k", "\u212a", 1).replace("K", "\u212a", 1)
    return st.sampled_from([name, name.lower(), name.upper(), name.swapcase(), folded]).map(
        lambda written: (written, value)
    )


def _odd(value: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([
        value, [value], {"": value}, str(value), json.dumps(value), 1, "1", "true", 1e0, -1, "",
        [""], [None], {"0": value}, [[]], "HOST", " host", "host\u0000", "container:admins",
    ])  # fmt: skip


@st.composite
def creations(draw: st.DrawFn) -> bytes:
    """The body of a request for a container, with a power put somewhere."""
    name, value = draw(st.sampled_from(sorted(POWERS.items())))
    if name == "Mounts":
        value = [draw(st.sampled_from(MOUNTS))]
    written, value = draw(_doubled(name, draw(st.one_of(st.just(value), _odd(value)))))
    inner = {written: value}
    host = draw(st.sampled_from([
        b"HostConfig", b"hostconfig", b"HOSTCONFIG", "Ho\u017ftConfig".encode(),
        b"Host\\u0043onfig", b"Config", b"InnerHostConfig",
    ]))  # fmt: skip
    where = draw(st.sampled_from(["host", "top", "twice", "after", "network", "two", "nested"]))
    content = json.dumps(inner, ensure_ascii=draw(st.booleans())).encode()
    network = b'{"EndpointsConfig":{"host":%s}}' % content
    return {
        "host": b'{"Image":"busybox","%s":%s}' % (host, content),
        "top": b'{"Image":"busybox",%s' % content[1:],
        "twice": b'{"Image":"busybox","HostConfig":{},"%s":%s}' % (host, content),
        "after": b'{"Image":"busybox","%s":%s,"HostConfig":null}' % (host, content),
        "network": b'{"Image":"busybox","NetworkingConfig":%s}' % network,
        "two": b'{"Image":"busybox"}{"%s":%s}' % (host, content),
        "nested": b'{"Image":"busybox","HostConfig":{"HostConfig":%s}}' % content,
    }[where]  # fmt: skip


def _others(name: str) -> st.SearchStrategy[tuple[str, bytes]]:
    """Requests with a power that are not for a container."""
    bodies: list[tuple[str, Any]] = [
        *(("/networks/create", network) for network in NETWORKS),
        ("/volumes/create", BIND), ("/volumes/create", {"Name": "evil", "driveropts": DRIVER}),
        ("/volumes/create", {"Name": "evil", "ClusterVolumeSpec": {"Group": "x"}}),
        (f"/containers/{name}/update", {"Devices": POWERS["Devices"], "CpuShares": 2}),
        (f"/containers/{name}/update", {"OomKillDisable": True}),
        (f"/containers/{name}/exec", {"Cmd": ["true"], "Privileged": True}),
        (f"/containers/{name}/exec", {"Cmd": ["true"], "privileged": True}),
        ("/networks/host/connect", {"Container": name}),
        (f"/containers/{name}/start", {"HostConfig": {"Privileged": True}}),
        (f"/containers/{name}/start?checkpoint=x&checkpoint-dir=/", {}),
    ]  # fmt: skip
    return st.sampled_from(bodies).map(lambda one: (one[0], json.dumps(one[1]).encode()))


@st.composite
def paths(draw: st.DrawFn, path: str) -> str:
    """The path, perhaps in other words."""
    prefix = draw(st.sampled_from([
        "", "/v1.41", "/v1.24", "/v1.20", "/v1", "/v1.041", "/V1.41", "/", "/v1.41/", "/.", "/%2e",
        "/x/..", "http://localhost",
    ]))  # fmt: skip
    at = draw(st.integers(0, len(path) - 1))
    spelled = draw(st.sampled_from([
        path, path.replace("/", "//"), path.upper(), path + "/", f"{path}?x=/containers/json",
        path[:at] + f"%{ord(path[at]):02x}" + path[at + 1:], path + "%00", path + "#x", path + ";x",
    ]))  # fmt: skip
    return prefix + spelled


TYPES = st.sampled_from([
    ["application/json"], ["application/json; charset=utf-8"], [], ["text/plain"],
    ["application/x-www-form-urlencoded"], ["APPLICATION/JSON"], ["application/json/x"],
    ["application/x-www-form-urlencoded", "application/json"],
    ["application/json", "application/x-www-form-urlencoded"], ["text/plain", "application/json"],
])  # fmt: skip
FRAMES = st.sampled_from(["length", "chunked", "huge", "huge chunked", "both", "empty", "two"])


def _request(method: str, path: str, types: list[str], frame: str, body: bytes) -> bytes:
    if "huge" in frame:
        body += b" " * 2**20
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    lines, content = {
        "length": ([f"Content-Length: {len(body)}"], body),
        "huge": ([f"Content-Length: {len(body)}"], body),
        "chunked": (["Transfer-Encoding: chunked"], chunk),
        "huge chunked": (["Transfer-Encoding: chunked"], chunk),
        "both": (["Content-Length: 2", "Transfer-Encoding: chunked"], chunk),
        "empty": (["Content-Length: 0"], body),  # CVE-2024-41110
        "two": (["Content-Length: 0", f"Content-Length: {len(body)}"], body),
    }[frame]
    head = [f"{method} {path} HTTP/1.1", "Host: docker", "Connection: close", *lines]
    head += [f"Content-Type: {one}" for one in types]
    return "\r\n".join([*head, "", ""]).encode() + content


@st.composite
def writings(draw: st.DrawFn) -> tuple[str, str, list[str], str, bytes]:
    """A request in any of the ways: method, path, content types, frame, body."""
    path, body = draw(st.one_of(
        creations().map(lambda body: ("/containers/create", body)), _others("admins"),
    ))  # fmt: skip
    odd = draw(st.booleans())  # else it is the body that must be seen through
    method = draw(st.sampled_from(["POST", "POST", "PUT", "GET", "post"])) if odd else "POST"
    spelled = draw(paths(path)) if odd else path
    types = draw(TYPES) if odd else ["application/json"]
    return method, spelled, types, draw(FRAMES) if odd else "length", body


def _tried(place: Place, user: str, request: bytes) -> None:
    answer = _sent(place.users[user], request)
    assert b"s3cr3t-of-admin" not in answer
    place.judge()


def _create(host: str) -> tuple[str, str, list[str], str, bytes]:
    body = f'{{"Image":"busybox","HostConfig":{host}}}'.encode()
    return "POST", "/containers/create", ["application/json"], "length", body


@settings(max_examples=100)
@given(st.sampled_from(["omar", "omar", "omar", "rita"]), writings())
@example("omar", _create('{"Ma\u017fkedPaths":[],"ReadonlyPath\u017f":[]}'))
@example("omar", _create('{"MaskedPaths":null,"maskedpaths":[]}'))
@example("omar", _create('{"MaskedPaths":[""]}'))
@example("omar", _create('{"NetworkMode":"none","Networ\u212aMode":"host"}'))
@example("omar", _create('{"NetworkMode":"container:admins"}'))
@example("omar", _create('{"DeviceCgroupRules":[""]}'))
@example("omar", ("POST", "/containers/create", ["text/plain"], "length", b""))
def test_nothing_powerful_passes(place: Place, user: str, writing: Any) -> None:
    """Whatever is asked for, however it is written, nothing on the engine has power by it."""
    _tried(place, user, _request(*writing))


@pytest.mark.slow
@settings(max_examples=3000)
@given(st.sampled_from(["omar", "omar", "omar", "rita"]), writings())
def test_nothing_powerful_passes_for_long(place: Place, user: str, writing: Any) -> None:
    """The same for longer."""
    _tried(place, user, _request(*writing))


@pytest.mark.parametrize("query", ["ps_args=e", "ps_args=axeww", "p%73_args=e", "x&ps_args=e",
                                   "x;ps_args=e", "ps_args=aux"])  # fmt: skip
def test_a_reader_sees_no_environment(place: Place, query: str) -> None:
    """Processes are shown without ``ps_args``, which would print their environment."""
    path = f"/containers/admins/top?{query}"
    _tried(place, "rita", raw.request_bytes("GET", path))
    assert b" 403 " in _sent(place.users["rita"], raw.request_bytes("GET", path))[:20]
    plain = _sent(place.users["rita"], raw.request_bytes("GET", "/containers/admins/top"))
    assert plain.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("frame", ["length", "chunked", "both"])
@pytest.mark.parametrize("last", ["application/json", "text/plain", ""])
def test_no_form_behind_another_type(place: Place, last: str, frame: str) -> None:
    """Of two types the plugin sees the last one; the engine took the form of the first one."""
    types = ["application/x-www-form-urlencoded", last]
    request = _request("POST", "/containers/admins/rename", types, frame, b"name=evil")
    _sent(place.users["omar"], request)
    name = place.engine.raw.get(f"/containers/{place.admins}/json").json()["Name"]
    place.engine.raw.post(f"/containers/{place.admins}/rename?name=back")
    place.engine.raw.post(f"/containers/{place.admins}/rename?name=admins")
    assert name == "/admins"


def test_clients_that_name_a_type_without_a_body(place: Place) -> None:
    """As the docker command does: text/plain, and a length of 0."""
    head = b"POST /containers/admins/rename?name=others HTTP/1.1\r\nHost: docker\r\n"
    tail = b"Content-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert _sent(place.users["omar"], head + tail).startswith(b"HTTP/1.1 204 ")
    place.engine.raw.post(f"/containers/{place.admins}/rename?name=admins")


def test_the_judge_sees_power(place: Place) -> None:
    """What an admin makes by the socket is seen for what it is, each kind of power alone."""
    seen = set()
    for name in ("Privileged", "Binds", "PidMode", "NetworkMode", "CapAdd", "Devices", "Mounts",
                 "SecurityOpt", "MaskedPaths", "VolumesFrom"):  # fmt: skip
        body = {"Image": "busybox", "HostConfig": {name: POWERS[name]}}
        place.made("/containers/create", json=body)
        with pytest.raises(AssertionError):
            place.judge()
        seen.add(name)
    place.engine.raw.post("/volumes/create", json=BIND)
    with pytest.raises(AssertionError):
        place.judge()
    place.judge()
    assert len(seen) == 10


def test_harmless_requests_pass(place: Place) -> None:
    """The corpus is not refused for its form: the same requests without a power go through."""
    bodies = {
        "/containers/create": b'{"Image":"busybox","HostConfig":{"Memory":8000000}}',
        "/volumes/create": b'{"Name":"mine"}', "/networks/create": b'{"Name":"mine"}',
        "/containers/admins/exec": b'{"Cmd":["true"]}',
    }  # fmt: skip
    for path, body in bodies.items():
        for prefix in ("", "/v1.41"):
            request = _request("POST", prefix + path, ["application/json"], "length", body)
            assert _sent(place.users["omar"], request).startswith(b"HTTP/1.1 201 "), path
            place.judge()
