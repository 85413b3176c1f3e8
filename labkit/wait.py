"""The one polling loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from labkit.errors import WaitTimeout

T = TypeVar("T")


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
    :param timeout: seconds to wait at most.
    :param interval: seconds between two calls of ``probe``.
    :param hint: what to do when it never comes true.
    :raises WaitTimeout: after ``timeout`` seconds.
    """
    deadline = clock() + timeout
    while not (found := probe()):
        if clock() >= deadline:
            raise WaitTimeout(f"Waited {timeout:g} s in vain for {what}.", hint=hint)
        sleep(interval)
    return found
