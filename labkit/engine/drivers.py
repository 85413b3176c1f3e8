"""Which driver starts an engine, and what all of them have on this machine.

``LABKIT_ENGINE`` is ``container``, ``vm``, or ``auto``: containers where a Docker can be had.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from labkit import wait
from labkit.engine import fleet, host
from labkit.engine.containers import Containers
from labkit.engine.driver import Driver, Say
from labkit.engine.found import Companion, Found
from labkit.engine.vm import programs
from labkit.engine.vm.machines import Machines
from labkit.errors import EngineError, HostError, HostMissing

__all__ = ["choose", "companions", "down", "engines", "present"]

VARIABLE = "LABKIT_ENGINE"
CHOICES = ("auto", "container", "vm")


def wanted() -> str:
    """What ``LABKIT_ENGINE`` says.

    :raises EngineError: something that it can't say.
    """
    said = os.environ.get(VARIABLE) or "auto"
    if said not in CHOICES:
        raise EngineError(
            f"{VARIABLE}={said} is not known.", hint=f"Use {', '.join(CHOICES)}, or unset it."
        )
    return said


def choose(*, say: Say) -> Driver:
    """The driver that starts engines here; all that waits for them waits at its pace from now on.

    :param say: is told where engines are virtual machines though nobody chose that.
    :raises HostError: there is no Docker to start one on, and no QEMU.
    """
    driver = _chosen(say)
    wait.set_pace(driver.pace)
    return driver


def _chosen(say: Say) -> Driver:
    chosen = wanted()
    if chosen == "vm":
        return Machines()
    try:
        return Containers(host.find())
    except HostError as none:
        if chosen == "container" or host.named():
            raise
        if packages := programs.missing(*programs.NEEDED):
            machines = f"Virtual machines do, too: sudo apt-get install {' '.join(packages)}"
            raise type(none)(none.message, hint=f"{none.hint} {machines}".strip()) from none
        say(f"{none.message} Engines are virtual machines then: slower, and as real.")
        return Machines()


def present() -> Iterator[Driver]:
    """The drivers that may have something on this machine; none is started for that."""
    yield Machines()
    try:
        yield Containers(host.find(start=False))
    except HostMissing:
        return
    except HostError:
        if wanted() == "container":
            raise


def engines() -> list[tuple[Driver, Found]]:
    """Every engine of this user with its driver, oldest first."""
    found = [(driver, one) for driver in present() for one in driver.engines()]
    return sorted(found, key=lambda pair: pair[1].created)


def companions() -> list[Companion]:
    """Every hub and mirror of this user, oldest first."""
    found = [one for driver in present() for one in driver.companions()]
    return sorted(found, key=lambda one: one.created)


def down(*, images: bool = False) -> list[str]:
    """Remove all of this user's engines and whatever else of theirs is left; their names."""
    gone = [name for driver in present() for name in driver.down(images=images)]
    fleet.remove_folders()
    return gone
