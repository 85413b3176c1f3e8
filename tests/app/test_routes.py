"""What each route does to the engine, and what it answers."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.app.serve import App
from labkit.engine.engine import Engine
from labkit.wait import until

pytestmark = pytest.mark.engine


def _state(engine: Engine, name: str) -> dict[str, Any]:
    state: dict[str, Any] = engine.docker.api.inspect_container(name)["State"]
    return state


def _listed(client: Any, path: str, name: str) -> dict[str, Any]:
    """The row of that name, which comes into the list a moment after it is there."""
    return until(
        lambda: next((row for row in client.get(path).json() if name in str(row)), None),
        what=f"{name} in {path}",
    )


def test_engine(client: Any, engine: Engine) -> None:
    """The engine tells its version, its API's version and where it is."""
    found = client.get("/api/engine").json()
    version = engine.docker.version()
    assert found["version"] == version["Version"]
    assert found["api_version"] == version["ApiVersion"]
    assert found["endpoint"] == engine.endpoint.url
    assert found["containers"] == len(engine.docker.api.containers(all=True))
    assert set(found) == {"version", "api_version", "name", "os", "containers", "endpoint"}


def test_containers_can_be_searched_and_sorted(client: Any, container: str) -> None:
    """The list has all fields of a row, and does what the query says."""
    client.post("/api/containers", {"image": "busybox", "name": "app-quiet", "start": False})
    try:
        row = _listed(client, "/api/containers", container)
        assert set(row) == {
            "id", "name", "image", "state", "status", "health", "ports", "networks", "volumes",
            "created", "actions",
        }  # fmt: skip
        assert (row["state"], row["networks"]) == ("running", ["bridge"])
        assert {"stop", "restart", "pause", "kill", "remove"} == set(row["actions"])
        _listed(client, "/api/containers", "app-quiet")
        ask = "/api/containers?search=app-&sort=name&descending="
        names = [one["name"] for one in client.get(f"{ask}false").json()]
        assert names == sorted([container, "app-quiet"])
        assert [one["name"] for one in client.get(f"{ask}true").json()] == names[::-1]
        running = client.get("/api/containers?all=false&search=app-").json()
        assert [one["name"] for one in running] == [container]
    finally:
        client.delete("/api/containers/app-quiet")


def test_create_and_start(client: Any, engine: Engine) -> None:
    """A form's text becomes a container that runs, and can be removed with its volumes."""
    form = {
        "image": "busybox",
        "name": "app-made",
        "command": "sh -c 'echo $GREETING; exec sleep 1000'",
        "ports": "127.0.0.1:0:80",
        "env": "GREETING=hello you",
        "mounts": "app-data:/data",
        "restart": "on-failure:2",
    }
    answer = client.post("/api/containers", form)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["started"], made["warnings"]) == ("app-made", True, [])
    found = client.get("/api/containers/app-made").json()
    assert found == engine.docker.api.inspect_container(made["id"])
    assert found["Config"]["Env"][0] == "GREETING=hello you"
    assert found["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
    gone = client.delete("/api/containers/app-made?force=true&volumes=true")
    assert gone.json() == {"changed": True, "message": "Removed app-made."}
    assert client.get("/api/containers/app-made").status_code == 404
    assert client.delete("/api/volumes/app-data").status_code == 200


def test_create_without_a_name_or_a_start(client: Any, engine: Engine) -> None:
    """The engine makes up a name; what shall not start has been created only."""
    made = client.post("/api/containers", {"image": "busybox", "start": False}).json()
    try:
        assert made["name"]
        assert made["started"] is False
        assert _state(engine, made["id"])["Status"] == "created"
    finally:
        client.delete(f"/api/containers/{made['id']}")


def test_a_start_that_fails_is_told(client: Any, engine: Engine) -> None:
    """A command that is not there: the container is, and Docker's words say why it is still."""
    made = client.post("/api/containers", {"image": "busybox", "command": "no-such-thing"})
    try:
        assert made.status_code == 201
        assert made.json()["started"] is False
        assert "no-such-thing" in made.json()["warnings"][0]
    finally:
        engine.docker.api.remove_container(made.json()["id"], force=True)


@pytest.mark.parametrize(
    ("form", "status", "word"),
    [
        ({}, 422, "image"),
        ({"image": ""}, 400, "image"),
        ({"image": "busybox", "ports": "eighty"}, 400, "ports"),
        ({"image": "busybox", "mounts": "data"}, 400, "mounts"),
        ({"image": "busybox", "name": "ä"}, 400, "ä"),
        ({"image": "busybox", "start": "perhaps"}, 422, "start"),
        ({"image": "no-such-image"}, 404, "no-such-image"),
    ],
)
def test_a_form_that_can_t_be(client: Any, form: dict[str, str], status: int, word: str) -> None:
    """A wrong field is named, with what to do; nothing is created."""
    answer = client.post("/api/containers", form)
    assert answer.status_code == status
    assert word in answer.json()["error"].lower()
    assert answer.json()["hint"]


def test_stop_start_and_restart(client: Any, engine: Engine, container: str) -> None:
    """What is so already is no error, and says so."""
    one = f"/api/containers/{container}"
    assert client.post(f"{one}/start").json() == {
        "changed": False,
        "message": f"{container} was already running.",
    }
    assert client.post(f"{one}/stop?timeout=0").json()["changed"] is True
    assert client.post(f"{one}/stop").json()["changed"] is False
    assert not _state(engine, container)["Running"]
    assert client.post(f"{one}/start").json()["message"] == f"Started {container}."
    before = _state(engine, container)["StartedAt"]
    assert client.post(f"{one}/restart?timeout=0").json()["changed"] is True
    assert _state(engine, container)["StartedAt"] > before


def test_pause_and_unpause(client: Any, engine: Engine, container: str) -> None:
    """A frozen container can't be frozen again: 409, in Docker's words."""
    one = f"/api/containers/{container}"
    assert client.post(f"{one}/pause").status_code == 200
    assert _state(engine, container)["Paused"]
    again = client.post(f"{one}/pause")
    assert (again.status_code, "already paused" in again.json()["error"]) == (409, True)
    assert client.post(f"{one}/unpause").status_code == 200
    assert not _state(engine, container)["Paused"]
    assert client.post(f"{one}/unpause").status_code == 409


@pytest.mark.parametrize("signal", ["SIGTERM", "9", "KILL"])
def test_kill(client: Any, engine: Engine, container: str, signal: str) -> None:
    """A signal is sent by its name or its number."""
    answer = client.post(f"/api/containers/{container}/kill?signal={signal}")
    assert answer.json() == {"changed": True, "message": f"Sent {signal} to {container}."}
    until(lambda: not _state(engine, container)["Running"], what="the end of the container")
    again = client.post(f"/api/containers/{container}/kill?signal={signal}")
    assert again.status_code == 409


@pytest.mark.parametrize("query", ["signal=SIGNONSENSE", "signal=0", "signal=;", "signal=HI"])
def test_a_signal_that_is_none(client: Any, container: str, query: str) -> None:
    """No such signal: the request is refused, and the container lives."""
    answer = client.post(f"/api/containers/{container}/kill?{query}")
    assert answer.status_code in (400, 422)
    assert client.get(f"/api/containers/{container}").json()["State"]["Running"]


def test_a_running_container_is_not_removed_without_force(client: Any, container: str) -> None:
    """409 in Docker's words, and a hint."""
    answer = client.delete(f"/api/containers/{container}")
    assert answer.status_code == 409
    assert container in answer.json()["error"] or "running" in answer.json()["error"]
    assert answer.json()["hint"]


def test_logs(client: Any, engine: Engine) -> None:
    """The last lines, those with a word, with their time or as a file; of one that ended, too."""
    made = engine.docker.containers.run(
        "busybox", ["sh", "-c", "for i in 1 2 3; do echo line $i; done; echo oh >&2"],
        name="app-logs", detach=True,
    )  # fmt: skip
    try:
        made.wait()
        one = "/api/containers/app-logs/logs"
        assert sorted(client.get(one).text.splitlines()) == ["line 1", "line 2", "line 3", "oh"]
        assert client.get(f"{one}?tail=1&search=nothing").text == ""
        assert client.get(f"{one}?search=LINE 2").text == "line 2\n"
        stamped = client.get(f"{one}?search=oh&timestamps=true").text
        assert stamped.startswith("20")
        assert stamped.endswith("Z oh\n")
        saved = client.get(f"{one}?download=true")
        assert saved.headers["Content-Disposition"] == "attachment; filename=app-logs.log"
    finally:
        made.remove(force=True)
    assert client.get(one).status_code == 404
    assert client.get(f"{one}/stream").status_code == 404


def test_networks(client: Any, engine: Engine, container: str) -> None:
    """A network is created, joined, left, and removed; Docker's own can't be."""
    made = client.post("/api/networks", {"name": "app-net", "subnet": "10.77.0.0/24"})
    assert made.status_code == 201
    try:
        row = _listed(client, "/api/networks", "app-net")
        assert (row["id"], row["subnets"], row["own"]) == (
            made.json()["id"],
            ["10.77.0.0/24"],
            True,
        )
        body = {"container": container}
        joined = client.post("/api/networks/app-net/connect", body)
        assert joined.json() == {"changed": True, "message": f"Connected {container} to app-net."}
        found = client.get("/api/networks/app-net").json()
        assert [one["Name"] for one in found["Containers"].values()] == [container]
        assert client.delete("/api/networks/app-net").status_code in (403, 409)
        assert client.post("/api/networks/app-net/disconnect", body).status_code == 200
        again = client.post("/api/networks", {"name": "app-net"})
        assert (again.status_code, "app-net" in again.json()["error"]) == (409, True)
    finally:
        assert client.delete("/api/networks/app-net").status_code == 200
    assert client.delete("/api/networks/bridge").status_code == 403
    assert client.get("/api/networks/app-net").status_code == 404
    assert "app-net" not in [one["Name"] for one in engine.docker.api.networks()]


@pytest.mark.parametrize("subnet", ["10.0.0.0", "10.0.0.0/33", "nonsense", "10.0.0.1/24"])
def test_a_subnet_that_is_none(client: Any, subnet: str) -> None:
    """What is no subnet is refused, or is one address; no network is left."""
    answer = client.post("/api/networks", {"name": "app-wrong", "subnet": subnet})
    try:
        assert answer.status_code in (400, 422)
    finally:
        client.delete("/api/networks/app-wrong")


def test_volumes(client: Any) -> None:
    """A volume is created and removed; one in use is not removed."""
    assert client.post("/api/volumes", {"name": "app-vol"}).json() == {"name": "app-vol"}
    row = _listed(client, "/api/volumes", "app-vol")
    assert (row["id"], row["driver"]) == ("app-vol", "local")
    assert client.get("/api/volumes/app-vol").json()["Name"] == "app-vol"
    form = {"image": "busybox", "name": "app-user", "mounts": "app-vol:/data", "start": False}
    client.post("/api/containers", form)
    assert client.delete("/api/volumes/app-vol").status_code == 409
    client.delete("/api/containers/app-user")
    assert client.delete("/api/volumes/app-vol").status_code == 200
    assert client.get("/api/volumes/app-vol").status_code == 404


def test_images(client: Any, engine: Engine) -> None:
    """An image is listed by its names, built from a Dockerfile, and removed by a name."""
    row = _listed(client, "/api/images", "busybox:latest")
    assert row["name"] in row["tags"]
    assert row["size"] > 100_000
    engine.docker.api.tag("busybox:latest", "localhost:5000/team/box", "v1")
    gone = client.delete("/api/images/localhost:5000/team/box:v1")
    assert gone.json() == {"changed": True, "message": "Removed localhost:5000/team/box:v1."}
    assert client.delete("/api/images/localhost:5000/team/box:v1").status_code == 404


def test_build(client: Any) -> None:
    """A build tells of its steps and ends; the image is there."""
    body = {"dockerfile": "FROM busybox\nRUN echo built-it\n", "tag": "app-built:1"}
    begun = client.post("/api/images/build", body)
    assert begun.status_code == 202
    job = begun.json()["job"]
    with client.listen(f"/api/jobs/{job}/stream") as listener:
        told = [data for event, data in listener if event == "progress"]
    last = told[-1]
    assert (last["kind"], last["title"], last["error"]) == ("build", "app-built:1", "")
    assert last["done"]
    assert any("built-it" in line for line in last["output"])
    assert client.delete(f"/api/jobs/{job}").json()["changed"] is False
    assert client.delete("/api/images/app-built:1").status_code == 200


def test_a_pull_that_fails(client: Any) -> None:
    """A pull from a registry that is not there ends with Docker's words."""
    begun = client.post("/api/images/pull", {"image": "localhost:1/nothing"})
    with client.listen(f"/api/jobs/{begun.json()['job']}/stream") as listener:
        last = listener.until(lambda _, data: data["done"])
    assert last["error"]


def test_a_build_is_cancelled(client: Any) -> None:
    """A job that takes too long is given up, and the stream ends."""
    body = {"dockerfile": "FROM busybox\nRUN sleep 1000\n", "tag": "app-long"}
    job = client.post("/api/images/build", body).json()["job"]
    with client.listen(f"/api/jobs/{job}/stream") as listener:
        listener.until(lambda _, data: any("sleep" in part["text"] for part in data["parts"]))
        assert client.delete(f"/api/jobs/{job}").json() == {
            "changed": True,
            "message": "Cancelled.",
        }
        last = listener.until(lambda _, data: data["done"])
    assert "Cancelled" in last["error"]


def test_jobs_are_limited(client: Any) -> None:
    """No more than four pulls and builds run at once."""
    body = {"dockerfile": "FROM busybox\nRUN sleep 1000\n", "tag": "app-many"}
    begun = [client.post("/api/images/build", body) for _ in range(5)]
    for one in begun[:4]:
        client.delete(f"/api/jobs/{one.json()['job']}")
    assert [one.status_code for one in begun] == [202] * 4 + [409]
    assert client.get("/api/jobs/0123456789ab/stream").status_code == 404
    assert client.delete("/api/jobs/0123456789ab").status_code == 404


def test_events(client: Any, container: str) -> None:
    """What happened to a container is in the list of events, and can be searched."""
    found = until(
        lambda: client.get(f"/api/events?search={container} start").json(), what="the event"
    )
    assert found[-1]["type"] == "container"
    assert found[-1]["name"] == container
    assert client.get("/api/events?search=no-such-word").json() == []


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/nothing", "/api/containers/", "/api//containers"]
)
def test_a_path_that_is_none(client: Any, path: str) -> None:
    """404 as JSON, and no redirect."""
    answer = client.get(path)
    assert (answer.status_code, set(answer.json())) == (404, {"error", "hint"})


def test_a_method_that_is_none(client: Any) -> None:
    """405 as JSON, with the methods that there are."""
    answer = client.ask("PUT", "/api/containers")
    assert (answer.status_code, set(answer.json())) == (405, {"error", "hint"})
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_a_query_that_is_wrong(client: Any) -> None:
    """422 names the parameter."""
    for query in ("sort=size", "all=perhaps", f"search={'x' * 201}"):
        answer = client.get(f"/api/containers?{query}")
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(query.split("=")[0])


def test_a_body_that_is_no_json(client: Any) -> None:
    """422 says how to send JSON."""
    answer = client.ask("POST", "/api/volumes", data="name=x")
    assert answer.status_code == 422
    assert answer.json()["error"] == "The body is no JSON object."
    assert "application/json" in answer.json()["hint"]


def test_the_page_and_the_documentation(app: App, client: Any) -> None:
    """The page, its files and the documentation are there, from this machine alone."""
    page = client.get("/")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    script = client.get("/static/app.js")
    assert script.headers["Content-Type"].startswith("text/javascript")
    again = client.get("/static/app.js", headers={"If-None-Match": script.headers["ETag"]})
    assert again.status_code == 304
    docs = client.get("/docs")
    for path in ("/docs/js/swagger-ui-bundle.js", "/docs/css/swagger-ui.css", "/docs/begin.js"):
        assert path in docs.text
        assert client.get(path).status_code == 200
    assert "http" not in docs.text.replace(app.origin, "")
