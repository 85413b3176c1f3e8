"""Putting images and plugins into a registry without a Docker: the Registry API v2.

Each image goes in as an index with two children, as images built today do: the image itself, and
a note on who built it, for no platform.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import requests

from labkit import archives
from labkit.errors import EngineError

__all__ = ["Image", "Pusher", "images_in", "version"]

_DOCKER = "application/vnd.docker"
INDEX = f"{_DOCKER}.distribution.manifest.list.v2+json"
MANIFEST = f"{_DOCKER}.distribution.manifest.v2+json"
_CONFIG = f"{_DOCKER}.container.image.v1+json"
_PLUGIN = f"{_DOCKER}.plugin.v1+json"
_LAYER = f"{_DOCKER}.image.rootfs.diff.tar.gzip"
_OCI = "org.opencontainers.image"
_TIMEOUT = 120  # the registry waits for the disk


@dataclass(frozen=True)
class Image:
    """An image as ``docker save`` writes it: its config, and its layers as tar files."""

    name: str
    config: bytes
    layers: tuple[bytes, ...]


def images_in(archive: bytes) -> Iterator[Image]:
    """Read the images in an archive of ``docker save`` (``GET /images/get``)."""
    files = archives.unpack(archive)
    for one in json.loads(files["manifest.json"]):
        layers = tuple(files[layer] for layer in one["Layers"])
        for tag in one["RepoTags"]:
            yield Image(tag, files[one["Config"]], layers)


def version(image: Image, name: str, tag: str) -> Image:
    """The same program once more, as another image: its config says which version it is."""
    config = json.loads(image.config)
    labels = config["config"].get("Labels") or {}
    title = {f"{_OCI}.title": name, f"{_OCI}.version": tag}
    config["config"] = config["config"] | {"Labels": labels | title}
    return Image(f"{name}:{tag}", _json(config), image.layers)


class Pusher:
    """Pushes images to a registry, each part of them once.

    :param url: the registry's, without a path.
    :param token: one that may push.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._packed: dict[bytes, bytes] = {}
        self._sent: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def push(self, image: Image, repository: str, *tags: str) -> str:
        """Push an image under these tags, and return the digest of its index.

        :raises EngineError: the registry does not take it.
        """
        layers = [self._gzipped(layer) for layer in image.layers]
        note = json.dumps({"built-by": "Docker API Lab", "image": image.name}).encode()
        children = [
            (self._manifest(repository, image.config, layers), _platform(image.config)),
            (self._manifest(repository, b"{}", [gzip.compress(note, mtime=0)]), _NO_PLATFORM),
        ]
        index = _json(
            {
                "schemaVersion": 2,
                "mediaType": INDEX,
                "manifests": [
                    _described(MANIFEST, child) | {"platform": platform}
                    for child, platform in children
                ],
            }
        )
        for tag in tags:
            self._put(repository, tag, index, INDEX)
        return _digest(index)

    def push_plugin(
        self, config: Mapping[str, Any], rootfs: bytes, repository: str, tag: str
    ) -> None:
        """Push a plugin of this configuration, whose files are in the tar ``rootfs``.

        :raises EngineError: the registry does not take it.
        """
        whole = _json({**config, "rootfs": {"type": "layers", "diff_ids": [_digest(rootfs)]}})
        manifest = self._manifest(repository, whole, [self._gzipped(rootfs)], kind=_PLUGIN)
        self._put(repository, tag, manifest, MANIFEST)

    def _manifest(
        self, repository: str, config: bytes, layers: list[bytes], kind: str = _CONFIG
    ) -> bytes:
        for blob in (config, *layers):
            self._blob(repository, blob)
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _described(kind, config),
                "layers": [_described(_LAYER, layer) for layer in layers],
            }
        )
        self._put(repository, _digest(manifest), manifest, MANIFEST)
        return manifest

    def _gzipped(self, layer: bytes) -> bytes:
        if layer not in self._packed:
            self._packed[layer] = gzip.compress(layer, compresslevel=1, mtime=0)
        return self._packed[layer]

    def _blob(self, repository: str, content: bytes) -> None:
        if (repository, _digest(content)) in self._sent:
            return
        began = self._send("POST", f"/v2/{repository}/blobs/uploads/")
        where = began.headers["Location"]
        sign = "&" if "?" in where else "?"
        self._send("PUT", f"{where}{sign}digest={_digest(content)}", data=content)
        self._sent.add((repository, _digest(content)))

    def _put(self, repository: str, reference: str, content: bytes, kind: str) -> None:
        headers = {"Content-Type": kind}
        path = f"/v2/{repository}/manifests/{reference}"
        self._send("PUT", path, data=content, headers=headers)

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            answer = self._session.request(method, self._url + path, timeout=_TIMEOUT, **options)
            answer.raise_for_status()
        except requests.RequestException as cause:
            raise EngineError(f"The registry at {self._url} does not take it: {cause}") from cause
        return answer


_NO_PLATFORM = {"architecture": "unknown", "os": "unknown"}


def _platform(config: bytes) -> dict[str, str]:
    read: Mapping[str, str] = json.loads(config)
    return {"architecture": read["architecture"], "os": read["os"]}


def _described(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "size": len(content), "digest": _digest(content)}


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
