"""The release for learners: a folder and a zip with all they need, the same bytes each time."""

from __future__ import annotations

import contextlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

from flit_core.wheel import make_wheel_in

from labkit.course.release import student_version
from labkit.errors import CourseError

__all__ = ["bundle"]

_LEARNERS = Path(__file__).with_name("learners.md")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip knows
_EPOCH = "315532800"  # the same, in seconds, for the wheel


def bundle(course: Path, out: Path) -> Path:
    """Make the release: notebooks without solutions, the kit as a wheel, ``environment.yml``.

    :param course: the folder of the course's own notebooks, in the course's checkout.
    :param out: the folder to make; its zip is put beside it.
    :returns: the zip.
    :raises CourseError: something is there already, or this is no checkout of the course.
    """
    project = course.resolve().parent
    packed = out.with_name(f"{out.name}.zip")
    _require(project, course, out, packed)
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        _fill(partial, project, course)
        _pack(partial, out.name, partial.with_suffix(".zip"))
        if out.exists():
            out.rmdir()
        partial.replace(out)
        partial.with_suffix(".zip").replace(packed)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        partial.with_suffix(".zip").unlink(missing_ok=True)
    return packed


def _require(project: Path, course: Path, out: Path, packed: Path) -> None:
    for name in ("pyproject.toml", "environment.yml"):
        if not (project / name).exists():
            raise CourseError(
                f"There is no {name} beside {course}.", hint="Run this in the course's checkout."
            )
    if not list(course.glob("*.ipynb")):
        raise CourseError(f"There are no notebooks in {course}.")
    for place in (out, packed):
        if place.is_file() or (place.is_dir() and any(place.iterdir())):
            raise CourseError(
                f"{place} is there already.", hint="Remove it, or name another place."
            )


def _fill(folder: Path, project: Path, course: Path) -> None:
    (folder / "notebooks").mkdir()
    for path in sorted(course.glob("*.ipynb")):
        (folder / "notebooks" / path.name).write_bytes(student_version(path))
    wheel = _wheel(project, folder)
    environment = (project / "environment.yml").read_text()
    (folder / "environment.yml").write_text(environment.replace("- -e .", f"- ./{wheel}"))
    words = _LEARNERS.read_text("utf-8").replace("WHEEL", wheel)
    (folder / "README.md").write_text(words, encoding="utf-8")


def _wheel(project: Path, folder: Path) -> str:
    """Put the kit into the folder as a wheel; its name."""
    with _environment("SOURCE_DATE_EPOCH", _EPOCH):
        return str(make_wheel_in(project / "pyproject.toml", folder).file.name)


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _pack(folder: Path, name: str, packed: Path) -> None:
    """Pack a folder so that the same files give the same zip, whenever and wherever."""
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", _LONG_AGO)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, path.read_bytes())
