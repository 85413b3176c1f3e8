"""What a feed keeps up to date: one kind of thing in an engine, and how it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from labkit import raw
from labkit.errors import LabError

__all__ = ["Change", "Kind", "Topic", "ask"]

JSON = Mapping[str, Any]
Kind = Literal["load", "put", "drop"]


@dataclass(frozen=True)
class Change:
    """That something is another now.

    ``load``: all of the topic is new. ``put``: the thing with that ``id`` is new or another.
    ``drop``: it is gone. The topic itself has already changed when this is told.
    """

    topic: str
    kind: Kind
    id: str = ""


class Topic(Protocol):
    """One kind of thing: containers, images, networks, volumes, or the events themselves.

    A feed calls both methods on its own thread; everybody else only reads.
    """

    @property
    def name(self) -> str:
        """What it is called in a :class:`Change`."""
        ...

    @property
    def types(self) -> frozenset[str]:
        """The ``Type`` of the events that concern it."""
        ...

    def load(self, client: raw.Client) -> Change:
        """Forget everything and ask the engine what there is."""
        ...

    def take(self, client: raw.Client, event: JSON) -> Change | None:
        """Take one event of these types, ask for more where needed, and say what changed."""
        ...


def ask(client: raw.Client, path: str) -> Any:
    """Send ``GET path`` and return the JSON that is answered.

    :raises LabError: it is refused, or nobody answers, or not with JSON.
    """
    try:
        return client.get(path).json()
    except ValueError as cause:
        raise LabError(f"What listens at {client.endpoint.url} is no Docker Engine.") from cause
