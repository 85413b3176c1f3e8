"""Benchmarks are collected where they are asked for, with ``--benchmark-enable``."""

from __future__ import annotations

import pytest


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave the folder out of a run that only tests."""
    return None if config.getoption("benchmark_enable") else True
