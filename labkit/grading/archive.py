"""Files that strangers have sent, in a folder or a zip: read where they are, never unpacked."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from labkit.errors import SubmissionError

__all__ = ["Entry", "folder", "zipped"]

_MOST = 20_000  # entries
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
)  # fmt: skip
_RATIO = 200  # how many times its packed size a file may have; text has twenty


@dataclass(frozen=True)
class Entry:
    """A file: its size in bytes, and how to read it; or why it is not to be read."""

    size: int = 0
    read: Callable[[], bytes] = field(default=bytes, repr=False)
    why: str = ""


def folder(source: Path) -> dict[str, Entry]:
    """The files below a folder by their paths from there; a link is an entry, not followed."""
    found: dict[str, Entry] = {}
    for above, _, names in os.walk(source):
        for name in names:
            path = Path(above, name)
            about = path.lstat()
            entry = Entry(about.st_size, partial(_content, path))
            if not stat.S_ISREG(about.st_mode):
                entry = Entry(why="it is a link, or no file at all, and is not followed")
            # A name that was badly unpacked may not even be text.
            known = os.fsencode(path.relative_to(source)).decode(errors="replace")
            found[known] = entry
            if len(found) > _MOST:
                raise SubmissionError(f"{source} has more than {_MOST:,} files.")
    return found


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as bad:
        raise SubmissionError(f"it can't be read: {bad.strerror}") from bad


def zipped(source: Path) -> dict[str, Entry]:
    """The files of a zip by their paths in it.

    :raises SubmissionError: it is no zip.
    """
    try:
        with zipfile.ZipFile(source) as packed:
            entries = packed.infolist()
    except (zipfile.BadZipFile, OSError) as bad:
        raise SubmissionError(f"{source} can't be read as a zip: {bad}.") from bad
    if len(entries) > _MOST:
        raise SubmissionError(f"{source} has more than {_MOST:,} files.")
    return {one.filename: _entry(source, one) for one in entries if not one.is_dir()}


def _entry(source: Path, one: zipfile.ZipInfo) -> Entry:
    path = PurePosixPath(one.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        return Entry(why="its path leads out of the zip")
    if stat.S_ISLNK(one.external_attr >> 16):
        return Entry(why="it is a link, and is not followed")
    if one.flag_bits & 1:
        return Entry(why="it is encrypted")
    if one.file_size > _RATIO * max(one.compress_size, 1024):
        return Entry(why="it is packed so densely that it can't be a notebook")
    return Entry(one.file_size, partial(_unpack, source, one))


def _unpack(source: Path, one: zipfile.ZipInfo) -> bytes:
    try:
        with zipfile.ZipFile(source) as packed:
            return packed.read(one)
    except _DAMAGED as bad:
        raise SubmissionError(f"it can't be unpacked: {bad}") from bad
