"""A virtual machine: a QEMU process of this user, its disk, and what is done inside.

Nothing inside reaches this machine: its network has no way out but to what it is given. Of what is
inside, loopback ports of this machine reach what is forwarded, and nothing else.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil
from humanize import naturalsize

from labkit import wait
from labkit.engine import places
from labkit.engine.spec import began
from labkit.engine.vm import programs
from labkit.engine.vm.agent import Agent
from labkit.engine.vm.image import MachineImage, here
from labkit.engine.vm.qmp import Monitor, monitor
from labkit.engine.vm.record import Record, folder
from labkit.engine.vm.saved import Saved
from labkit.errors import EngineError

__all__ = ["Machine"]

MEMORY = "1G"
_BOOT = "quiet panic=-1 mitigations=off"
_CABLE, _FAR, _HUB = "cable", "far", 1  # what the second network card is plugged into, or not
_FULL = "werror=report"  # where this machine's disk is full, who writes is told
_ROOM = 256 * 2**20  # bytes that have to be free for a machine to be started
_GROUP = "230.0.0.1"  # frames of a network of machines go there, on the loopback interface alone
_WAY = str(Path(__file__).with_name("way.py"))


@dataclass(frozen=True)
class Machine:
    """A machine by its id, whether it is there or not."""

    id: str

    @property
    def record(self) -> Record:
        """What is known of it.

        :raises EngineError: it is gone.
        """
        if record := Record.read(self.id):
            return record
        raise EngineError("The virtual machine is gone.")

    @property
    def agent(self) -> Agent:
        """What works inside."""
        return Agent(folder(self.id) / "agent.sock")

    @property
    def disk(self) -> Path:
        """What it has written, over a disk that it shares with others."""
        return places.home() / "vm" / "machines" / f"{self.id}.qcow2"

    @property
    def console(self) -> str:
        """What its kernel and its first program have said."""
        with contextlib.suppress(OSError):
            return (folder(self.id) / "console").read_text(errors="replace")
        return ""

    @contextlib.contextmanager
    def monitor(self) -> Iterator[Monitor]:
        """A conversation with its QEMU; one at a time."""
        with monitor(folder(self.id) / "qmp.sock") as conversation:
            yield conversation

    def make_disk(self, below: Path, kind: str) -> None:
        """Make its disk, empty, over another one, which is ``raw`` or ``qcow2``.

        :raises EngineError: there is no room for it on this machine.
        """
        _check_room(places.make(self.disk.parent))
        program = programs.need("qemu-img")["qemu-img"]
        _run([program, "create", "-q", "-f", "qcow2", "-b", str(below), "-F", kind, str(self.disk)])

    def boot(self, *, memory: Path | None = None) -> None:
        """Start it from its disk, and wait until its agent answers.

        :param memory: a file that is to be its memory.
        :raises EngineError: it does not come up; says what its console showed last.
        """
        self._launch(_anonymous() if memory is None else _file(memory, shared=True))
        wait.until(self._awake, what="the machine to boot", timeout=60, interval=0.2)
        with self.monitor() as qemu:
            _silence(qemu)

    def restore(self, saved: Saved) -> None:
        """Start it from a saved state: it goes on where that one was.

        :raises EngineError: QEMU can't.
        """
        self._launch([*_file(saved.memory, shared=False), "-incoming", "defer"])
        with self.monitor() as qemu:
            _ignore_shared(qemu)
            qemu.do("migrate-incoming", uri=f"exec:cat {shlex.quote(str(saved.devices))}")
            qemu.migrated()
            qemu.do("cont")
            _silence(qemu)

    def save(self, saved: Saved) -> None:
        """Write its state, but for memory that is a file already, and end it."""
        with self.monitor() as qemu:
            qemu.do("stop")
            _ignore_shared(qemu)
            qemu.do("migrate", uri=f"exec:cat > {shlex.quote(str(saved.devices))}")
            qemu.migrated()
        self.end_process()

    def port(self, inside: int) -> int:
        """The loopback port of this machine that leads to a port inside; 0 where none does."""
        record = self.record
        return dict(zip(record.forwarded, record.ports, strict=False)).get(inside, 0)

    def plug(self, network: str) -> None:
        """Connect its second network card to a network of machines."""
        with self.monitor() as qemu:
            group = f"{_GROUP}:{network}"
            qemu.do("netdev_add", type="socket", id=_FAR, mcast=group, localaddr="127.0.0.1")
            qemu.do("netdev_add", type="hubport", id=_CABLE, hubid=_HUB, netdev=_FAR)

    def unplug(self) -> None:
        """Take its second network card off the network that it is on."""
        with self.monitor() as qemu:
            qemu.do("netdev_del", id=_CABLE)
            qemu.do("netdev_del", id=_FAR)

    def end_process(self) -> None:
        """End QEMU, at once."""
        record = Record.read(self.id)
        known = [record.process] if record and record.process else self._started()
        for process in filter(None, known):
            with contextlib.suppress(psutil.Error):
                process.kill()
            wait.until(partial(_has_ended, process), what="the machine's end")

    def _started(self) -> list[psutil.Process]:
        """QEMU's process, if whoever started it was killed before it could be noted."""
        sign = f"unix:{_option(folder(self.id) / 'qmp.sock')},server=on,wait=off"
        return [
            one for one in psutil.process_iter(["cmdline"]) if sign in (one.info["cmdline"] or [])
        ]

    def remove(self) -> None:
        """End it, and remove all that it has on this machine."""
        self.end_process()
        self.disk.unlink(missing_ok=True)
        shutil.rmtree(folder(self.id), ignore_errors=True)

    def _launch(self, memory: list[str]) -> None:
        record = self.record
        image = MachineImage(Path(record.image))
        at, program = folder(self.id), programs.need(here().qemu)[here().qemu]
        for name in ("qmp.sock", "agent.sock", "pid"):
            (at / name).unlink(missing_ok=True)
        _run([
            program, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", f"{here().machine},memory-backend=ram", "-m", MEMORY,
            "-accel", record.accelerator, "-smp", _processors(record), *memory,
            "-kernel", str(image.kernel), "-initrd", str(image.initrd),
            "-append", f"console={here().console} {_BOOT}",
            "-drive", f"file={_option(self.disk)},format=qcow2,if=none,id=disk,{_FULL}",
            "-device", "virtio-blk-pci,drive=disk",
            "-netdev", f"user,id=own,ipv6=off,restrict=on{_forwards(record)}",
            "-device", "virtio-net-pci,netdev=own,romfile=",
            "-netdev", f"hubport,id=socket,hubid={_HUB}",
            "-device", "virtio-net-pci,netdev=socket,romfile=",
            # Takes what is sent while nothing is plugged in; the card would wait, and for ever.
            "-netdev", f"hubport,id=drain,hubid={_HUB}",
            "-object", "rng-random,filename=/dev/urandom,id=dice",
            "-device", "virtio-rng-pci,rng=dice",
            "-chardev", f"socket,id=agent,path={_option(at / 'agent.sock')},server=on,wait=off",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=labkit",
            "-qmp", f"unix:{_option(at / 'qmp.sock')},server=on,wait=off",
            "-chardev", f"file,id=console,path={_option(at / 'console')}",
            "-serial", "chardev:console", "-pidfile", str(at / "pid"), "-daemonize",
        ])  # fmt: skip
        pid = int((at / "pid").read_text())
        replace(record, pid=pid, born=began(psutil.Process(pid)), ports=self._ports(record)).write()

    def _ports(self, record: Record) -> tuple[int, ...]:
        """The loopback ports that it has got, in the order of those inside that they lead to."""
        with self.monitor() as qemu:
            told = qemu.say("info usernet")
        found = re.findall(r"HOST_FORWARD\S*\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", told)
        outer = {int(inside): int(port) for port, inside in found}
        return tuple(outer[inside] for inside in record.forwarded)

    def _awake(self) -> bool:
        if not self.record.process:
            last = "\n".join(self.console.strip().splitlines()[-8:])
            raise EngineError(f"The virtual machine ended while it booted. Its last words:\n{last}")
        with contextlib.suppress(EngineError):
            return self.agent.ask("ready", patience=2)[0] == 0
        return False


def _has_ended(process: psutil.Process) -> bool:
    """Whether it has nothing more; that init has not heard of its end is not waited for.

    Its first thread ends before the others do, which have its files still.
    """
    try:
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        raise EngineError(
            f"The disk that has {folder} is full: {naturalsize(free)} are free, and a virtual "
            f"machine wants at least {naturalsize(_ROOM)}.",
            hint="Free some space; labkit down ends what runs, and LABKIT_HOME names another disk.",
        )


def _anonymous() -> list[str]:
    return ["-object", f"memory-backend-ram,id=ram,size={MEMORY}"]


def _file(path: Path, *, shared: bool) -> list[str]:
    share = "on" if shared else "off"
    return [
        "-object",
        f"memory-backend-file,id=ram,size={MEMORY},mem-path={_option(path)},share={share}",
    ]


def _option(value: object) -> str:
    """A value as QEMU takes it among options, which commas part."""
    return str(value).replace(",", ",,")


def _ignore_shared(qemu: Monitor) -> None:
    """Leave memory that is a file out of the state: it is there already."""
    capability = {"capability": "x-ignore-shared", "state": True}
    qemu.do("migrate-set-capabilities", capabilities=[capability])


def _processors(record: Record) -> str:
    """How many it has: an emulated machine one.

    Several would be emulated at the same time, and then QEMU (7.2) now and then runs a piece of the
    kernel on one that another is just patching: "Oops: int3", and the machine is gone.
    """
    return "2" if record.accelerator == "kvm" else "1"


def _silence(qemu: Monitor) -> None:
    """Keep no more of what the console says: a guest could fill this machine's disk with it."""
    qemu.do("chardev-change", id="console", backend={"type": "null", "data": {}})


def _forwards(record: Record) -> str:
    ports = record.ports or (0,) * len(record.forwarded)
    pairs = zip(ports, record.forwarded, strict=True)
    ways = [f",hostfwd=tcp:127.0.0.1:{port}-:{inside}" for port, inside in pairs]
    for address, server in record.given.items():
        command = shlex.join(
            [sys.executable, "-I", _WAY, str(folder(server)), str(folder(record.id))]
        )
        ways.append(f",guestfwd=tcp:{address}:80-cmd:{_option(command)}")
    return "".join(ways)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineError(
            f"The virtual machine could not be started: {done.stderr.strip()[-500:]}",
            hint="labkit doctor checks what this machine lacks.",
        )
