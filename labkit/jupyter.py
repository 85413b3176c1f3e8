"""JupyterLab on the learner's workspace."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from labkit.course import workspace

FIRST = "00-start-here.ipynb"
# Leaves out what is no part of a lesson and costs seconds at the start: nbgrader's buttons, news.
CONFIG = Path(__file__).with_name("jupyter_config")
SAYINGS = {
    "new": "{notebook}: laid out",
    "updated": "{notebook}: brought up to date (you had not touched it)",
    "beside": "{notebook}: the course has changed, yours stays; the new one is {path}",
}


def open_lab(
    course: Path, folder: Path, options: Sequence[str], *, say: Callable[[str], None]
) -> None:
    """Lay out the workspace, then become JupyterLab, on loopback and with a token.

    :param options: further command line options of ``jupyter lab``; they win over ours.
    """
    for laid in workspace.lay_out(course, folder, release=_student_version):
        if laid.what in SAYINGS:
            say(SAYINGS[laid.what].format(notebook=laid.notebook, path=laid.path))
    say("Starting JupyterLab. Ctrl-C twice ends it; `labkit down` ends what is left.")
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        "--ServerApp.ip=127.0.0.1",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *_for_this_machine(),
        *options,
    ]
    # The venv's own programs, `labkit` among them, are at hand in JupyterLab's terminals.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    config = f"{CONFIG}{os.pathsep}{os.environ.get('JUPYTER_CONFIG_PATH', '')}".rstrip(os.pathsep)
    environment = {**os.environ, "PATH": path, "JUPYTER_CONFIG_PATH": config}
    os.execvpe(command[0], command, environment)  # noqa: S606  # we become it


def _student_version(notebook: Path) -> bytes:
    # nbgrader takes seconds to import, and is needed only when the course has changed.
    from labkit.course.release import student_version  # noqa: PLC0415

    return student_version(notebook)


def _for_this_machine() -> list[str]:
    flags = []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--allow-root")
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        flags.append("--no-browser")
    return flags
