"""What a plugin is made of: its ``config.json``, and all its files in the folder ``rootfs``."""

from __future__ import annotations

import copy
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker import DockerClient

__all__ = ["SERVER", "bundle", "exported"]

SERVER = Path(__file__).with_name("server.py").read_text("utf-8")
"""The file ``server.py``, which goes into a plugin beside its program."""


def bundle(config: Mapping[str, Any], rootfs: bytes = b"") -> bytes:
    """The archive that ``POST /plugins/create`` takes, API 1.25+.

    :param rootfs: a tar of the plugin's files, as :func:`exported` gives it; empty for no file.
    """
    buffer, content = io.BytesIO(), json.dumps(config).encode()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        described, folder = tarfile.TarInfo("config.json"), tarfile.TarInfo("rootfs")
        described.size, folder.type, folder.mode = len(content), tarfile.DIRTYPE, 0o755
        out.addfile(described, io.BytesIO(content))
        out.addfile(folder)
        if rootfs:
            _move(rootfs, out)
    return buffer.getvalue()


def _move(rootfs: bytes, out: tarfile.TarFile) -> None:
    with tarfile.open(fileobj=io.BytesIO(rootfs)) as files:
        for entry in files:
            moved = copy.copy(entry)
            moved.name = f"rootfs/{entry.name}"
            if entry.islnk():  # a second name of a file in the archive
                moved.linkname = f"rootfs/{entry.linkname}"
            out.addfile(moved, files.extractfile(entry) if entry.isfile() else None)


def exported(client: DockerClient, image: str) -> bytes:
    """All files of an image as a tar: a container is made of it, exported, and removed.

    ``GET /containers/{id}/export``.
    """
    made = client.api.create_container(image)["Id"]
    try:
        return b"".join(client.api.export(made))
    finally:
        client.api.remove_container(made)
