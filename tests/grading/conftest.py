"""Submissions for tests: the course's notebooks, as a learner may have left them."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from docker import DockerClient

from labkit import wait
from labkit.course.release import student_version
from labkit.engine import host as hosts
from labkit.engine import places
from labkit.engine.container import LABEL

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

Release = Callable[[str], bytes]
Submit = Callable[..., bytes]


@pytest.fixture(scope="session")
def release() -> Release:
    """The release of a lesson's notebook."""
    made: dict[str, bytes] = {}

    def of(assignment: str) -> bytes:
        if assignment not in made:
            made[assignment] = student_version(NOTEBOOKS / f"{assignment}.ipynb")
        return made[assignment]

    return of


@pytest.fixture(scope="session")
def submit(release: Release) -> Submit:
    """A released notebook with these sources in the answers' cells, and changed as is wanted."""

    def submission(
        assignment: str,
        answers: Mapping[str, str] | None = None,
        change: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> bytes:
        notebook = json.loads(release(assignment))
        for cell in notebook["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if name in (answers or {}):
                cell["source"] = (answers or {})[name]
        change(notebook)
        return json.dumps(notebook).encode()

    return submission


@pytest.fixture(scope="session")
def reference() -> Callable[[str], dict[str, str]]:
    """The course's own answers in a lesson, by exercise."""

    def of(assignment: str) -> dict[str, str]:
        cells = json.loads((NOTEBOOKS / f"{assignment}.ipynb").read_text())["cells"]
        answers = [one for one in cells if one["id"].startswith("solution-")]
        return {one["id"].removeprefix("solution-"): "".join(one["source"]) for one in answers}

    return of


@pytest.fixture(scope="session")
def solved() -> Callable[[str], bytes]:
    """The course's own notebook, solved."""
    return lambda assignment: (NOTEBOOKS / f"{assignment}.ipynb").read_bytes()


@pytest.fixture
def leaves_nothing() -> Iterator[set[int]]:
    """What a test's processes make on the host engine is gone after it: its events tell.

    Yields those processes' ids, at first this one's; other tests may be at work beside this one.
    """
    processes = {os.getpid()}
    folders, threads = set(places.run().iterdir()), threading.active_count()
    with hosts.find().client() as client, _heard(client) as told:
        yield processes
        wait.until(lambda: threading.active_count() <= threads + 1, what="the threads to end")
        events = told()
        made = [one["Actor"] for one in events if _is_of(one, processes)]
        ids = {one["ID"] for one in made}
        volumes = {
            one["Actor"]["ID"]
            for one in events
            if one["Action"] == "mount" and one["Actor"]["Attributes"]["container"] in ids
        }
        there = {one["Id"] for one in client.api.containers(all=True)}
        there |= {one["Id"] for one in client.api.networks()}
        there |= {one["Name"] for one in client.api.volumes()["Volumes"] or []}
    assert made
    assert (ids | volumes) & there == set()
    everything = "\n".join(_commands()) + Path("/proc/self/mounts").read_text()
    assert [one for one in ids if one in everything] == []
    names = {one["Attributes"].get(f"{LABEL}.name", "") for one in made}
    assert [one for one in set(places.run().iterdir()) - folders if one.name in names] == []


@contextlib.contextmanager
def _heard(client: DockerClient) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Listen to what is made and mounted, and tell all of it so far.

    While it happens: of what has been, an engine knows no more than its last 256 events.
    """
    events: list[dict[str, Any]] = []
    stream = client.api.events(filters={"event": ["create", "mount"]}, decode=True)

    def listen() -> None:
        for event in stream:
            events.append(event)  # noqa: PERF402 - a list that is read meanwhile

    def so_far() -> list[dict[str, Any]]:
        last = client.volumes.create()
        last.remove()
        wait.until(lambda: last.name in str(events), what="the last event")
        return list(events)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield so_far
    finally:
        stream.close()
        listener.join()


def _is_of(event: dict[str, Any], processes: set[int]) -> bool:
    """Whether it tells of something that one of these processes has made for the kit."""
    about = event["Actor"]["Attributes"]
    scope, owner = about.get(f"{LABEL}.scope"), about.get(f"{LABEL}.owner", ":0:")
    return scope == places.scope() and int(owner.split(":")[-2]) in processes


def _commands() -> list[str]:
    found = psutil.process_iter(["cmdline"])
    return [" ".join(one.info["cmdline"] or []) for one in found]
