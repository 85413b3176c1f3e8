"""Pulls and builds in a thread of their own, on a real engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from labkit import archives, wait
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import BadForm
from labkit.live.jobs import Job, build, pull, reference
from labkit.live.progress import BuildProgress


@pytest.mark.parametrize(
    ("name", "halves"),
    [
        ("busybox", ("busybox", "latest")),
        (" busybox:1.36 ", ("busybox", "1.36")),
        ("team/web", ("team/web", "latest")),
        ("localhost:5000/web", ("localhost:5000/web", "latest")),
        ("localhost:5000/team/web:2", ("localhost:5000/team/web", "2")),
        ("web@sha256:0123", ("web", "sha256:0123")),
        ("localhost:5000/web:2@sha256:0123", ("localhost:5000/web", "sha256:0123")),
    ],
)
def test_name(name: str, halves: tuple[str, str]) -> None:
    """An image's name is read as Docker reads it."""
    assert reference(name) == halves


@pytest.mark.parametrize("name", ["", " ", ":1", "web:", "web@", "a b", "team/", "@sha256:0123"])
def test_no_name(name: str) -> None:
    """What can't be a name is refused before the engine is asked, and the field is named."""
    with pytest.raises(BadForm, match="no name of an image") as caught:
        reference(name, field="tag")
    assert caught.value.field == "tag"


class Told:
    """What is told of a job; at the end no thread of it is there any more."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.done: list[bool] = []
        self.threads = threading.active_count()

    def __call__(self, job: Job) -> None:
        """Take down how the job is."""
        self.seen.append(job.progress.as_json())
        self.done.append(job.done)

    def ended(self, job: Job, *, timeout: float = 30) -> Job:
        """Wait for the end of the job, which is told last."""
        assert job.wait(timeout)
        assert job.done
        assert job.progress.done
        assert self.done[-1]
        assert self.seen[-1]["done"]
        assert threading.active_count() == self.threads
        return job


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def tag(engine: Engine) -> Iterator[str]:
    """Yield the name of an image that is removed at the end, should there be one."""
    name = f"jobs-{uuid4().hex[:8]}:1"
    yield name
    if engine.docker.images.list(name=name):
        engine.docker.images.remove(name, force=True)


@pytest.mark.engine
def test_build(engine: Engine, tag: str, told: Told) -> None:
    """A build from a Dockerfile's text makes the image; its steps and its output are told."""
    dockerfile = f"FROM busybox\nRUN echo {tag}\nRUN sleep 0.3; printf '\\033[1mbold\\n' >&2\n"
    job = told.ended(build(engine.endpoint, dockerfile, tag, told=told))
    assert job.error == ""
    assert isinstance(job.progress, BuildProgress)
    assert engine.docker.images.get(tag).id == job.progress.image
    assert [part.done for part in job.progress.parts] == [True] * 3
    assert {tag, "bold"} <= set(job.progress.output)
    assert any(one["fraction"] == 2 / 3 for one in told.seen)  # while the third step sleeps
    assert job.progress.fraction == 1


@pytest.mark.engine
def test_build_again(engine: Engine, tag: str, told: Told) -> None:
    """What was built before comes from the cache, and the parts say so."""
    dockerfile = f"FROM busybox\nRUN echo {tag}\n"
    told.ended(build(engine.endpoint, dockerfile, tag, told=told))
    job = told.ended(build(engine.endpoint, dockerfile, tag, told=told))
    assert [part.text for part in job.progress.parts] == [
        "FROM busybox",
        f"RUN echo {tag} (cached)",
    ]


@pytest.mark.engine
def test_build_from_files(engine: Engine, tag: str, told: Told) -> None:
    """A tar with a Dockerfile and other files is a context as it is."""
    files = [
        archives.File("Dockerfile", b"FROM busybox\nCOPY note /note\nRUN cat /note\n"),
        archives.File("note", f"this is {tag}\n".encode()),
    ]
    job = told.ended(build(engine.endpoint, archives.pack(files), tag, told=told))
    assert job.error == ""
    assert f"this is {tag}" in job.progress.output


@pytest.mark.engine
def test_failing_step(engine: Engine, tag: str, told: Told) -> None:
    """When a step fails, the error says which, and what was written before is there."""
    dockerfile = f"FROM busybox\nRUN echo {tag}; exit 3\nRUN echo never\n"
    job = told.ended(build(engine.endpoint, dockerfile, tag, told=told))
    assert job.error.startswith("Step 2/3: The command ")
    assert job.error.endswith("returned a non-zero code: 3")
    assert tag in job.progress.output
    assert [part.done for part in job.progress.parts] == [True, False]
    assert not engine.docker.images.list(name=tag)


@pytest.mark.engine
@pytest.mark.parametrize("dockerfile", ["COOK soup\n", "", "RUN echo\n"])
def test_no_dockerfile(engine: Engine, tag: str, told: Told, dockerfile: str) -> None:
    """What is no Dockerfile is refused in the engine's own words."""
    job = told.ended(build(engine.endpoint, dockerfile, tag, told=told))
    assert job.error
    assert "answered" not in job.error


@pytest.mark.engine
def test_pull_from_nowhere(engine: Engine, told: Told) -> None:
    """A registry that does not answer is an error in the engine's own words."""
    job = told.ended(pull(engine.endpoint, "127.0.0.1:1/x", told=told))
    assert "connection refused" in job.error
    assert told.seen[-1]["title"] == "127.0.0.1:1/x:latest"
    assert told.seen[-1]["fraction"] is None


@pytest.mark.engine
def test_build_on_an_image_from_nowhere(engine: Engine, tag: str, told: Told) -> None:
    """When the image to build on can't be pulled, the first step has failed."""
    job = told.ended(build(engine.endpoint, "FROM 127.0.0.1:1/x\n", tag, told=told))
    assert job.error.startswith("Step 1/1: ")
    assert "connection refused" in job.error


@pytest.mark.engine
def test_cancel_build(engine: Engine, tag: str, told: Told) -> None:
    """A build that is cancelled ends at once, and the engine stops what it was doing."""
    job = build(engine.endpoint, f"FROM busybox\nRUN echo {tag}; sleep 1000\n", tag, told=told)
    wait.until(lambda: tag in job.progress.output, what="the output of the step", timeout=30)
    job.cancel()
    told.ended(job, timeout=1)
    assert job.error == "Step 2/2: Cancelled."
    job.cancel()
    wait.until(lambda: not _sleeping(engine), what="the end of the step's container")


def _sleeping(engine: Engine) -> bool:
    return any("sleep 1000" in str(one.attrs["Args"]) for one in engine.docker.containers.list())


@pytest.mark.engine
def test_cancel_pull(engine: Engine, told: Told) -> None:
    """A pull is cancelled at once, also while the engine waits in vain for a silent registry."""
    silent = engine.docker.containers.run(
        "busybox", "sh -c 'sleep 60 | nc -l -p 5999 >/heard'",
        network_mode="host", detach=True,
    )  # fmt: skip
    try:
        wait.until(lambda: _listens(silent), what="the silent registry")
        job = pull(engine.endpoint, "127.0.0.1:5999/x", told=told)
        assert not job.wait(0.2)
        job.cancel()
        told.ended(job, timeout=1)
        assert job.error == "Cancelled."
    finally:
        silent.remove(force=True)


def _listens(container: Any) -> bool:
    return ":176F " in container.exec_run("cat /proc/net/tcp /proc/net/tcp6").output.decode()


@pytest.mark.engine
def test_cancel_at_once(engine: Engine, tag: str, told: Told) -> None:
    """A job may be cancelled at any moment, the first one too."""
    for _ in range(20):
        job = build(engine.endpoint, "FROM busybox\nRUN sleep 1000\n", tag, told=told)
        job.cancel()
        assert told.ended(job, timeout=5).error.endswith("Cancelled.")
    wait.until(lambda: not _sleeping(engine), what="the end of the steps' containers")


@pytest.mark.engine
def test_cancel_by_the_one_who_is_told(engine: Engine, tag: str) -> None:
    """Who is told may cancel the job, on the job's own thread."""
    threads = threading.active_count()

    def cancel(job: Job) -> None:
        job.cancel()

    job = build(engine.endpoint, "FROM busybox\nRUN sleep 1000\n", tag, told=cancel)
    assert job.wait(5)
    assert job.error.endswith("Cancelled.")
    assert threading.active_count() == threads


@pytest.mark.engine
def test_flood(engine: Engine, tag: str, told: Told) -> None:
    """Of much output little is told, and the last state always."""
    dockerfile = f"FROM busybox\nRUN echo {tag}; seq 20000\n"
    job = told.ended(build(engine.endpoint, dockerfile, tag, told=told))
    assert "20000" in job.progress.output
    assert len(job.progress.output) <= 1001
    assert len(told.seen) < 1000


def test_no_engine(tmp_path: Path, told: Told) -> None:
    """Where no engine is, this is the error."""
    job = told.ended(pull(Endpoint(unix=tmp_path / "none.sock"), "busybox", told=told))
    assert "No Docker Engine is at" in job.error


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nwhy", "why"),
        (b'HTTP/1.1 500 Oops\r\nContent-Length: 17\r\n\r\n{"message":"this"}', "this"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "Oops"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "no JSON object"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}", "broke off"),
        (b"nonsense\r\n\r\n", "does not speak HTTP"),
        (b"", "closed the connection"),
    ],
)
def test_stranger(stranger: Any, told: Told, answer: bytes, error: str) -> None:
    """An answer that is none, or breaks off, is told as what it is."""
    threads = threading.active_count()
    endpoint = stranger(answer)
    job = pull(endpoint, "busybox", told=told)
    assert job.wait(10)
    assert error in job.error
    assert threading.active_count() == threads + 1  # that of the stranger


def test_cancel_while_nobody_takes_the_connection(tmp_path: Path, told: Told) -> None:
    """An engine that hangs does not keep a cancelled job: the connection is shut under it."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener:
        listener.bind(str(tmp_path / "hung.sock"))
        listener.listen()
        job = pull(Endpoint(unix=tmp_path / "hung.sock"), "busybox", told=told)
        assert not job.wait(0.1)
        job.cancel()
        told.ended(job, timeout=1)
    assert job.error == "Cancelled."
