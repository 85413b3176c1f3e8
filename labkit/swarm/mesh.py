"""Whether there is a routing mesh, which leads a published port from every node to some task.

It is made of IPVS, a part of the kernel that all nodes share and that not every kernel has.
"""

from __future__ import annotations

from collections.abc import Iterable

from labkit.engine.engine import Engine
from labkit.errors import EngineError
from labkit.security.inside import Inside

__all__ = ["about", "is_there"]

_NO_MESH = (
    "This kernel has no IPVS: the routing mesh and the addresses of services answer nothing. "
    'Publish ports with mode "host", and let services be found by DNS (endpoint mode dnsrr).'
)
_MESH = "This kernel has IPVS: a published port answers at every node, wherever its tasks run."


def is_there(nodes: Iterable[Engine]) -> bool:
    """Whether the kernel of these nodes has IPVS, as one of them that runs sees it.

    :raises EngineError: none of them runs.
    """
    for node in nodes:
        if node.alive:
            return Inside(node).run("test", "-e", "/proc/net/ip_vs") == 0
    raise EngineError("None of the nodes runs.", hint="bring_back() starts one again.")


def about(*, there: bool) -> str:
    """What it means that it is there, or not, in words."""
    return _MESH if there else _NO_MESH
