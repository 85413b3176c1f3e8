"""The two drivers, for tests that are the same for both, and what an engine has on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from labkit.engine import drivers, places
from labkit.engine.driver import Driver
from labkit.engine.engine import Engine


@pytest.fixture(scope="module", params=["container", pytest.param("vm", marks=pytest.mark.vm)])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """The driver that starts the engines here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_ENGINE", request.param)
        yield drivers.choose(say=print)


@pytest.fixture
def traces() -> Callable[[Engine], list[str]]:
    """Return what looks for all that an engine has on this machine."""
    return _traces


def _traces(engine: Engine) -> list[str]:
    """What is left of an engine on this machine: processes, folders, mounts, what drivers list."""
    names = (engine.body.id, str(engine.folder))
    commands = [" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
    left = [one for one in commands if any(name in one for name in names)]
    left += [str(one) for one in (engine.folder,) if one.exists()]
    for root in (places.run(), places.home() / "vm"):
        for path, folders, files in os.walk(root):  # neighbours' folders may go meanwhile
            left += [f"{path}/{one}" for one in [*folders, *files] if engine.body.id in one]
    left += [one.name for one in engine.driver.engines() if one.name == engine.name]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return left + [one for one in mounts if engine.body.id in one]
