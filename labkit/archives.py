"""Tar archives in memory, as the Engine takes and gives them.

The same content gives the same bytes.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A file in an archive."""

    name: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Folder:
    """A folder in an archive."""

    name: str
    mode: int = 0o755


@dataclass(frozen=True)
class Link:
    """Another name in an archive: a symbolic link, or a hard one to a file before it."""

    name: str
    target: str
    hard: bool = False


def pack(entries: Iterable[File | Folder | Link]) -> bytes:
    """A tar of the entries, owned by root and dated 1970."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in entries:
            info, content = tarfile.TarInfo(entry.name), b""
            if isinstance(entry, Link):
                info.type = tarfile.LNKTYPE if entry.hard else tarfile.SYMTYPE
                info.mode, info.linkname = 0o755 if entry.hard else 0o777, entry.target
            elif isinstance(entry, Folder):
                info.type, info.mode = tarfile.DIRTYPE, entry.mode
            else:
                info.size, info.mode, content = len(entry.content), entry.mode, entry.content
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def unpack(archive: bytes) -> dict[str, bytes]:
    """The plain files in a tar, under each of their names: name to content."""
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for entry in tar:
            if file := tar.extractfile(entry) if entry.isfile() else None:
                found[entry.name] = file.read()
            elif entry.islnk() and entry.linkname in found:  # else it is to what is no plain file
                found[entry.name] = found[entry.linkname]
    return found
