"""The archive that a Linux kernel unpacks into memory before its first program: cpio, "newc"."""

from __future__ import annotations

from collections.abc import Iterable

from labkit.archives import File, Folder

__all__ = ["pack"]

_FOLDER, _FILE = 0o040000, 0o100000


def pack(entries: Iterable[File | Folder]) -> bytes:
    """A cpio of the entries, owned by root and dated 1970."""
    packed = b""
    for number, entry in enumerate(entries, start=1):
        content = entry.content if isinstance(entry, File) else b""
        kind = _FILE if isinstance(entry, File) else _FOLDER
        packed += _entry(number, entry.name, kind | entry.mode, content)
    return packed + _entry(0, "TRAILER!!!", 0, b"")


def _entry(number: int, name: str, mode: int, content: bytes) -> bytes:
    path = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08x" % one for one in fields) + path
    return _padded(head) + _padded(content)


def _padded(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)
