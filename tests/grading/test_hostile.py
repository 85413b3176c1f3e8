"""Hostile notebooks: each comes to its end, in its time, with a clear outcome, and leaves nothing.

What bounds them is real: the sandbox, the engine's fence, the guard, and the wall clock.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from labkit import wait
from labkit.grading.grade import grade
from labkit.grading.outcome import Outcome
from labkit.grading.rebuild import rebuild
from labkit.grading.results import Results

pytestmark = [pytest.mark.engine, pytest.mark.slow]

LESSON, TARGET = "00-start-here", "status-of"
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
Submit = Callable[..., bytes]
Release = Callable[[str], bytes]
Reference = Callable[[str], dict[str, str]]
STUB = "\ndef status_of(path):\n    return 200\n"

# In the answer's cell; and what may be said of it.
HOSTILE = {
    "an endless loop": ("while True:\n    pass", {"timeout"}),
    "a loop that no interrupt ends": (
        """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
        {"timeout"},
    ),
    "an endless check": (
        "import time\ndef status_of(path):\n    time.sleep(3600)",
        {"timeout", "failed"},
    ),
    "a fork bomb": (
        "import os\nwhile True:\n    os.fork()",
        {"timeout", "failed", "kernel died"},
    ),
    "a fork bomb of the shell's": (
        "import subprocess\nsubprocess.run(['sh', '-c', 'b() { b | b & }; b'])" + STUB,
        {"timeout", "failed", "kernel died"},
    ),
    "all the memory": (
        "hoard = []\nwhile True:\n    hoard.append(bytes(2**24).replace(b'\\0', b'x'))",
        {"kernel died", "timeout"},
    ),
    "a gigabyte of output": (
        "for _ in range(1024):\n    print('x' * 2**20)" + STUB,
        {"failed", "timeout", "kernel died"},
    ),
    "a gigabyte of output in one go": (
        "import sys\nsys.stdout.write('x' * 2**30)" + STUB,
        {"failed", "timeout", "kernel died"},
    ),
    "a disk full of zeros": (
        "with open('/tmp/zeros', 'wb') as file:\n    while True:\n        file.write(bytes(2**20))",
        {"failed"},
    ),
    "a kernel that is killed": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        {"kernel died"},
    ),
    "a parent that is killed": (
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)" + STUB,
        {"kernel died", "failed"},
    ),
    "a parent that is stopped": (
        "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)" + STUB,
        {"kernel died", "failed", "timeout"},
    ),
    "orphans with a session of their own": (
        """
import subprocess
for _ in range(40):
    subprocess.Popen(["sh", "-c", "trap '' TERM HUP INT; sleep 3600"], start_new_session=True)
"""
        + STUB,
        {"failed"},
    ),
    "a flood of sockets at the engine": (
        """
import socket
flood = []
while True:
    flood.append(socket.socket(socket.AF_UNIX))
    flood[-1].connect(str(lab.socket))
    flood[-1].sendall(b"GET /v1.44/events HTTP/1.1\\r\\nHost: docker\\r\\n\\r\\n")
""",
        {"failed", "timeout"},
    ),
    "a flood of sockets at the judge": (
        """
import os, socket
flood = []
while True:
    flood.append(socket.socket(socket.AF_UNIX))
    flood[-1].connect(os.environ["LABKIT_JUDGE"])
""",
        {"failed", "timeout"},
    ),
    "ten thousand containers": (
        """
for number in range(10_000):
    lab.docker.containers.create("busybox", "true")
"""
        + STUB,
        {"failed", "timeout"},
    ),
    "a container that fills the engine's disk": (
        """
lab.docker.containers.run("busybox", ["sh", "-c", "cat /dev/zero >/full; true"])
"""
        + STUB,
        {"failed", "timeout"},
    ),
    "a container that takes the engine's memory": (
        """
lab.docker.containers.run("busybox", ["sh", "-c", "tail -c 8G /dev/zero; true"])
"""
        + STUB,
        {"failed", "timeout"},
    ),
    "a fork bomb in a container": (
        """
lab.docker.containers.run("busybox", ["sh", "-c", "b() { b | b & }; b"], detach=True)
"""
        + STUB,
        {"failed", "timeout"},
    ),
    "a container that logs without end": (
        """
lab.docker.containers.run("busybox", "yes", detach=True)
time.sleep(8)
"""
        + STUB,
        {"failed", "timeout"},
    ),
}


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_comes_to_its_end(
    release: Release, submit: Submit, reference: Reference, name: str
) -> None:
    """It has no points and a reason; the exercise before it has been passed all the same."""
    source, expected = HOSTILE[name]
    rebuilt = rebuild(release(LESSON), submit(LESSON, reference(LESSON) | {TARGET: source}))
    graded = grade(LESSON, rebuilt, seconds=100, cell=20, version="26.1")
    outcomes = {one.exercise: one for one in graded}
    outcome = outcomes[TARGET]
    assert outcome.outcome in expected, outcome
    assert outcome.points == 0
    assert outcome.saw
    assert outcomes["engine-version"].outcome == "passed", outcomes["engine-version"]


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("name", ["a kernel that is killed", "an endless loop", "all the memory"])
def test_what_comes_after_a_hostile_answer_is_judged_too(
    release: Release, submit: Submit, reference: Reference, name: str
) -> None:
    """A right answer below it has all its points."""
    answers = reference(LESSON) | {TARGET: HOSTILE[name][0]}
    graded = grade(
        LESSON, rebuild(release(LESSON), submit(LESSON, answers)),
        seconds=240, cell=20, version="26.1",
    )  # fmt: skip
    passed: dict[str, Outcome] = {one.exercise: one for one in graded}
    assert passed["common-version"].outcome == "passed", passed["common-version"]


class Grading:
    """``labkit grade`` at work on a class of three, two at a time."""

    def __init__(self, folder: Path, contents: dict[str, bytes]) -> None:
        self.submitted, self.out = folder / "in", folder / "out"
        for student, content in contents.items():
            path = self.submitted / student / LESSON / f"{LESSON}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_bytes(content)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start it."""
        program = str(Path(sys.executable).with_name("labkit"))
        command = [program, "grade", str(self.submitted), "--out", str(self.out), "--jobs=2"]
        return subprocess.Popen(
            [*command, f"--course={NOTEBOOKS}", "--timeout=100", *options],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def outcomes(self) -> dict[str, list[str]]:
        """What is known of each student."""
        found = Results(self.out).all()
        return {one.student: [it.outcome for it in one.outcomes] for one in found}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_grading_that_was_ended_goes_on(
    tmp_path: Path,
    solved: Submit,
    submit: Submit,
    end: signal.Signals,
    leaves_nothing: set[int],
) -> None:
    """One result is there, the others are at work: that one is kept, and all is there at last."""
    slow = submit(LESSON, {TARGET: HOSTILE["an endless loop"][0]})
    grading = Grading(tmp_path, {"ann": solved(LESSON), "bob": slow, "cat": slow})
    with grading.start() as process:
        wait.until(lambda: "ann" in grading.outcomes(), what="the first result", timeout=100)
        me = psutil.Process(process.pid)
        below = wait.until(lambda: me.children(recursive=True), what="the next ones to begin")
        leaves_nothing |= {process.pid, *(one.pid for one in below)}
        process.send_signal(end)
        said = process.communicate()[0]
    assert end == signal.SIGKILL or "--resume goes on" in said
    gone, alive = psutil.wait_procs(below, timeout=60)
    assert gone
    assert alive == []
    before = Results(grading.out).path("ann", LESSON).stat().st_mtime_ns
    with grading.start("--resume") as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    outcomes = grading.outcomes()
    assert outcomes["ann"] == ["passed"] * 3
    assert outcomes["bob"] == outcomes["cat"]
    assert outcomes["bob"][1] == "timeout"
    assert Results(grading.out).path("ann", LESSON).stat().st_mtime_ns == before


def test_files_that_are_no_notebooks_touch_nobody_else(tmp_path: Path, solved: Submit) -> None:
    """Whatever was handed in beside a good notebook: that one has its points, each has a reason."""
    good = solved(LESSON)
    contents = {
        "ann": good,
        "no json": b"{",
        "binary": bytes(range(256)) * 100,
        "deep": b"[" * 200_000,
        "of another format": good.replace(b'"nbformat": 4', b'"nbformat": 99'),
        "two hundred megabytes": good + b" " * (200 * 2**20),
    }
    grading = Grading(tmp_path, contents)
    with grading.start() as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    outcomes = grading.outcomes()
    assert outcomes["ann"] == ["passed"] * 3
    for student in contents.keys() - {"ann"}:
        assert set(outcomes.get(student, ["not run"])) == {"not run"}, student
        assert student in said or student in outcomes, said
    assert "MB" in said


@pytest.mark.usefixtures("leaves_nothing")
def test_the_same_input_gives_the_same_scores(
    release: Release, submit: Submit, reference: Reference
) -> None:
    """Right and wrong answers graded twice: outcomes, points, questions and notes are the same.

    The names that a judge makes up, and tells of, are others each time: learn none by heart.
    """
    answers = {"engine-version": "def engine_version():\n    return '1.0'", TARGET: STUB}
    rebuilt = rebuild(release(LESSON), submit(LESSON, reference(LESSON) | answers))
    once, again = (
        [
            (one.exercise, one.outcome, one.points, one.worth, one.question, one.notes)
            for one in grade(LESSON, rebuilt, seconds=200, cell=20, version="26.1")
        ]
        for _ in range(2)
    )
    assert once == again
