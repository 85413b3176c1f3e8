"""``tables.containers`` beside the raw request and the SDK, for 300 containers: ``make bench``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from labkit import tables

pytestmark = pytest.mark.engine

MANY = 300
LABEL = "labkit.bench=tables"
FILTERS = {"label": [LABEL]}


@pytest.fixture(scope="module")
def crowd(engine: Any) -> Iterator[Any]:
    """Yield the engine with 300 containers that were created and not started."""
    name, value = LABEL.split("=")
    body = {"Image": "busybox", "Cmd": ["true"], "Labels": {name: value}}

    def create(_: int) -> str:
        return str(engine.raw.post("/containers/create", json=body).json()["Id"])

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(create, range(MANY)))
        yield engine
        list(pool.map(lambda one: engine.raw.delete(f"/containers/{one}"), made))


@pytest.mark.benchmark(group="300 containers")
def test_raw_request(crowd: Any, benchmark: Any) -> None:
    """The floor: one request, its JSON parsed."""
    params = {"all": True, "filters": FILTERS}
    found = benchmark(lambda: json.loads(crowd.raw.get("/containers/json", params=params).content))
    assert len(found) == MANY


@pytest.mark.benchmark(group="300 containers")
def test_table(crowd: Any, benchmark: Any) -> None:
    """One request and a table of it: at most 1.5 times the floor."""
    assert len(benchmark(tables.containers, crowd.raw, all=True, filters=FILTERS)) == MANY


@pytest.mark.benchmark(group="300 containers")
def test_table_from_the_sdk(crowd: Any, benchmark: Any) -> None:
    """The same with the SDK's client as the source."""
    assert len(benchmark(tables.containers, crowd.docker, all=True, filters=FILTERS)) == MANY


@pytest.mark.benchmark(group="300 containers")
def test_sdk_list(crowd: Any, benchmark: Any) -> None:
    """The SDK's own list, which inspects every container."""
    listed = benchmark.pedantic(
        lambda: crowd.docker.containers.list(all=True, filters=FILTERS), rounds=3
    )
    assert len(listed) == MANY
