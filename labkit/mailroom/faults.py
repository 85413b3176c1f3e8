"""What can go wrong in a mailroom. Each of these really happens, on the engine.

A fault happens in one of a few ways. Whoever breaks something is told what there is to be found.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from labkit import wait
from labkit.archives import File
from labkit.hub.hub import Hub
from labkit.mailroom import papers
from labkit.mailroom.mailroom import Mailroom
from labkit.mailroom.plan import STAMP

__all__ = ["FAULTS", "break_network", "break_one", "spend_budget"]

FAULTS: Mapping[str, tuple[str, ...]] = {
    "network": ("missing", "extra", "moved"),
    "worker": ("killed", "choked", "paused"),
    "secret": ("missing", "stale"),
    "certificate": tuple(papers.FLAWS),
    "budget": ("spent",),
    "volume": ("space", "files"),
}
"""The faults, and the ways in which each of them happens. Broken in this order, any of them can be
broken together."""

_MOVABLE = {
    "missing": ("visitor", "gate", "clerk", "store"),
    "extra": ("visitor", "gate", "clerk", "store"),
    "moved": ("visitor", "gate", "clerk"),  # the clerk would meet the store in the front as well
}
_JUNK = {
    "space": "dd if=/dev/zero of=/letters/core bs=1k 2> /dev/null",
    "files": "cd /letters; mkdir cache; while touch cache/$((n=n+1)) 2> /dev/null; do :; done",
}
_chance = secrets.SystemRandom()


def break_one(room: Mailroom, fault: str, way: str = "", *, hub: Hub | None = None) -> Any:
    """Break one thing, and return what there is to be found.

    :param fault: one of :data:`FAULTS`.
    :param way: one of its ways; by chance where none is given.
    :param hub: whose pulls are used up by ``budget``.
    """
    way = way or _chance.choice(FAULTS[fault])
    if fault == "network":
        return break_network(room, way)
    if fault == "budget" and hub is not None:
        return spend_budget(room, hub)
    {"worker": _worker, "volume": _volume, "secret": _secret, "certificate": _certificate}[fault](
        room, way
    )
    return way


def break_network(
    room: Mailroom, way: str, *, elsewhere: str = "bridge"
) -> dict[str, list[list[str]]]:
    """Pull a cable that a container needs, plug in one that it should not have, or both.

    :param elsewhere: a network that nobody in the mailroom should be in.
    :returns: ``missing`` and ``extra``: pairs of a container and a network.
    """
    container = f"{room.name}-{_chance.choice(_MOVABLE[way])}"
    planned = room.plan["cables"][container]
    others = [one for one in (*room.plan["networks"], elsewhere) if one not in planned]
    found: dict[str, list[list[str]]] = {"missing": [], "extra": []}
    if way != "extra":
        network = _chance.choice(planned)
        room.client.post(f"/networks/{network}/disconnect", json={"Container": container})
        found["missing"] = [[container, network]]
    if way != "missing":
        network = _chance.choice(others)
        room.client.post(f"/networks/{network}/connect", json={"Container": container})
        found["extra"] = [[container, network]]
    return found


def spend_budget(room: Mailroom, hub: Hub, *, window: str = "6h") -> str:
    """Replace the press by a new version, whose image the hub refuses: the pulls are used up.

    :param window: how long until the hub allows two pulls again.
    :returns: the name of the new image, as the plan has it now.
    """
    spent, wanted = hub.publish(f"press-{secrets.token_hex(3)}", 2)
    hub.change(limit=2, window=window)
    name, _, tag = spent.rpartition(":")
    room.client.post("/images/create", params={"fromImage": name, "tag": tag})
    room.client.delete(f"/images/{spent}")
    room.client.delete(f"/containers/{room.name}-press", params={"force": True})
    room.plan["containers"][f"{room.name}-press"]["Image"] = wanted
    return wanted


def _worker(room: Mailroom, way: str) -> None:
    worker = room["worker"]
    if way == "choked":
        worker.run(f": > /letters/in/00{secrets.token_hex(3)}")
    else:
        action = {"killed": "kill", "paused": "pause"}[way]
        room.client.post(f"/containers/{worker.name}/{action}")
    ends = {"killed": "exited", "choked": "exited", "paused": "paused"}[way]
    wait.until(lambda: worker.state.get("Status") == ends, what=f"the worker to be {ends}")


def _volume(room: Mailroom, way: str) -> None:
    room["store"].run(_JUNK[way])


def _secret(room: Mailroom, way: str) -> None:
    if way == "missing":
        room["clerk"].run(f"rm {STAMP}")
    else:
        room["clerk"].put(File(STAMP[1:], secrets.token_hex(12).encode(), 0o400))


def _certificate(room: Mailroom, way: str) -> None:
    gate = room["gate"]
    gate.put(*papers.filed(papers.FLAWS[way](room.authority, gate.name)))
