"""The image python in a hub, and its Python in a container of an engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker.errors import NotFound

from labkit.engine.engine import Engine
from labkit.hub import pack_python
from labkit.hub.hub import NAME, Hub
from labkit.plugins.bundle import SERVER

pytestmark = pytest.mark.engine

IMAGE = f"{NAME}/library/python"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine whose hub has the image."""
    with Hub.start(limit=None, python=True) as hub, hub.engine() as engine:
        engine.docker.images.pull(IMAGE)
        yield engine


def _run(engine: Engine, program: str) -> str:
    said = engine.docker.containers.run(IMAGE, ["python3", "-c", program], remove=True, stderr=True)
    return str(said.decode())


@pytest.mark.slow
def test_it_has_all_that_it_names(engine: Engine) -> None:
    """Each module on the list can be imported there, and nothing is said about it."""
    names = ", ".join(pack_python._MODULES.split())  # noqa: SLF001  # the list is what is tested
    assert _run(engine, f"import {names}") == ""


def test_it_does_what_a_small_program_does(engine: Engine) -> None:
    """Text, times, fingerprints, archives and processes work without what was left out."""
    program = (
        "import hashlib, subprocess, time, zipfile; "
        "print('größe', time.strftime('%Y', time.gmtime(0)), hashlib.sha256(b'').hexdigest()[:6], "
        "subprocess.run(['echo', 'ran'], capture_output=True, text=True).stdout.strip())"
    )
    assert _run(engine, program) == "größe 1970 e3b0c4 ran\n"


def test_the_server_of_a_plugin_can_be_imported(engine: Engine) -> None:
    """What a lesson puts beside a driver needs no module that is not there."""
    assert _run(engine, SERVER) == ""


def test_it_is_small_and_says_who_built_it(engine: Engine) -> None:
    """A tenth of a usual Python, on top of busybox, and with an honest label."""
    image = engine.docker.images.get(IMAGE)
    assert image.attrs["Size"] < 30_000_000
    busybox = engine.docker.images.get("busybox").attrs["RootFS"]["Layers"]
    assert image.attrs["RootFS"]["Layers"][:-1] == busybox
    assert "python3" in image.labels["org.opencontainers.image.description"]
    assert image.labels["org.opencontainers.image.vendor"] == "Docker API Lab"


def test_a_hub_has_it_only_when_asked() -> None:
    """A lesson that needs none does not wait for it."""
    with Hub.start(limit=None) as hub, hub.engine() as engine, pytest.raises(NotFound):
        engine.docker.images.pull(IMAGE)
