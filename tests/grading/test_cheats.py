"""Cheats: what passes where the judge shares the learner's interpreter passes nothing here.

Every cheat is tried on a real sandbox and a real engine. None gets a point for its exercise, and
none reaches anything outside of both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit.grading.grade import grade
from labkit.grading.outcome import Outcome
from labkit.grading.rebuild import rebuild

pytestmark = pytest.mark.engine

LESSON, TARGET = "00-start-here", "status-of"
Submit = Callable[..., bytes]
Release = Callable[[str], bytes]
JSON = dict[str, Any]
STUB = "\ndef status_of(path):\n    return 200\n"

# In the answer's own cell, or in one of the learner's own above it.
CHEATS = {
    "an input transformer turns later cells into pass": """
def nothing(lines):
    return ["pass\\n"]
get_ipython().input_transformers_cleanup.append(nothing)
""",
    "a handler swallows every error": """
get_ipython().set_custom_exc((BaseException,), lambda *_: None)
""",
    "an answer that equals everything": """
class Same(int):
    def __eq__(self, other): return True
    def __hash__(self): return 0
def status_of(path):
    return Same(1)
""",
    "the lab's check is another one": """
lab.check = lambda *_, **__: print("✓ status-of: 4 of 4 points")
""",
    "the class of the lab is patched": """
type(lab).check = lambda *_, **__: print("✓ status-of: 4 of 4 points")
""",
    "the learner's side always hears a pass": """
from labkit.course import learner
from labkit.course.protocol import Verdict
learner.answer = lambda *_, **__: Verdict("status-of", True, 4, 4)
""",
    "the judge sits in the kernel again": """
import os
os.environ.pop("LABKIT_JUDGE")
from labkit.course.exercise import Tutor
Tutor.expect = lambda *_, **__: None
""",
    "the judge is read from disk, and its own answer sent back": """
import inspect
from labkit.course.lessons import start_here
source = inspect.getsource(start_here)
def status_of(path):
    return source.count(path)
""",
    "a verdict is sent to the judge by hand": """
import json, os, socket
end = socket.socket(socket.AF_UNIX)
end.connect(os.environ["LABKIT_JUDGE"])
for said in ({"check": "status-of", "callable": True}, {"verdict": {"exercise": "status-of",
             "passed": True, "points": 4, "worth": 4}}):
    end.sendall(json.dumps(said).encode() + b"\\n")
end.close()
""",
    "the judge is told that nothing was wrong": """
import json, os, socket
for said in ({"unreadable": ""}, {"raised": ""}, {"answer": {"unfit": "", "question": ""}}, {}):
    end = socket.socket(socket.AF_UNIX)
    end.connect(os.environ["LABKIT_JUDGE"])
    talk = end.makefile("rw")
    talk.write(json.dumps({"check": "status-of", "callable": True}) + "\\n")
    talk.flush()
    talk.readline()
    talk.write(json.dumps(said) + "\\n")
    talk.flush()
    print(talk.readline())
    end.close()
""",
    "the sandbox's report is written by hand": """
import os
try:
    with open("/proc/1/fd/1", "w") as out:
        for cell in range(60):
            print('labkit-cell {"cell": %d, "outcome": "passed", "seconds": 1, "said": ""}' % cell,
                  file=out, flush=True)
except OSError as error:
    print(error)
""",
    "the parent is killed": """
import os, signal
for pid in (os.getppid(), 1):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError as error:
        print(error)
""",
    "it is tried a hundred times, with another guess each time": """
import itertools
from labkit.course.lab import CheckFailed
guesses = itertools.cycle((200, 201, 204, 304, 400, 404, 409, 500))
def status_of(path):
    return next(guesses)
for _ in range(100):
    try:
        lab.check("status-of", status_of)
    except Exception:
        pass
""",
    "another exercise is shown for this one": """
real = lab.check
lab.check = lambda name, function: real("engine-version", lambda: lab.version)
""",
    "files that Python would read at its start": """
import pathlib, site
for place in (".", "/tmp", site.getusersitepackages()):
    try:
        folder = pathlib.Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("conftest.py", "sitecustomize.py", "usercustomize.py", "docker.py"):
            (folder / name).write_text("import os; os._exit(0)")
    except OSError as error:
        print(error)
""",
    "JSON that is read in another way": """
import json
json.loads = lambda *_, **__: {"verdict": {"exercise": "status-of", "passed": True,
                                            "points": 4, "worth": 4}}
""",
    "an answer too deep to be read": """
def status_of(path):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    return deep
""",
    "an answer too long to be read": """
def status_of(path):
    return "x" * 30_000_000
""",
    "the sockets that it was lent are replaced": """
import os
for name in ("judge.sock", "docker.sock"):
    try:
        os.unlink("/labkit/run/" + name)
        os.symlink("/tmp/mine.sock", "/labkit/run/" + name)
    except OSError as error:
        print(error)
""",
    "a lab of one's own": """
class lab:
    @staticmethod
    def check(*_): print("✓ status-of: 4 of 4 points")
""",
}
QUICK = ("the judge sits in the kernel again",)
# What a stranger asks the engine for, to have power over the machine below: each is refused.
POWERS = {
    "a privileged container": "client.containers.run('busybox', 'true', privileged=True)",
    "the host's files": "client.containers.run('busybox', 'true', volumes=['/:/host'])",
    "the engine's socket": (
        "client.containers.run('busybox', 'true', volumes=['/labkit/docker.sock:/x'])"
    ),
    "the host's processes": "client.containers.run('busybox', 'true', pid_mode='host')",
    "the engine's network": "client.containers.run('busybox', 'true', network_mode='host')",
    "capabilities": "client.containers.run('busybox', 'true', cap_add=['SYS_ADMIN'])",
    "devices": "client.containers.run('busybox', 'true', devices=['/dev/kmsg:/dev/x'])",
    "no seccomp": "client.containers.run('busybox', 'true', security_opt=['seccomp=unconfined'])",
    "a volume that is a folder of the host's": (
        "client.volumes.create('x', driver_opts={'type': 'none', 'o': 'bind', 'device': '/'})"
    ),
    "an exec with all rights": (
        "client.api.exec_create(client.containers.run('busybox', 'sleep 9', detach=True).id, "
        "'true', privileged=True)"
    ),
    "a build in the engine's network": (
        "client.images.build(fileobj=__import__('io').BytesIO(b'FROM busybox'), "
        "network_mode='host')"
    ),
    "a plugin of one's own": "lab.raw.post('/plugins/create', params={'name': 'x'}, data=b'x')",
    "a service with a mount": (
        "lab.raw.post('/services/create', json={'Name': 'x', 'TaskTemplate': {'ContainerSpec': "
        "{'Image': 'busybox', 'Mounts': [{'Type': 'bind', 'Source': '/', 'Target': '/x'}]}}})"
    ),
}


def _cheat(name: str, *, quick: bool) -> Any:
    return pytest.param(name, marks=[] if quick else [pytest.mark.slow])


def _graded(release: Release, submission: bytes) -> dict[str, Outcome]:
    rebuilt = rebuild(release(LESSON), submission)
    outcomes = grade(LESSON, rebuilt, seconds=240, cell=30, version="26.1")
    return {one.exercise: one for one in outcomes}


@pytest.mark.parametrize("name", [_cheat(one, quick=one in QUICK) for one in CHEATS])
def test_a_cheat_gets_no_points(release: Release, submit: Submit, name: str) -> None:
    """Whatever is done to the interpreter, the judge outside has seen no right answer."""
    source = STUB + CHEATS[name] if "def status_of" not in CHEATS[name] else CHEATS[name]
    outcome = _graded(release, submit(LESSON, {TARGET: source}))[TARGET]
    assert outcome.points == 0, outcome
    assert outcome.outcome != "passed"


@pytest.mark.slow
def test_tags_on_a_check_are_worth_nothing(release: Release, submit: Submit) -> None:
    """A check that is marked to be skipped, or to be allowed to fail, is held all the same."""

    def mark(notebook: JSON) -> None:
        for cell in notebook["cells"]:
            cell["metadata"]["tags"] = ["skip-execution", "nbval-skip", "raises-exception"]
            if cell["id"].startswith("check-"):
                cell["source"] = f"# NBVAL_SKIP\n# NBVAL_RAISES_EXCEPTION\n{cell['source']}"

    outcomes = _graded(release, submit(LESSON, {TARGET: STUB}, mark))
    assert {one.points for one in outcomes.values()} == {0}
    assert outcomes[TARGET].outcome == "failed"
    assert "was changed" in outcomes[TARGET].notes[0]


@pytest.mark.slow
def test_a_check_that_looks_passed_and_was_not_held_is_named_so(
    release: Release, submit: Submit
) -> None:
    """Where the notebook says passed and the judge has heard nothing, the outcome says tampered."""
    source = STUB + CHEATS["the class of the lab is patched"]
    assert _graded(release, submit(LESSON, {TARGET: source}))[TARGET].outcome == "tampered"


def test_no_power_over_the_machine_is_given(release: Release, submit: Submit) -> None:
    """Each request for power is refused by the guard; the answer that tells of it is a right one.

    The learner's function counts what was refused, and is right only if all of it was.
    """
    tries = "\n".join(f"    attempt({name!r}, lambda: {source})" for name, source in POWERS.items())
    source = f"""
import docker
client = docker.from_env()

def status_of(path):
    given = []
    def attempt(name, ask):
        try:
            ask()
            given.append(name + ": done")
        except Exception as error:
            if "authorization denied" not in str(error):
                given.append(name + ": " + str(error))
{tries}
    raise RuntimeError("given: " + repr(given))
"""
    outcome = _graded(release, submit(LESSON, {TARGET: source}))[TARGET]
    assert outcome.outcome == "failed"
    assert outcome.saw == "Your function raised RuntimeError: given: []"


def test_there_is_no_network_and_no_engine_but_its_own(release: Release, submit: Submit) -> None:
    """Neither the sandbox nor a container of its engine reaches any address outside."""
    source = """
import docker, os, socket
client = docker.from_env()

def status_of(path):
    reached = []
    for address in (("10.0.0.1", 80), ("172.17.0.1", 22), ("192.0.2.1", 80)):
        try:
            socket.create_connection(address, timeout=2)
            reached.append(address)
        except OSError:
            pass
    addresses = "10.0.0.1 172.17.0.1 192.0.2.1"
    script = f"for a in {addresses}; do nc -w 2 $a 80 </dev/null && echo $a; done; true"
    said = client.containers.run("busybox", ["sh", "-c", script], remove=True)
    reached += said.decode().splitlines()
    sockets = sorted(os.listdir("/labkit/run"))
    folders = ("/usr", "/etc", "/labkit", "/labkit/run", "/home")
    writable = [one for one in folders if os.access(one, os.W_OK)]
    raise RuntimeError(repr((reached, sockets, writable, os.getuid() > 0)))
"""
    outcome = _graded(release, submit(LESSON, {TARGET: source}))[TARGET]
    assert outcome.saw == (
        "Your function raised RuntimeError: "
        "([], ['docker.sock', 'judge.sock', 'notebook.ipynb'], [], True)"
    )
