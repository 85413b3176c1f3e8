"""The place where a submission runs: a container that has nothing, and can reach nothing.

Its user is not root and has no capabilities; there is no network; nothing can be written but a
small folder in memory; CPU, memory, processes, output and time are bounded. Python and its packages
are this machine's own, mounted read-only: what was tested is what grades. Of the world it sees one
folder, with the sockets that it was lent.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import platform
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound

import labkit
from labkit.engine import fleet
from labkit.engine.container import LABEL
from labkit.engine.host import Host
from labkit.engine.spec import owner
from labkit.errors import SubmissionError
from labkit.grading import SEAT

__all__ = ["IMAGE", "Ended", "Sandbox", "ensure_image", "mounts"]

IMAGE = "labkit/sandbox"
_EMPTY = ("dev", "etc", "home", "labkit", "proc", "sys", "tmp", "usr")
_SYSTEM = ("bin", "lib", "lib32", "lib64", "sbin")
_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "fonts", "mime.types")
_NOBODY = 65534
_ROOM = "/tmp"  # noqa: S108 - in the sandbox, in memory: all that can be written there
_LIMITS: dict[str, Any] = {
    "mem_limit": "1g",
    "memswap_limit": "1g",
    "pids_limit": 256,
    "nano_cpus": 10**9,
    "shm_size": "16m",
    "tmpfs": {_ROOM: "size=64m,mode=1777"},
    "log_config": {"Type": "json-file", "Config": {"max-size": "2m", "max-file": "1"}},
}


@dataclass(frozen=True)
class Ended:
    """How a sandbox ended.

    :param said: what it wrote, the last two megabytes at most; a stranger's words.
    :param in_time: False if it had to be ended.
    :param out_of_memory: whether it was, or something in it, ended for the memory it took.
    """

    said: bytes
    in_time: bool = True
    out_of_memory: bool = False


@dataclass(frozen=True)
class Sandbox:
    """Sandboxes on a host engine, each for one run."""

    host: Host

    @staticmethod
    def user() -> tuple[int, int]:
        """Who works in it: nobody, or on a machine of their own the one who grades."""
        return (os.getuid(), os.getgid()) if os.getuid() else (_NOBODY, _NOBODY)

    def check(self) -> None:
        """Make sure that sandboxes can be had here.

        :raises SubmissionError: they can't.
        """
        if platform.system() != "Linux" or not self.host.endpoint.unix:
            raise SubmissionError(
                "Grading needs a Docker on this machine, and Linux.",
                hint="On a Mac or a Windows PC, grade in a virtual machine with Linux.",
            )

    @contextlib.contextmanager
    def running(
        self, program: list[str], *, seat: Path, env: dict[str, str]
    ) -> Iterator[Callable[[float], Ended]]:
        """Start a Python program in a sandbox, and yield what waits for its end.

        That takes the seconds after which it is ended.

        :param program: arguments of this machine's Python.
        :param seat: the folder that it is lent, as :data:`SEAT`.
        """
        with self._created(program, seat, env) as (client, made):
            client.api.start(made)
            yield partial(_end, client, made)

    @contextlib.contextmanager
    def _created(
        self, program: list[str], seat: Path, env: dict[str, str]
    ) -> Iterator[tuple[docker.DockerClient, str]]:
        user, group = self.user()
        described = {
            **fleet.mine("sandbox"),
            f"{LABEL}.name": seat.parent.name,
            f"{LABEL}.owner": owner(),
            f"{LABEL}.keep": "false",
        }
        with self.host.client() as client:
            ensure_image(client)
            config = client.api.create_host_config(
                binds=[*mounts(), f"{seat}:{SEAT}:ro"],
                network_mode="none",
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                read_only=True,
                init=False,
                **_LIMITS,
            )
            made = client.api.create_container(
                IMAGE,
                [sys.executable, *program],
                user=f"{user}:{group}",
                environment=_ENVIRONMENT | env,
                working_dir=_ROOM,
                hostname="sandbox",
                labels=described,
                host_config=config,
            )["Id"]
            try:
                yield client, made
            finally:
                fleet.remove(client, made)


def _end(client: docker.DockerClient, made: str, seconds: float) -> Ended:
    in_time = True
    try:
        client.api.wait(made, timeout=math.ceil(seconds))
    except requests.RequestException:
        in_time = False
        with contextlib.suppress(DockerException):
            client.api.kill(made)
    state = client.api.inspect_container(made)["State"]
    said = bytes(client.api.logs(made, stderr=True, tail=20_000))
    return Ended(said, in_time, bool(state["OOMKilled"]))


_ENVIRONMENT = {
    "HOME": _ROOM,
    "LABKIT_HOME": str(Path(SEAT).parent),
    "LABKIT_PROGRESS": f"{_ROOM}/progress",
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
}


def mounts() -> list[str]:
    """This machine's system and Python, read-only."""
    python = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1])}
    package = Path(labkit.__file__).parent
    places = ["/usr", *(f"/etc/{name}" for name in _ETC), *python, str(package)]
    places += [f"/{name}" for name in _SYSTEM if not Path(f"/{name}").is_symlink()]
    there = sorted({place for place in places if Path(place).exists()})
    outer = [one for one in there if not any(Path(two) in Path(one).parents for two in there)]
    return [f"{place}:{place}:ro" for place in outer]


def ensure_image(client: docker.DockerClient) -> None:
    """An image with no file in it, only the folders that a machine has."""
    try:
        client.images.get(IMAGE)
    except ImageNotFound:
        client.api.import_image_from_data(
            _empty(), repository=IMAGE, tag="latest", changes=["LABEL labkit=sandbox-image"]
        )


def _empty() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in _EMPTY:
            one = tarfile.TarInfo(name)
            one.type, one.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(one)
        for name in _SYSTEM:
            if (link := Path(f"/{name}")).is_symlink():
                one = tarfile.TarInfo(name)
                one.type, one.linkname = tarfile.SYMTYPE, str(link.readlink())
                tar.addfile(one)
    return buffer.getvalue()
