"""A place as Binder and class JupyterHubs give it: a container of a plain user, with no Docker."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.engine import host, image
from labkit.engine.vm import state
from labkit.grading import sandbox

USER = 1000
ROOT = Path(__file__).parents[2]
_TMP = {"/tmp": "mode=1777"}  # noqa: S108 - in the container
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session")
def machine_image() -> Path:
    """The machine image, with the saved state in it."""
    made, _ = state.ensure(image.offered(image.DEFAULT), say=print)
    return made.folder


@pytest.fixture
def run(machine_image: Path, tmp_path: Path) -> Iterator[Run]:
    """Yield what runs a program in such a place: its exit code, and what it wrote.

    The kit, its Python and the machine image are there as an image's build leaves them. ``disk``
    is what machines may write in all.
    """
    home = tmp_path / "home"
    there = home / "lab" / "vm" / machine_image.name
    there.parent.mkdir(parents=True)
    subprocess.run(["cp", "-r", "--sparse=always", machine_image, there], check=True)
    shutil.copytree(ROOT / "notebooks", home / "notebooks")
    subprocess.run(["chown", "-R", f"{USER}:{USER}", home], check=True)
    with host.find().client() as client:
        sandbox.ensure_image(client)

        def run(*program: str, disk: str = "8g", seconds: float = 900) -> tuple[int, str]:
            machines = {"/home/learner/lab/vm/machines": f"size={disk},mode=700,uid={USER}"}
            made = client.containers.create(
                sandbox.IMAGE, [sys.executable, *program], user=f"{USER}:{USER}",
                cap_drop=["ALL"], security_opt=["no-new-privileges"], network_mode="none",
                volumes=[*sandbox.mounts(), f"{home}:/home/learner"], tmpfs={**_TMP, **machines},
                environment={
                    "HOME": "/home/learner", "LABKIT_HOME": "/home/learner/lab",
                    "PYTHONPATH": str(ROOT),
                    "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin:/usr/sbin:/sbin",
                },
                working_dir="/home/learner",
            )  # fmt: skip
            try:
                made.start()
                code = made.wait(timeout=seconds)["StatusCode"]
                return int(code), made.logs().decode(errors="replace")
            finally:
                made.remove(force=True, v=True)

        yield run
