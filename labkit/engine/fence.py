"""What an engine may use of this machine when nobody knows who works with it: in grading."""

from __future__ import annotations

from typing import Any

__all__ = ["ALONE", "DISK", "NOBODY", "hostconfig"]

ALONE = "none"
"""The network of an engine that reaches nothing: what runs in it reaches each other only."""

NOBODY = "127.0.0.1"
"""Whom an engine and its containers ask for names: a name that is not known is refused at once."""

_MEMORY = 2 * 2**30  # bytes; what its containers write is in memory, too, and counts
DISK = 2**30  # bytes
_PROCESSES = 2000
_CPUS = 2


def hostconfig() -> dict[str, Any]:
    """Bounds as ``POST /containers/create`` takes them: whatever is in the engine keeps to them."""
    return {
        "Memory": _MEMORY,
        "MemorySwap": _MEMORY,
        "PidsLimit": _PROCESSES,
        "NanoCpus": _CPUS * 10**9,
        "Dns": [NOBODY],
        "Tmpfs": {"/run": "exec,size=64m", "/var/lib/docker": f"exec,size={DISK}"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "8m", "max-file": "1"}},
    }
