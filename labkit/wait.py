"""The one polling loop, and how patient it is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from labkit.errors import WaitTimeout

T = TypeVar("T")
PACE = "LABKIT_PACE"  # in the environment, so that a judge and a sandbox know it, too


def set_pace(factor: float) -> None:
    """Say how many times longer than in a container things may take where engines live now."""
    if factor == 1:
        os.environ.pop(PACE, None)  # as it is where nobody has said anything
    else:
        os.environ[PACE] = f"{factor:g}"


def paced(seconds: float) -> float:
    """What takes so many seconds at most with engines in containers may take this many here."""
    return seconds * float(os.environ.get(PACE) or 1)


def until(
    probe: Callable[[], T | None],
    *,
    what: str,
    timeout: float = 10.0,
    interval: float = 0.01,
    hint: str = "",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call ``probe`` until it returns something true, and return that.

    :param what: what is waited for, as it stands in a sentence: "the engine's answer".
    :param timeout: seconds to wait at most, at a container's pace: see :func:`paced`.
    :param interval: seconds between two calls of ``probe``.
    :param hint: what to do when it never comes true.
    :raises WaitTimeout: after all that time.
    """
    patience = paced(timeout)
    deadline = clock() + patience
    while not (found := probe()):
        if clock() >= deadline:
            raise WaitTimeout(f"Waited {patience:g} s in vain for {what}.", hint=hint)
        sleep(interval)
    return found
