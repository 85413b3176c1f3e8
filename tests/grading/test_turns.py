"""Turns: as many processes as may have one at a time, and an end of any kind gives it back."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.errors import WaitTimeout
from labkit.grading.turns import Turns

_HOLDER = """
import sys, pathlib
from labkit.grading.turns import Turns
Turns(pathlib.Path(sys.argv[1]), 2).take(10)
print("mine", flush=True)
sys.stdin.read()
"""


def _holder(path: Path) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(path)], text=True, **pipes)
    assert holder.stdout
    assert holder.stdout.readline() == "mine\n"
    return holder


def test_a_turn_is_free_again_when_its_process_is_killed(tmp_path: Path) -> None:
    """Two have the two turns, a third one waits in vain, until one of the two is killed."""
    path = tmp_path / "turns"
    with _holder(path) as one, _holder(path) as two:
        with pytest.raises(WaitTimeout, match="a turn to run"):
            Turns(path, 2).take(0.2)
        one.send_signal(signal.SIGKILL)
        one.wait()
        Turns(path, 2).take(10)
        two.kill()
