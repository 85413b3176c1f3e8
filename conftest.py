"""Keeps what the notebooks do in tests away from the person who runs them."""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# Machines are noisy: no test fails for being slow, and the same tests try the same examples.
settings.register_profile(
    "labkit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("labkit")


def pytest_configure(config: pytest.Config) -> None:
    """Progress that tests make is thrown away."""
    folder = tempfile.TemporaryDirectory(prefix="labkit-progress-")
    config.add_cleanup(folder.cleanup)
    os.environ["LABKIT_PROGRESS"] = folder.name
