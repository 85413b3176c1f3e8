"""A learner with all power over an engine in a virtual machine, and none over this machine."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from labkit.engine import places
from labkit.engine.engine import Engine
from labkit.engine.vm.record import records

pytestmark = [pytest.mark.engine, pytest.mark.vm]

WORDS = "what is in this file is this machine's"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine in a machine, with nobody between it and the learner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_ENGINE", "vm")
        with Engine.start() as engine:
            yield engine


def _as_root(engine: Engine, script: str) -> str:
    """What a container says that is as mighty as Docker can make it."""
    said = engine.docker.containers.run(
        "busybox", ["sh", "-c", script], privileged=True, pid_mode="host", network_mode="host",
        ipc_mode="host", volumes=["/:/all", "/dev:/all/dev"], remove=True, stderr=True,
    )  # fmt: skip
    return str(said.decode(errors="replace"))


def test_its_kernel_and_its_processes_are_not_this_machines(engine: Engine) -> None:
    """Host namespaces are the machine's: another kernel, and no process of ours."""
    said = _as_root(engine, "cat /proc/version; chroot /all ps -e -o comm=; cat /all/etc/hostname")
    assert Path("/proc/version").read_text() not in said
    assert "dockerd" in said
    assert psutil.Process().name() not in said.split()


def test_no_file_of_this_machine_is_in_it(engine: Engine, tmp_path: Path) -> None:
    """Neither by its path nor on any disk that it has."""
    (tmp_path / "secret").write_text(WORDS)
    said = _as_root(
        engine,
        f"cat /all{tmp_path}/secret; cat /proc/partitions; "
        "chroot /all mount -t 9p host /mnt; chroot /all mount -t virtiofs host /mnt; true",
    )
    assert WORDS not in said
    assert [
        line.split()[-1]
        for line in said.splitlines()
        if line.split()[2:3] and line.split()[-1].startswith(("vd", "sd"))
    ] == ["vda"]


def test_no_port_of_this_machine_is_reached(engine: Engine) -> None:
    """Not on its loopback address as the machine knows it, and not on its others."""
    heard: list[object] = []
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - that nobody reaches it
        port = server.getsockname()[1]
        thread = threading.Thread(target=lambda: heard.extend(_accepted(server)), daemon=True)
        thread.start()
        addresses = ["10.0.2.2", "127.0.0.1", *_own_addresses()]
        script = "; ".join(
            f"echo x | timeout 5 nc {one} {port} && echo {one} open" for one in addresses
        )
        said = _as_root(engine, f"{script}; true")
        server.settimeout(0.1)
        thread.join(timeout=5)
    assert heard == []
    assert "open" not in said


def _accepted(server: socket.socket) -> Iterator[object]:
    try:
        yield server.accept()
    except OSError:
        return


def _own_addresses() -> list[str]:
    found = (one for several in psutil.net_if_addrs().values() for one in several)
    return [one.address for one in found if one.family == socket.AF_INET][:3]


def test_the_console_fills_nothing_of_this_machines(engine: Engine) -> None:
    """What a guest writes there is not kept."""
    before = shutil.disk_usage(places.run()).used
    _as_root(engine, "dd if=/dev/zero bs=64k count=80 > /all/dev/ttyS0 2>/dev/null; true")
    console = places.run() / "vm" / engine.body.id / "console"
    assert console.stat().st_size < 2**20
    assert shutil.disk_usage(places.run()).used - before < 2**22


def test_even_its_kernel_in_pieces_leaves_this_machine_as_it_was(engine: Engine) -> None:
    """A module loaded, the kernel crashed: QEMU ends, and a reset mends it."""
    booted = Path("/proc/sys/kernel/random/boot_id").read_text()
    pid = next(one.pid for one in records("engine") if one.name == engine.name)
    assert "dummy" in _as_root(engine, "chroot /all modprobe dummy; grep dummy /proc/modules")
    assert not Path("/sys/module/dummy").exists()
    engine.body.run("sh", "-c", "sleep 1; echo c > /proc/sysrq-trigger", detach=True)
    psutil.Process(pid).wait(60)
    assert not engine.alive
    engine.reset()
    assert engine.alive
    assert Path("/proc/sys/kernel/random/boot_id").read_text() == booted
