"""Docker API Lab: learn the Docker Engine API on real, disposable engines.

The menu. A notebook begins with ``lab = labkit.lab("02-run-and-stop")``; the rest is for whoever
wants more than that one engine.
"""

from labkit import raw, streams, tables
from labkit.course.lab import Lab, lab
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import APIError, LabError
from labkit.panels.containers import ContainersPanel
from labkit.wire import record

__all__ = [
    "APIError",
    "ContainersPanel",
    "Endpoint",
    "Engine",
    "Lab",
    "LabError",
    "lab",
    "raw",
    "record",
    "streams",
    "tables",
]
