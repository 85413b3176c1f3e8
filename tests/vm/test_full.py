"""A full disk: the one inside a machine, and the one that machines are on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labkit.engine import fence
from labkit.engine.engine import Engine

pytestmark = [pytest.mark.engine, pytest.mark.vm]

Run = Callable[..., tuple[int, str]]
ON_A_SMALL_DISK = """
import docker, labkit
engine = labkit.Engine.start()
fill = ["dd", "if=/dev/zero", "of=/filled", "bs=1M", "count=700", "conv=fsync"]
try:
    engine.docker.containers.run("busybox", fill, remove=True)
except docker.errors.DockerException as told:
    print("told:", told)
try:
    labkit.Engine.start()
except labkit.LabError as full:
    print("refused:", full)
engine.reset()
print(engine.docker.containers.run("hello-world", remove=True).decode())
engine.stop()
"""


def test_an_engine_for_a_stranger_has_a_bounded_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who fills it is told; the engine lives, and this machine has lent no more than that."""
    monkeypatch.setenv("LABKIT_ENGINE", "vm")
    with Engine.start(fenced=True) as engine:
        disk = engine.body.machine.disk
        box = engine.docker.containers.run("busybox", ["sleep", "600"], detach=True)
        filled = box.exec_run(["dd", "if=/dev/zero", "of=/filled", "bs=1M"])
        assert b"No space left on device" in filled.output
        assert engine.alive
        assert disk.stat().st_blocks * 512 < fence.DISK * 1.5
        engine.reset()
        assert b"Hello" in engine.docker.containers.run("hello-world", remove=True)
        assert disk != engine.body.machine.disk
        assert not disk.exists()


def test_where_machines_have_no_room_everybody_is_told(run: Run) -> None:
    """The container that writes, and who starts another; after a reset there is room again."""
    code, said = run("-c", ON_A_SMALL_DISK, disk="400m")
    assert code == 0, said
    assert "told:" in said
    assert "refused: The disk that has" in said
    assert "Hello from a container!" in said
