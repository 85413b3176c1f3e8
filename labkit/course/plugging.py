"""The plugins that a judge puts on the engine and into the hub, and that are gone afterwards."""

from __future__ import annotations

import contextlib
import io
import secrets
from collections.abc import Iterator
from typing import Any

from docker.errors import APIError, NotFound

from labkit import errors
from labkit.archives import File, pack
from labkit.course.exercise import Tutor
from labkit.hub.hub import NAME
from labkit.plugins.bundle import SERVER, bundle, exported

__all__ = ["FOLDERS", "Plugins", "bench"]

JSON = dict[str, Any]

FOLDERS = """\
import shutil, time
from pathlib import Path
from server import serve

DATA, BORN = Path("/data"), time.time()

def folder(asked):
    found = DATA / asked["Name"]
    if not found.is_dir():
        raise LookupError(f"there is no volume {found.name}")
    return {"Name": found.name, "Mountpoint": str(found)}

def everything(asked):
    return {"Volumes": [folder({"Name": one.name}) for one in DATA.iterdir()]}

serve({
    "/VolumeDriver.Create": lambda asked: (DATA / asked["Name"]).mkdir(),
    "/VolumeDriver.Get": lambda asked: {"Volume": folder(asked) | {"Status": {"born": BORN}}},
    "/VolumeDriver.List": everything,
    "/VolumeDriver.Mount": folder,
    "/VolumeDriver.Path": folder,
    "/VolumeDriver.Unmount": lambda asked: {},
    "/VolumeDriver.Remove": lambda asked: shutil.rmtree(DATA / asked["Name"]),
})
"""
"""A volume driver that does no more than it must; ``Status`` tells when it was started."""

DOCKERFILE = f"""\
FROM {NAME}/library/python
COPY driver.py server.py seed /
CMD ["python3", "/driver.py"]
"""


class Plugins:
    """What a judge does with plugins; made by :func:`bench`."""

    def __init__(self, tutor: Tutor) -> None:
        self._tutor = tutor
        self.built: list[str] = []

    def image(self, driver: str = FOLDERS) -> str:
        """An image that has the kit's Python, its ``server.py``, and this ``driver.py``."""
        files = {"Dockerfile": DOCKERFILE, "driver.py": driver, "server.py": SERVER}
        files["seed"] = _seed()
        context = pack([File(name, text.encode()) for name, text in files.items()])
        image, _ = self._tutor.docker.images.build(
            fileobj=io.BytesIO(context), custom_context=True, rm=True, forcerm=True
        )
        self.built.append(str(image.id))
        return self.built[-1]

    def create(self, config: JSON, *, image: str = "", name: str = "") -> str:
        """A plugin that is not enabled, of an image's files or of none; its name."""
        name = name or f"{self._tutor.stock.name()}:latest"
        docker = self._tutor.docker
        files = exported(docker, image) if image else _files()
        kind = {"Content-Type": "application/x-tar"}
        body = bundle(config, files)
        self._tutor.raw.post("/plugins/create", params={"name": name}, data=body, headers=kind)
        return name

    def enable(self, name: str) -> None:
        """Have a plugin started."""
        self._tutor.raw.post(f"/plugins/{name}/enable", params={"timeout": 20})

    def disable(self, name: str) -> None:
        """Have a plugin ended."""
        self._tutor.raw.post(f"/plugins/{name}/disable")

    def publish(self, config: JSON) -> str:
        """Put a plugin that can't run into the hub, and none onto the engine; its name there."""
        return self._tutor.hub.push_plugin(config, _files(), self._tutor.stock.name())

    def found(self, name: str) -> JSON | None:
        """What the engine tells of a plugin; None when there is none."""
        with contextlib.suppress(errors.NotFound):
            return dict(self._tutor.raw.get(f"/plugins/{name}/json").json())
        return None

    def volume(self, driver: str) -> str:
        """A volume of that driver."""
        return str(self._tutor.stock.volume(driver=driver).name)


def _seed() -> str:
    """What makes a plugin's files its own: an engine refuses two plugins that have the same."""
    return secrets.token_hex(8)


def _files() -> bytes:
    """The files of a plugin that can't run: one, and no other plugin has it."""
    return pack([File("seed", _seed().encode())])


@contextlib.contextmanager
def bench(tutor: Tutor) -> Iterator[Plugins]:
    """Work with plugins; afterwards the engine has those that it had, and no volume of another."""
    before, plugins = _names(tutor), Plugins(tutor)
    try:
        yield plugins
    finally:
        added = _names(tutor) - before
        _sweep(tutor, added)
        for name in added:
            with contextlib.suppress(NotFound):
                tutor.docker.api.remove_plugin(name, force=True)
        for image in plugins.built:
            with contextlib.suppress(APIError):
                tutor.docker.api.remove_image(image, force=True)


def _sweep(tutor: Tutor, drivers: set[str]) -> None:
    """Remove the volumes of these drivers, and the containers that have them."""
    api = tutor.docker.api
    for row in api.containers(all=True):
        if any(mount.get("Driver") in drivers for mount in row["Mounts"]):
            api.remove_container(row["Id"], v=True, force=True)
    for volume in api.volumes()["Volumes"] or []:
        if volume["Driver"] in drivers:
            with contextlib.suppress(APIError):
                api.remove_volume(volume["Name"])


def _names(tutor: Tutor) -> set[str]:
    return {one["Name"] for one in tutor.raw.get("/plugins").json()}
