"""Looks at this machine and says what the lab will miss, with a remedy for each finding.

It only reads: nothing is started, changed or repaired.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import humanize
import psutil

from labkit import raw, transport
from labkit.engine import host, places, private, rights
from labkit.engine.vm import programs
from labkit.errors import HostMissing, LabError
from labkit.finding import Finding
from labkit.security import exposure

GIB = 2**30
TOLERATED = 5  # seconds between two clocks
THIS_CODE = 1767225600  # 2026-01-01: no clock that is right shows an earlier time


def examine() -> list[Finding]:
    """All findings, in the order in which a newcomer would mend them."""
    checks: tuple[Callable[[], Finding], ...] = (
        docker,
        python,
        capabilities,
        cgroups,
        disk,
        memory,
        ports,
        clock,
        ipvs,
    )
    return [*(check() for check in checks), *exposure.findings()]


def docker() -> Finding:
    """Whether there is a Docker to start engines on, or the means to start one."""
    try:
        found = host.find(start=False)
    except HostMissing as none:
        if why := private.obstacle():
            return _without_docker(none.message, why)
        return Finding("Docker", "good", "None runs; the kit can start a private one.")
    except LabError as bad:
        return _without_docker(bad.message, bad.hint)
    with raw.Client(found.endpoint) as client:
        version = client.get("/version").json()
    return Finding(
        "Docker",
        "good",
        f"Docker {version['Version']} (API {version['ApiVersion']}), {found.found_by}.",
    )


def _without_docker(message: str, remedy: str) -> Finding:
    """Engines are virtual machines then, if QEMU is there and nobody has named a Docker."""
    if host.named():
        return Finding("Docker", "bad", message, remedy)
    if packages := programs.missing(*programs.NEEDED):
        machines = f"Or have virtual machines: sudo apt-get install {' '.join(packages)}"
        return Finding("Docker", "bad", message, f"{remedy} {machines}")
    return Finding("Docker", "good", f"{message} Engines are virtual machines here.")


def python() -> Finding:
    """Whether this Python is one that the kit supports."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", "good", f"Python {version}.")
    return Finding("Python", "bad", f"Python {version}.", "Use Python 3.11, 3.12 or 3.13.")


def capabilities() -> Finding:
    """Whether a container can get the rights that dockerd needs."""
    missing = rights.missing_capabilities()
    essential = {"SYS_ADMIN", "NET_ADMIN", "MKNOD", "SYS_CHROOT"} & set(missing)
    if essential:
        return Finding(
            "Capabilities",
            "bad",
            f"This machine can't give {', '.join(sorted(essential))} to a container.",
            "If this is a container itself, start it with --privileged; else use another machine.",
        )
    if missing:
        return Finding("Capabilities", "good", f"All but {', '.join(missing)}: enough.")
    return Finding("Capabilities", "good", "All of them.")


def cgroups() -> Finding:
    """Which cgroup hierarchy containers are limited by."""
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return Finding("cgroups", "good", "Version 2.")
    if Path("/sys/fs/cgroup/memory").exists():
        return Finding("cgroups", "good", "Version 1.")
    if platform.system() != "Linux":
        return Finding("cgroups", "good", "Docker's own virtual machine sees to them.")
    return Finding(
        "cgroups",
        "bad",
        "No cgroup hierarchy is mounted at /sys/fs/cgroup.",
        "mount -t cgroup2 none /sys/fs/cgroup, as root.",
    )


def disk() -> Finding:
    """Whether the engine images and a few engines fit on the disk."""
    folder = places.home()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    seen = f"{humanize.naturalsize(free)} free at {folder}."
    if free < 1 * GIB:
        return Finding("Disk", "bad", seen, "Free 3 GB, or set LABKIT_HOME to a roomier disk.")
    if free < 3 * GIB:
        return Finding("Disk", "warning", seen, "An engine image takes 0.5 GB: free 3 GB.")
    return Finding("Disk", "good", seen)


def memory() -> Finding:
    """Whether an engine or two fit into memory; an idle one takes about 100 MB."""
    available = psutil.virtual_memory().available
    seen = f"{humanize.naturalsize(available)} available; an idle engine takes about 100 MB."
    if available < GIB // 2:
        return Finding("Memory", "bad", seen, "Close other programs; labkit down ends engines.")
    return Finding(
        "Memory",
        "good" if available > GIB else "warning",
        seen,
        "" if available > GIB else "Keep few notebooks open at a time.",
    )


def ports() -> Finding:
    """Whether a program can listen on loopback, and whether a socket's path is short enough."""
    try:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
    except OSError as refused:
        return Finding(
            "Ports",
            "bad",
            f"Nothing can listen on 127.0.0.1: {refused}.",
            "Bring the loopback interface up: ip link set lo up, as root.",
        )
    longest = len(os.fsencode(places.run() / ("n" * 24) / "docker.sock"))
    if longest > transport.PATH_LIMIT:
        return Finding(
            "Ports",
            "bad",
            f"{places.run()} is too long for unix sockets.",
            "Set LABKIT_HOME to a shorter folder.",
        )
    return Finding("Ports", "good", "Programs can listen on 127.0.0.1 and on unix sockets.")


def clock() -> Finding:
    """Whether this machine and the host engine agree on the time; certificates depend on it."""
    try:
        found = host.find(start=False)
        with raw.Client(found.endpoint) as client:
            theirs = parsedate_to_datetime(client.get("/_ping").headers["Date"]).timestamp()
    except (LabError, KeyError):
        theirs = time.time()
    if time.time() < THIS_CODE:
        return Finding("Clock", "bad", f"It is {time.ctime()} here.", "Set the clock.")
    if abs(theirs - time.time()) > TOLERATED:
        return Finding(
            "Clock",
            "warning",
            f"Docker's clock differs by {theirs - time.time():.0f} s.",
            "Restart Docker Desktop, or set the clock of the machine that Docker runs on.",
        )
    return Finding("Clock", "good", "Right, as far as can be seen.")


def ipvs() -> Finding:
    """Whether the kernel has IPVS, which Swarm's routing mesh needs."""
    if Path("/proc/net/ip_vs").exists():
        return Finding("IPVS", "good", "The kernel has it: Swarm's routing mesh works.")
    return Finding(
        "IPVS",
        "warning",
        "Not loaded: Swarm's routing mesh and service addresses don't answer.",
        "modprobe ip_vs, as root. Without it the Swarm lesson goes another way and says so.",
    )
