"""What a lesson brings: an engine and, where it needs one, a hub that the engine knows."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path

from labkit.course.exercise import Lesson
from labkit.course.given import GivenEngine, GivenHub
from labkit.engine.engine import Engine
from labkit.engine.image import DEFAULT
from labkit.errors import EngineNameTaken
from labkit.hub.hub import Hub

__all__ = ["start", "version"]


def version() -> str:
    """The Docker version of whoever chose none: ``LABKIT_VERSION``, else 26.1."""
    return os.environ.get("LABKIT_VERSION") or DEFAULT


def start(
    lesson: Lesson, chosen: str | None, env: Mapping[str, str]
) -> tuple[Engine | GivenEngine, Hub | GivenHub | None]:
    """Start what the lesson needs, or take what ``LABKIT_SOCKET`` and ``LABKIT_HUB`` name.

    :param chosen: the Docker version; :func:`version` where none is.
    :raises HostError: there is no Docker to start an engine on.
    """
    if given := os.environ.get("LABKIT_SOCKET"):
        url = os.environ.get("LABKIT_HUB")
        passwords = json.loads(os.environ.get("LABKIT_HUB_ACCOUNTS") or "{}")
        return GivenEngine(Path(given)), GivenHub(url, passwords) if url else None
    docker = chosen or version()
    if lesson.hub is None:
        return _engine(lesson.notebook, docker, env, None), None
    hub = Hub.start(**lesson.hub)
    try:
        return _engine(lesson.notebook, docker, env, hub), hub
    except BaseException:
        hub.stop()
        raise


def _engine(notebook: str, docker: str, env: Mapping[str, str], hub: Hub | None) -> Engine:
    """An engine named after the notebook; with a number where another kernel has that name."""
    begin = hub.engine if hub else Engine.start
    for number in itertools.count(1):
        name = notebook if number == 1 else f"{notebook}-{number}"
        with contextlib.suppress(EngineNameTaken):
            return begin(version=docker, name=name, env=env)
    raise AssertionError("unreachable")
