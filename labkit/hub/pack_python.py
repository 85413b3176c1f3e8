"""Write a tar of this Python to stdout: the program, and as much as a small server needs of it.

A program of its own, run in the hub's container by the Python there. What belongs to it shows in
use: it imports modules, and looks which files that took.
"""

from __future__ import annotations

import importlib
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

_WITHOUT = ("_hashlib", "_ssl")  # for these, OpenSSL: as large as all the rest
_MODULES = """
argparse base64 collections concurrent.futures contextlib csv dataclasses datetime email.message
encodings.ascii encodings.idna encodings.latin_1 enum fnmatch functools getpass glob gzip hashlib
html http.client http.server inspect io itertools json logging math operator os pathlib pprint
queue random re secrets select shutil signal site socket socketserver statistics string struct
subprocess tarfile tempfile textwrap threading time traceback typing urllib.parse urllib.request
uuid warnings zipfile
"""


def _program() -> Iterator[Path]:
    yield Path(sys.executable)
    yield Path(sys.executable).resolve()


def _library() -> Iterator[Path]:
    """The modules that are imported by now, as they were written and as they were compiled."""
    for module in list(sys.modules.values()):
        for attribute in ("__file__", "__cached__"):
            if name := getattr(module, attribute, None):
                yield Path(name)


def _shared() -> Iterator[Path]:
    """The shared libraries in this process, with the names that they are looked for by."""
    names = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    libraries = {Path(name) for name in names if name.startswith("/") and ".so" in name}
    yield from libraries
    beside = {one for library in libraries for one in library.parent.iterdir()}
    yield from (one for one in beside if one.is_symlink() and one.resolve() in libraries)
    yield from Path("/usr").glob("lib*/ld-linux*")  # what the kernel starts a program with


def _pack() -> None:
    for name in _WITHOUT:
        sys.modules[name] = None  # type: ignore[assignment]  # so it can't be imported
    for name in _MODULES.split():
        importlib.import_module(name)
    files = {*_program(), *_library(), *_shared()}
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for file in sorted(one for one in files if one.exists()):
            tar.add(file, recursive=False)
        for link in sorted(Path("/").glob("lib*")):  # to their places in /usr
            if link.is_symlink():
                tar.add(link, recursive=False)


if __name__ == "__main__":
    _pack()
