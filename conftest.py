"""Keeps what the notebooks do in tests away from the person who runs them."""

from __future__ import annotations

import os
import tempfile

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Progress that tests make is thrown away."""
    folder = tempfile.TemporaryDirectory(prefix="labkit-progress-")
    config.add_cleanup(folder.cleanup)
    os.environ["LABKIT_PROGRESS"] = folder.name
