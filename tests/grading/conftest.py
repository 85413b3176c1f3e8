"""Submissions for tests: the course's notebooks, as a learner may have left them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

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
    begin, processes = int(time.time()), {os.getpid()}
    folders, threads = set(places.run().iterdir()), threading.active_count()
    yield processes
    wait.until(lambda: threading.active_count() <= threads, what="the threads to end")
    with hosts.find().client() as client:
        asked = {"since": begin, "until": int(time.time()) + 1, "decode": True}
        scope = {"label": [f"{LABEL}.scope={places.scope()}"], "event": ["create"]}
        told = [one["Actor"] for one in client.api.events(filters=scope, **asked)]
        made = [
            one
            for one in told
            if int(one["Attributes"].get(f"{LABEL}.owner", ":0:").split(":")[-2]) in processes
        ]
        ids = {one["ID"] for one in made}
        mounted = client.api.events(filters={"type": ["volume"], "event": ["mount"]}, **asked)
        volumes = {
            one["Actor"]["ID"] for one in mounted if one["Actor"]["Attributes"]["container"] in ids
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


def _commands() -> list[str]:
    found = psutil.process_iter(["cmdline"])
    return [" ".join(one.info["cmdline"] or []) for one in found]
