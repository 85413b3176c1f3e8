"""The saved state that engines start from: a machine with dockerd up and the course's images.

It is made once for a machine image and an accelerator, by a machine that boots and is saved.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from labkit import archives, images
from labkit.archives import File, Folder
from labkit.engine import places
from labkit.engine.driver import Say
from labkit.engine.image import SHELF, Version
from labkit.engine.spec import Spec
from labkit.engine.vm import accelerator, image, machine, programs
from labkit.engine.vm.body import VirtualMachine
from labkit.engine.vm.image import MachineImage, digest, here
from labkit.engine.vm.keys import Keys
from labkit.engine.vm.record import Record
from labkit.engine.vm.saved import Saved

__all__ = ["ensure"]

_SETTLE = (
    f"docker -H unix:///run/docker.sock load -q -i {SHELF}/images.tar && sync && "
    "echo 3 > /proc/sys/vm/drop_caches"
)


def ensure(version: Version, *, say: Say, thorough: bool = False) -> tuple[MachineImage, Saved]:
    """The machine image and the saved state for a Docker version, made if they are not there.

    :param thorough: check by digest, which takes seconds; what is not as it was is made anew.
    :raises EngineError: they can't be made.
    """
    made = image.ensure(version, say=say, thorough=thorough)
    runs_on = accelerator.choose(made)
    saved = Saved(made.folder / f"state-{_mark(runs_on)}", runs_on)
    if _whole(saved, thorough=thorough):
        return made, saved
    with places.lock("vm-state"):
        if not _whole(saved, thorough=thorough):
            say(f"Saving a machine with Docker {version.number} up (once, about a minute).")
            _make(made, saved, Record(
                id=saved.folder.name, kind="state", name="state", image=str(made.folder),
                accelerator=runs_on, spec=Spec(version.number),
            ))  # fmt: skip
    return made, saved


def _mark(runs_on: str) -> str:
    """A mark of what a state depends on besides the image: QEMU, and how it is called."""
    program = programs.need(here().qemu)[here().qemu]
    said = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    parts = [Path(__file__), Path(machine.__file__), Path(images.__file__)]
    content = b"".join(part.read_bytes() for part in parts)
    return hashlib.sha256(said + runs_on.encode() + content).hexdigest()[:12]


def _whole(saved: Saved, *, thorough: bool) -> bool:
    """Whether it is there, and, if that is wanted, is as it was made."""
    try:
        noted = json.loads((saved.folder / "digests.json").read_text())
        return not thorough or bool(noted == _digests(saved))
    except (OSError, ValueError):
        return False


def _digests(saved: Saved) -> dict[str, str]:
    return {one.name: digest(one) for one in (saved.memory, saved.devices, saved.disk)}


def _make(made: MachineImage, saved: Saved, record: Record) -> None:
    shutil.rmtree(saved.folder, ignore_errors=True)
    places.make(saved.folder)
    body = VirtualMachine(record.id)
    one = body.machine
    record.write()
    try:
        one.make_disk(made.disk, "raw")
        one.boot(memory=saved.memory)
        _furnish(body)
        one.save(saved)
        one.disk.rename(saved.disk)
        saved.lie_over(made.disk)
    except BaseException:
        shutil.rmtree(saved.folder, ignore_errors=True)
        raise
    finally:
        one.remove()
    (saved.folder / "digests.json").write_text(json.dumps(_digests(saved)))


def _furnish(one: VirtualMachine) -> None:
    """Have dockerd up, the course's images loaded, and a control port that nobody can use yet."""
    one.put(archives.pack(Keys.make().inside()))
    one.bring_dockerd_up("start")
    busybox = archives.unpack(one.get("/bin/busybox"))["busybox"]
    archive = images.archive(busybox, one.output("/bin/busybox", "--list").split())
    one.put(archives.pack([Folder(SHELF[1:]), File(f"{SHELF[1:]}/images.tar", archive)]))
    one.output("sh", "-c", _SETTLE)
