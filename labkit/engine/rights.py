"""What an engine's container may do: all that this machine can give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import docker

KNOWS_ALL = (1, 42)
NEWEST = ("PERFMON", "BPF", "CHECKPOINT_RESTORE")
CAPABILITIES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]  # in the kernel's order: capability n is bit n


def all_there_are(api: docker.APIClient) -> dict[str, Any]:
    """All rights that this machine can give to a container of the host engine ``api``."""
    return all_but(missing_capabilities(), api.api_version)


def all_but(missing: list[str], api_version: str) -> dict[str, Any]:
    """All rights but those, as ``HostConfig`` has them: a privileged container, mostly.

    Docker gives a privileged container every capability that it knows of, and fails where one
    can't be given. An Engine before 23.0 (API 1.42) does not know, nor give, the newest three.

    :param missing: the capabilities that this machine lacks itself.
    """
    if tuple(map(int, api_version.split("."))) < KNOWS_ALL:
        missing = [name for name in missing if name not in NEWEST]
    if not missing:
        return {"Privileged": True}
    return {
        "CapAdd": ["ALL"],
        "CapDrop": missing,
        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
        "MaskedPaths": [],
        "ReadonlyPaths": [],
    }


def missing_capabilities(status: str | None = None) -> list[str]:
    """The capabilities that the kernel knows and this machine may not give to a container.

    :param status: the text of ``/proc/self/status``; empty where there is no such file.
    """
    if status is None:
        path = Path("/proc/self/status")
        status = path.read_text() if path.exists() else ""
    found = re.search(r"^CapBnd:\s*([0-9a-f]+)", status, re.MULTILINE)
    bounding = int(found[1], 16) if found else ~0
    return [name for bit, name in enumerate(CAPABILITIES) if not bounding >> bit & 1]
