"""Engines for tests: one for a test session, and fresh ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.engine.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that the tests of this process share; a test removes what it made on it."""
    with Engine.start() as engine:
        yield engine


@pytest.fixture
def fresh_engine() -> Iterator[Engine]:
    """An engine for one test alone, free to be broken."""
    with Engine.start() as engine:
        yield engine
