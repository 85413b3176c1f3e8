"""Thirty engines and one hub, with a mirror in front and without; a hub that dies meanwhile."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from docker.errors import DockerException

from labkit import wait
from labkit.engine.engine import Engine
from labkit.hub import stock
from labkit.hub.hub import NAME, Hub, Mirror
from labkit.hub.limits import Registry
from labkit.hub.settings import KEEPER
from labkit.live import jobs

pytestmark = [pytest.mark.engine, pytest.mark.slow]

CLASS, AT_ONCE = 30, 4


def pull(engine: Engine, name: str) -> str:
    """Pull as one learner does; what came of it."""
    try:
        engine.docker.images.pull(name)
    except DockerException as error:
        return "refused" if "toomanyrequests" in str(error) else type(error).__name__
    return "pulled"


def left(hub: Hub) -> int:
    """How many pulls remain for this lab's network."""
    found = Registry(hub.url).limit()
    assert found
    assert found.remaining is not None
    return found.remaining


def test_thirty_behind_one_address(capsys: pytest.CaptureFixture[str]) -> None:
    """A budget of 20 is enough for ten engines of thirty, and with a mirror for all of them."""
    figures = {}
    with (
        Hub.start(limit=20, window="6h", prefix=16) as hub,
        ExitStack() as engines,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        room = [one.result() for one in [pool.submit(hub.engine) for _ in range(CLASS)]]
        for engine in room:
            engines.enter_context(engine)
            engine.docker.images.remove("busybox")
        came = Counter(pool.map(lambda engine: pull(engine, f"{NAME}/library/busybox"), room))
        figures["without a mirror"] = (dict(came), 20 - left(hub))
        assert came["pulled"] <= 10
        assert left(hub) == 0
    with (
        Hub.start(limit=20, window="6h", prefix=16) as hub,
        Mirror.start(hub) as mirror,
        ExitStack() as engines,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        room = [one.result() for one in [pool.submit(mirror.engine) for _ in range(CLASS)]]
        for engine in room:
            engines.enter_context(engine)
            engine.docker.images.remove("busybox")
        came = Counter(pool.map(lambda engine: pull(engine, "busybox"), room))
        figures["with a mirror"] = (dict(came), 20 - left(hub))
        assert came == {"pulled": CLASS}
        assert left(hub) >= 10
    for way, (came_of_it, spent) in figures.items():
        with capsys.disabled():
            print(f"\n{CLASS} engines {way}: {came_of_it}, {spent} pulls spent")  # noqa: T201 - figures to read


def large(megabytes: int) -> stock.Image:
    """An image that takes a while: one layer of noise."""
    noise, layer = os.urandom(megabytes << 20), io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        info = tarfile.TarInfo("noise")
        info.size = len(noise)
        tar.addfile(info, io.BytesIO(noise))
    config = (
        b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}'
    )
    return stock.Image("noise:latest", config, (layer.getvalue(),))


def test_a_hub_that_dies_in_the_middle_of_a_pull() -> None:
    """The pull goes on when the hub is back, or says what happened; a second one then works."""
    with Hub.start(limit=None) as hub, hub.engine() as engine:
        with stock.Pusher(hub.url, hub.accounts[KEEPER].token) as pusher:
            image = large(200)
            digest = f"sha256:{hashlib.sha256(image.layers[0]).hexdigest()}"
            config = image.config.replace(b"[]", f'["{digest}"]'.encode())
            pusher.push(stock.Image(image.name, config, image.layers), "library/noise", "latest")
        name = f"{NAME}/library/noise"
        job = jobs.pull(engine.endpoint, name, told=lambda _: None)
        wait.until(
            lambda: job.done or any((one.current or 0) > 0 for one in job.progress.parts),
            what="the download",
            interval=0.001,
        )
        hub.restart()
        assert job.wait(120)
        if job.error:
            assert pull(engine, name) == "pulled"
        assert engine.docker.images.get(name).tags == [f"{name}:latest"]
