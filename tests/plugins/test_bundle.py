"""What a plugin is made of, and a real engine that takes it."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from labkit.archives import File, Folder, Link, pack, unpack
from labkit.engine.engine import Engine
from labkit.plugins.bundle import bundle, exported

CONFIG = {
    "description": "Nothing yet",
    "entrypoint": ["/run"],
    "interface": {"types": ["docker.volumedriver/1.0"], "socket": "driver.sock"},
}


def _entries(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: entry for entry in tar}


def test_a_bundle_has_the_config_and_every_file() -> None:
    """config.json first, then rootfs with all that the archive has, as it was."""
    files = pack([Folder("bin"), File("bin/run", b"#!", 0o755), Link("run", "bin/run")])
    archive = bundle(CONFIG, files)
    entries = _entries(archive)
    assert list(entries) == ["config.json", "rootfs", "rootfs/bin", "rootfs/bin/run", "rootfs/run"]
    assert entries["rootfs/bin/run"].mode == 0o755
    assert entries["rootfs/run"].linkname == "bin/run"
    assert json.loads(unpack(archive)["config.json"]) == CONFIG
    assert unpack(archive)["rootfs/bin/run"] == b"#!"


def test_a_second_name_of_a_file_stays_one() -> None:
    """A hard link points to where its file is now."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        first, second = tarfile.TarInfo("one"), tarfile.TarInfo("two")
        first.size, second.type, second.linkname = 3, tarfile.LNKTYPE, "one"
        tar.addfile(first, io.BytesIO(b"abc"))
        tar.addfile(second)
    entries = _entries(bundle(CONFIG, buffer.getvalue()))
    assert entries["rootfs/two"].linkname == "rootfs/one"


def test_without_files_there_is_an_empty_folder() -> None:
    """Engines before 28 refuse an archive without rootfs."""
    assert list(_entries(bundle(CONFIG))) == ["config.json", "rootfs"]


@pytest.mark.engine
def test_an_engine_makes_a_plugin_of_it(engine: Engine) -> None:
    """It has the config, is not enabled, and asks for nothing."""
    kind = {"Content-Type": "application/x-tar"}
    for name, files in (("empty", b""), ("busy", exported(engine.docker, "busybox"))):
        params = {"name": name}
        engine.raw.post("/plugins/create", params=params, data=bundle(CONFIG, files), headers=kind)
        plugin = engine.docker.plugins.get(name)
        try:
            assert plugin.attrs["Config"]["Description"] == "Nothing yet"
            assert plugin.enabled is False
        finally:
            plugin.remove()


@pytest.mark.engine
def test_an_image_is_exported_whole_and_leaves_nothing(engine: Engine) -> None:
    """The image's files are there, the container that it took is not."""
    files = exported(engine.docker, "busybox")
    assert unpack(files)["bin/busybox"].startswith(b"\x7fELF")
    assert engine.docker.containers.list(all=True, filters={"ancestor": "busybox"}) == []
