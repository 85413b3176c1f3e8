"""A pull that a panel and a page show, from a real registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.engine.engine import Engine
from labkit.hub.hub import NAME, Hub
from labkit.live import jobs
from labkit.live.jobs import Job

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine that knows a hub with a budget of two pulls, which one image costs."""
    with Hub.start(limit=2) as hub, hub.engine() as engine:
        engine.docker.images.remove("busybox")
        engine.docker.images.remove("hello-world")
        yield engine


def test_a_pull_is_shown_by_layer_until_the_budget_is_spent(engine: Engine) -> None:
    """Each layer is a part that gets done; the next pull is refused in the registry's words."""
    seen: list[float | None] = []
    name = f"{NAME}/library/hello-world"
    job = jobs.pull(engine.endpoint, name, told=lambda job: seen.append(job.progress.fraction))
    assert job.wait(30)
    assert job.error == ""
    assert len(job.progress.parts) == 2
    assert all(part.done for part in job.progress.parts)
    assert seen[-1] == 1.0
    assert engine.docker.images.get(name).tags == [f"{name}:latest"]

    refused: list[Job] = []
    job = jobs.pull(engine.endpoint, f"{NAME}/library/busybox", told=refused.append)
    assert job.wait(30)
    assert "toomanyrequests" in job.error
    assert refused
    assert refused[-1].done
