"""Turns: as many processes as may have one at a time, and an end of any kind gives it back."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

_HOLDER = """
import sys, pathlib
from labkit.grading.turns import Turns
Turns(pathlib.Path(sys.argv[1]), 2).take(float(sys.argv[2]))
print("mine", flush=True)
sys.stdin.read()
"""


def _holder(path: Path) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(path), "10"], text=True, **pipes)
    assert holder.stdout
    assert holder.stdout.readline() == "mine\n"
    return holder


def _in_vain(path: Path) -> bool:
    command = [sys.executable, "-c", _HOLDER, str(path), "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 1 and "a turn to run" in done.stderr


def test_a_turn_is_free_again_when_its_process_is_killed(tmp_path: Path) -> None:
    """Two have the two turns, a third one waits in vain, until one of the two is killed."""
    path = tmp_path / "turns"
    with _holder(path) as one, _holder(path) as two:
        assert _in_vain(path)
        one.send_signal(signal.SIGKILL)
        one.wait()
        with _holder(path) as three:
            three.kill()
        two.kill()
