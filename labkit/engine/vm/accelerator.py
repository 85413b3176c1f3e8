"""Whether machines can run on the processor itself, tried with a real boot, never assumed.

``/dev/kvm`` can be there, can make a machine, and yet hang it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from labkit.engine import places
from labkit.engine.vm import programs
from labkit.engine.vm.image import MachineImage, here

__all__ = ["EMULATED", "choose"]

EMULATED = "tcg,thread=multi"
_KVM = Path("/dev/kvm")
_PATIENCE = 10.0  # seconds; where it works, it takes less than one
_SIGN = "labkit: the kernel is up"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def choose(image: MachineImage) -> str:
    """QEMU's name for what machines run on here; found out once, until this machine reboots."""
    if not os.access(_KVM, os.R_OK | os.W_OK):
        return EMULATED
    noted = places.make(places.run()) / "accelerator.json"
    mark = [_BOOT_ID.read_text(), str(image.folder)]
    try:
        known, told = json.loads(noted.read_text())
        if known == mark:
            return str(told)
    except (OSError, ValueError):
        pass
    found = "kvm" if _boots(image) else EMULATED
    noted.write_text(json.dumps([mark, found]))
    return found


def _boots(image: MachineImage) -> bool:
    """Whether a kernel comes up with KVM, soon."""
    command = [
        programs.need(here().qemu)[here().qemu], "-nodefaults", "-no-user-config",
        "-display", "none", "-no-reboot", "-accel", "kvm", "-m", "256M", "-serial", "stdio",
        "-kernel", str(image.kernel), "-initrd", str(image.initrd),
        "-append", f"console={here().console} quiet panic=-1 labkit.probe",
    ]  # fmt: skip
    try:
        tried = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return _SIGN.encode() in tried.stdout
