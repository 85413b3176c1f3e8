"""What of the kit's is there on this machine, whichever driver made it."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.engine.spec import Spec, owner_lives

__all__ = ["Companion", "Found"]


@dataclass(frozen=True)
class Found:
    """An engine as its driver finds it."""

    name: str
    spec: Spec
    id: str
    owner: str
    running: bool = True
    created: int = 0
    aside: bool = False

    @property
    def orphan(self) -> bool:
        """Whether nobody needs it any more: the process that it was started for has ended.

        One that does not run is its owner's, too, who may be about to start it again, or to read
        its last words. One that is kept has no owner: it is needed as long as it runs.
        """
        if self.spec.keep:
            return self.aside or not (self.running or self.spec.cluster)
        return self.aside or not owner_lives(self.owner)


@dataclass(frozen=True)
class Companion:
    """A hub, a mirror or a sandbox as its driver finds it.

    ``address`` is what engines reach it at, ``port`` where it is on this machine's loopback.
    """

    name: str
    kind: str
    id: str
    owner: str
    keep: bool
    created: int
    address: str
    port: int

    @property
    def orphan(self) -> bool:
        """Whether nobody needs it any more: the process that it was started for has ended."""
        return not (self.keep or owner_lives(self.owner))
