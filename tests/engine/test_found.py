"""Whose an engine is, and when it is nobody's."""

from __future__ import annotations

import pytest

from labkit.engine.found import Found
from labkit.engine.spec import Spec, owner

GONE = owner().rpartition(":")[0] + ":0.00"  # a process of this machine that is not there any more


def _found(about: str) -> Found:
    """What these words say of it."""
    spec = Spec("26.1", keep="kept" in about, cluster="swarm" if "node" in about else "")
    whose = owner() if "mine" in about else GONE
    return Found("one", spec, "id", whose, running="ended" not in about, aside="aside" in about)


@pytest.mark.parametrize(
    "about", ["mine", "mine, ended", "mine, node", "mine, node, ended", "kept", "kept, node, ended"]
)
def test_it_is_needed(about: str) -> None:
    """As long as its owner lives, who may start it again; what is kept, as long as it runs."""
    assert not _found(about).orphan


@pytest.mark.parametrize(
    "about", ["", "ended", "node", "node, ended", "kept, ended", "mine, kept, ended",
              "mine, aside", "kept, aside"]
)  # fmt: skip
def test_it_is_nobodys(about: str) -> None:
    """Its owner has ended; it was kept and has ended; a reset has put another in its place."""
    assert _found(about).orphan
