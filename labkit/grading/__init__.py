"""Grading: a class's submissions in, trusted scores out.

The names below are what both sides of a sandbox's wall call things.
"""

SEAT = "/labkit/run"
"""The folder that a sandbox is lent, as it is called inside."""

NOTEBOOK, HUB, ENGINE, JUDGE = "notebook.ipynb", "hub.sock", "docker.sock", "judge.sock"
"""What is in it."""

MARK = "labkit-cell "
"""How a line begins that tells of a cell."""
