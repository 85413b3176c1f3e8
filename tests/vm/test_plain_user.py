"""The kit where nothing is allowed: a plain user, no capabilities, no Docker, no network."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.vm]

Run = Callable[..., tuple[int, str]]
NBVAL = (
    "--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "no:cacheprovider",
    "--nbval-kernel-startup-timeout=300", "--nbval-sanitize-with=notebooks/sanitize.cfg",
)  # fmt: skip


def test_an_engine_is_had_without_any_right(run: Run) -> None:
    """Nobody has to choose anything: the kit says that there is no Docker, and does without."""
    program = (
        "import os, labkit; print(os.getuid(), os.path.exists('/var/run/docker.sock')); "
        "engine = labkit.Engine.start(); "
        "print(engine.docker.containers.run('busybox', ['echo', 'as real'], remove=True)); "
        "engine.stop()"
    )
    code, said = run("-c", program)
    assert (code, "1000 False" in said, "b'as real\\n'" in said) == (0, True, True), said
    assert "Engines are virtual machines then" in said


@pytest.mark.slow
@pytest.mark.parametrize("lesson", ["01-list-containers", "02-run-and-stop", "03-inspect"])
def test_a_lesson_is_the_same(run: Run, lesson: str) -> None:
    """Every output of it, compared as strictly as anywhere."""
    code, said = run("-m", "pytest", *NBVAL, f"notebooks/{lesson}.ipynb")
    assert code == 0, said[-5000:]
