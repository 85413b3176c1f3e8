"""The few small images that the lessons run, made here from Debian's static busybox, never pulled.

They bear the names that the chapter uses (``busybox``, ``hello-world``), and labels that say
honestly who built them. The archive is the same byte for byte whenever the busybox is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from labkit.archives import File, Folder, Link, pack

CREATED = "2026-01-01T00:00:00Z"
LABELS = {
    "org.opencontainers.image.vendor": "Docker API Lab",
    "org.opencontainers.image.description": "Built by labkit from Debian's busybox-static",
}
CRASHING = frozenset({"nslookup"})  # a static glibc can't look names up, and crashes when it tries

HELLO = b"""#!/bin/sh
cat <<'END'
Hello from a container!

You asked the Docker Engine through its API, and this is what happened:
 1. POST /containers/create made a container from the image hello-world.
 2. POST /containers/{id}/start started its one process, a shell script.
 3. The script printed this text; the Engine keeps it for GET /containers/{id}/logs.
 4. The script ended with exit code 0, and so did the container.
END
"""


def archive(busybox: bytes, applets: Iterable[str]) -> bytes:
    """The course's images as ``docker load`` takes them (``POST /images/load``).

    :param busybox: the statically linked program.
    :param applets: the commands that it can be called as.
    """
    base = _layer(busybox, sorted(set(applets) - CRASHING))
    hello = pack([File("hello", HELLO, 0o755)])
    images = [
        _image("busybox:latest", [base], ["sh"]),
        _image("hello-world:latest", [base, hello], ["/hello"]),
    ]
    files = {f"{_digest(layer)}/layer.tar": layer for layer in (base, hello)}
    files |= {f"{_digest(config)}.json": config for config, _ in images}
    files["manifest.json"] = json.dumps([manifest for _, manifest in images]).encode()
    return pack([File(name, content) for name, content in files.items()])


def _image(name: str, layers: list[bytes], command: list[str]) -> tuple[bytes, dict[str, Any]]:
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": CREATED,
            "config": {"Cmd": command, "Env": ["PATH=/bin"], "Labels": LABELS},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(one)}" for one in layers]},
            "history": [{"created": CREATED, "created_by": "labkit"} for _ in layers],
        }
    ).encode()
    manifest = {
        "Config": f"{_digest(config)}.json",
        "RepoTags": [name],
        "Layers": [f"{_digest(layer)}/layer.tar" for layer in layers],
    }
    return config, manifest


def _layer(busybox: bytes, applets: Iterable[str]) -> bytes:
    folders = [Folder(name) for name in ("bin", "dev", "etc", "proc", "root", "sys", "var")]
    files = [
        File("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"),
        File("etc/group", b"root:x:0:\nnogroup:x:65534:\n"),
        File("bin/busybox", busybox, 0o755),
    ]
    # Hard links: four hundred symbolic ones are four hundred inodes, which each engine has to make
    # at its start, and to remove at its end.
    links = [Link(f"bin/{name}", "bin/busybox", hard=True) for name in applets if name != "busybox"]
    return pack([*folders, Folder("tmp", 0o1777), *files, *links])


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
