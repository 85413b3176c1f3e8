"""The image ``python``: busybox, and as much of Debian's Python as small programs need."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from docker import DockerClient

from labkit.errors import EngineError
from labkit.hub.stock import Image

__all__ = ["image"]

_PROGRAM = Path(__file__).with_name("pack_python.py").read_text("utf-8")
_DESCRIPTION = "Built by labkit from Debian's busybox-static and python3"
_ENVIRONMENT = ["PATH=/bin:/usr/bin", "PYTHONDONTWRITEBYTECODE=1"]


def image(client: DockerClient, container: str, busybox: Image) -> Image:
    """Make it of the Python in a container of the engine image.

    :param client: the host engine's, which the container runs on.
    :raises EngineError: the Python there can't be packed.
    """
    layer = _layer(client, container)
    config = json.loads(busybox.config)
    labels = config["config"]["Labels"] | {"org.opencontainers.image.description": _DESCRIPTION}
    config["config"] |= {"Cmd": ["python3"], "Env": _ENVIRONMENT, "Labels": labels}
    config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
    config["history"].append(config["history"][0])
    content = json.dumps(config).encode()
    return replace(busybox, name="python:latest", config=content, layers=(*busybox.layers, layer))


def _layer(client: DockerClient, container: str) -> bytes:
    run = client.api.exec_create(container, ["python3", "-I", "-S", "-c", _PROGRAM])["Id"]
    packed, said = client.api.exec_start(run, demux=True)
    if client.api.exec_inspect(run)["ExitCode"]:
        words = (said or b"").decode(errors="replace")[-500:]
        raise EngineError(f"The hub's Python could not be packed: {words}")
    return packed or b""
