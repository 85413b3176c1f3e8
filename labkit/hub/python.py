"""The image ``python``: busybox, and as much of Debian's Python as small programs need."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from labkit import archives
from labkit.engine.driver import Body
from labkit.engine.image import SHELF
from labkit.errors import EngineError
from labkit.hub.stock import Image

__all__ = ["image"]

_PROGRAM = Path(__file__).with_name("pack_python.py").read_text("utf-8")
_DESCRIPTION = "Built by labkit from Debian's busybox-static and python3"
_PACKED, _SAID = f"{SHELF}/python.tar", f"{SHELF}/python.said"
_ENVIRONMENT = ["PATH=/bin:/usr/bin", "PYTHONDONTWRITEBYTECODE=1"]


def image(body: Body, busybox: Image) -> Image:
    """Make it of the Python in a hub's body.

    :raises EngineError: the Python there can't be packed.
    """
    layer = _layer(body)
    config = json.loads(busybox.config)
    labels = config["config"]["Labels"] | {"org.opencontainers.image.description": _DESCRIPTION}
    config["config"] |= {"Cmd": ["python3"], "Env": _ENVIRONMENT, "Labels": labels}
    config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
    config["history"].append(config["history"][0])
    content = json.dumps(config).encode()
    return replace(busybox, name="python:latest", config=content, layers=(*busybox.layers, layer))


def _layer(body: Body) -> bytes:
    pack = f'exec python3 -I -S -c "$0" > {_PACKED} 2> {_SAID}'
    if body.run("sh", "-c", pack, _PROGRAM):
        words = _content(body, _SAID).decode(errors="replace")[-500:]
        raise EngineError(f"The hub's Python could not be packed: {words}")
    layer = _content(body, _PACKED)
    body.run("rm", _PACKED, _SAID)
    return layer


def _content(body: Body, path: str) -> bytes:
    return next(iter(archives.unpack(body.get(path)).values()))
