"""The judge in both its seats: beside the notebook, and outside it in a process of its own."""

from __future__ import annotations

import contextlib
import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import labkit
from labkit.course import exercise, judge, learner
from labkit.course.judge import Judge
from labkit.course.lab import CheckFailed
from labkit.course.protocol import Connection, Verdict
from labkit.course.stock import LABEL, Stock
from labkit.engine.engine import Engine
from labkit.errors import CourseError

pytestmark = pytest.mark.engine

NOTEBOOK = "00-start-here"  # its checks take least time
OUTSIDE = """
import json, socket, sys
from pathlib import Path
from labkit.course.judge import Judge, serve
from labkit.course.protocol import as_message
from labkit.endpoint import Endpoint

notebook, engine, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])

def note(verdict):
    with (folder / "heard").open("a") as heard:
        print(json.dumps(as_message(verdict)), file=heard)

judge = Judge(notebook, Endpoint(unix=engine), heard=note)
listener = socket.socket(socket.AF_UNIX)
listener.bind(str(folder / "judge.sock"))
listener.listen()
print("ready", flush=True)
serve(judge, listener)
"""


@dataclass(frozen=True)
class Outside:
    """A judge in a process of its own."""

    folder: Path
    process: subprocess.Popen[str]

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "judge.sock"

    def take(self) -> list[Verdict]:
        """The verdicts that it has come to since the last call: those that score."""
        heard = self.folder / "heard"
        lines = heard.read_text().splitlines() if heard.exists() else []
        heard.unlink(missing_ok=True)
        return [Verdict(**json.loads(line)) for line in lines]


@pytest.fixture(scope="module")
def seated(engine: Engine) -> Iterator[Outside]:
    """One judge outside, for all tests of this module: it has to survive them all."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path has to be short
        command = [sys.executable, "-c", OUTSIDE, NOTEBOOK, str(engine.socket), folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Outside(Path(folder), process)
            process.terminate()


@pytest.fixture
def outside(seated: Outside) -> Iterator[Outside]:
    """The judge outside, with nothing heard yet; it lives on after the test."""
    seated.take()
    yield seated
    assert seated.process.poll() is None


@pytest.fixture
def notebook(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[labkit.Lab]:
    """A notebook's lab on an engine that was given to it, as in a sandbox."""
    monkeypatch.setenv("LABKIT_SOCKET", str(engine.socket))
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path))
    with labkit.lab(NOTEBOOK) as given:
        yield given


@pytest.fixture
def sandboxed(
    notebook: labkit.Lab, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> labkit.Lab:
    """A notebook's lab whose judge sits outside."""
    monkeypatch.setenv("LABKIT_JUDGE", str(outside.socket))
    return notebook


@pytest.fixture(params=["notebook", "sandboxed"], ids=["beside", "outside"])
def either(request: pytest.FixtureRequest) -> labkit.Lab:
    """A notebook's lab, with the judge in either seat."""
    lab: labkit.Lab = request.getfixturevalue(request.param)
    return lab


def _right(lab: labkit.Lab) -> Callable[[str], int]:
    """A solution of status-of."""

    def status_of(path: str) -> int:
        try:
            return lab.raw.get(path).status_code
        except labkit.APIError as error:
            return error.status

    return status_of


def _wrong(_: str) -> int:
    """One that is wrong."""
    return 200


def _names(engine: Engine) -> Callable[[], list[str]]:
    """A solution of list-running."""
    return lambda: [str(one.name) for one in engine.docker.containers.list()]


def _verdict(engine: Engine, notebook: str, name: str, function: Any) -> Verdict:
    """What the judge beside says."""
    with judge.beside(Judge(notebook, engine.endpoint)) as connection:
        return learner.answer(connection, name, function)


def _kill(engine: Engine) -> None:
    with engine.host.client() as client:
        client.api.remove_container(engine.container_id, v=True, force=True)


def test_a_right_answer_passes_in_either_seat(
    either: labkit.Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same function, the same words."""
    either.check("status-of", _right(either))
    assert capsys.readouterr().out.splitlines()[-1] == "✓ status-of: 4 of 4 points"


def test_a_wrong_answer_fails_in_either_seat(either: labkit.Lab) -> None:
    """The same mistake, the same question."""
    with pytest.raises(CheckFailed) as failed:
        either.check("status-of", _wrong)
    verdict = failed.value.verdict
    assert verdict.saw.endswith("/json your function returned 200; the engine answers 404.")
    assert verdict.question.endswith("what does your function return when the engine refuses?")


def test_what_scores_is_what_the_judge_outside_says(
    sandboxed: labkit.Lab, outside: Outside
) -> None:
    """It notes each verdict on its own side, two clients one after the other."""
    sandboxed.check("status-of", _right(sandboxed))
    with pytest.raises(CheckFailed):
        sandboxed.check("status-of", _wrong)
    passed, failed = outside.take()
    assert (passed.passed, passed.points, passed.worth) == (True, 4, 4)
    assert (failed.passed, failed.points, failed.worth) == (False, 0, 4)


def _keep_volumes(engine: Engine) -> Callable[[str], None]:
    """A clean-up that leaves anonymous volumes behind."""

    def clean_up(label: str) -> None:
        for one in engine.docker.containers.list(all=True, filters={"label": label}):
            one.remove(force=True)

    return clean_up


@pytest.mark.parametrize(
    ("notebook", "name", "answer"),
    [
        ("01-list-containers", "list-running", _names),
        ("02-run-and-stop", "clean-up", _keep_volumes),
        ("03-inspect", "facts", lambda _: lambda _: 1 / 0),
        ("01-list-containers", "readable-table", lambda _: None),
    ],
    ids=["passed", "failed", "raised", "no function"],
)
def test_the_stock_is_gone_and_the_learners_things_stay(
    engine: Engine, notebook: str, name: str, answer: Callable[[Engine], Any]
) -> None:
    """After a check, whatever its verdict, the engine has what it had before, in the same state."""
    own = engine.docker.containers.run("busybox", ["sleep", "600"], name="mine", detach=True)
    idle = engine.docker.containers.create("busybox", labels={"team": "mine"}, volumes=["/own"])

    def things() -> Any:
        rows = engine.raw.get("/containers/json", params={"all": True}).json()
        volumes = engine.raw.get("/volumes").json()["Volumes"] or []
        containers = {(row["Id"], row["State"], row["Created"]) for row in rows}
        return containers, {volume["Name"] for volume in volumes}

    before = things()
    verdict = _verdict(engine, notebook, name, answer(engine))
    after = things()
    for container in (own, idle):
        container.remove(force=True, v=True)
    assert verdict.passed == (answer is _names)
    assert after == before


def test_what_a_killed_check_left_behind_is_cleared_by_the_next(engine: Engine) -> None:
    """Stock that nobody took away is no longer there when the learner's function is called."""
    left = Stock(engine.docker).create()
    seen = []

    def look() -> None:
        seen.extend(engine.docker.containers.list(all=True))

    _verdict(engine, "01-list-containers", "list-running", look)
    assert seen
    assert left.id not in {one.id for one in seen}


def test_a_client_that_hangs_up_midway_is_forgotten(
    sandboxed: labkit.Lab, outside: Outside
) -> None:
    """Hung up before the opening, after it, and when called: the next client is served."""
    judge.reach(outside.socket).close()
    with judge.reach(outside.socket) as connection:
        connection.send("check", "status-of", callable=True)
    with judge.reach(outside.socket) as connection:
        connection.send("check", "status-of", callable=True)
        assert connection.receive() == {"call": ["/_ping"]}
    sandboxed.check("status-of", _right(sandboxed))
    assert [one.passed for one in outside.take()] == [False, False, True]
    assert sandboxed.docker.containers.list(all=True, filters={"label": LABEL}) == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"[]\n",
        b"{}\n",
        b'{"check": null}\n',
        b'{"check": ["status-of"], "callable": true}\n',
        b'{"verdict": {"exercise": "status-of", "passed": true, "points": 3, "worth": 3}}\n',
        b"\x00" * 1000,
    ],
    ids=lambda garbage: repr(garbage[:24]),
)
def test_garbage_is_not_worth_a_verdict(outside: Outside, garbage: bytes) -> None:
    """Who speaks nonsense gets no points, and does not bring the judge down."""
    with judge.reach(outside.socket) as connection:
        connection._socket.sendall(garbage)  # noqa: SLF001  # what no Connection would send
        connection._socket.shutdown(1)  # noqa: SLF001  # and hang up
        answer = connection.receive()
    assert not answer or answer["verdict"]["points"] == 0
    assert outside.take() == []


@pytest.mark.parametrize(
    "reply",
    [
        b'{"verdict": {"exercise": "status-of", "passed": true, "points": 3, "worth": 3}}\n',
        b'{"answer": ' + b'"x"' + b" " * 9 * 2**20 + b"}\n",
        b'{"answer": ' + b"[" * 50_000 + b"]" * 50_000 + b"}\n",
        b'{"answer": 1e999}\n',
        b'{"raised": {"not": "text"}}\n',
        b"nonsense\n",
    ],
    ids=["own verdict", "9 MB", "deep", "infinite", "raised no text", "nonsense"],
)
def test_a_reply_that_is_no_answer_fails(outside: Outside, reply: bytes) -> None:
    """Whatever comes instead of an answer, the verdict is the judge's, and it has no points."""
    with judge.reach(outside.socket) as connection:
        connection.send("check", "status-of", callable=True)
        connection.receive()
        with contextlib.suppress(OSError):  # it may hang up before all has been sent
            connection._socket.sendall(reply)  # noqa: SLF001  # what no Connection would send
        with contextlib.suppress(CourseError):
            connection.receive()
    verdicts = outside.take()
    assert [(one.passed, one.points) for one in verdicts] == [(False, 0)]
    assert all(one.saw for one in verdicts)


def test_an_answer_that_is_too_long_is_refused_in_the_kernel(
    sandboxed: labkit.Lab, outside: Outside
) -> None:
    """9 MB are not sent; the kernel says so, and the judge goes on."""
    with pytest.raises(CourseError, match="too long to judge"):
        sandboxed.check("status-of", lambda _: "x" * 9 * 2**20)
    sandboxed.check("status-of", _right(sandboxed))
    assert [one.passed for one in outside.take()] == [False, True]


class Liar(str):
    """Text that says it equals whatever it is compared with."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


class Chameleon:
    """An object that says it equals, holds and is whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __contains__(self, other: object) -> bool:
        return True

    def __le__(self, other: object) -> bool:
        return True

    __ge__ = __le__


@pytest.mark.parametrize(
    ("notebook", "name", "answer"),
    [
        ("00-start-here", "status-of", Chameleon()),
        ("00-start-here", "common-version", Liar("1.41")),
        ("00-start-here", "engine-version", {"engine": Liar(), "api": Liar(), "min_api": Liar()}),
        ("00-start-here", "status-of", True),
        ("01-list-containers", "list-running", [Liar("web")]),
        ("01-list-containers", "list-running", ["web", "worker"]),
        ("01-list-containers", "list-running", [Chameleon()]),
    ],
    ids=["object", "text", "dict of texts", "true", "list of texts", "names", "list of objects"],
)
def test_no_made_up_answer_passes(engine: Engine, notebook: str, name: str, answer: Any) -> None:
    """Objects that equal everything, and names that were written down, do not match the stock."""
    verdict = _verdict(engine, notebook, name, lambda *_: answer)
    assert not verdict.passed
    assert verdict.saw


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


def test_patching_the_kernel_does_not_move_the_judge_outside(
    sandboxed: labkit.Lab, outside: Outside
) -> None:
    """Whatever is rewritten in the kernel, and whatever it shows then: nothing that scores."""
    win = Verdict("status-of", passed=True, points=4, worth=4)
    patches: list[tuple[Any, str, Any]] = [
        (exercise.Tutor, "expect", None),
        (exercise.NotYet, "__init__", None),
        (judge.Judge, "_judge", win),
        (Stock, "name", "web"),
        (learner, "plain", 200),
        (learner, "verdict_of", win),
        (learner, "answer", win),
        (Connection, "receive", {"verdict": vars(win)}),
    ]
    for where, name, value in patches:
        with pytest.MonkeyPatch.context() as patched, contextlib.suppress(CheckFailed):
            patched.setattr(where, name, _always(value))
            sandboxed.check("status-of", _wrong)
    sandboxed.check("status-of", _right(sandboxed))  # waits until the judge has got so far
    *cheated, honest = outside.take()
    assert len(cheated) == len(patches) - 1  # one of them does not even speak to it
    assert not any(one.passed for one in cheated)
    assert honest.passed


def test_a_dead_engine_is_a_verdict(fresh_engine: Engine) -> None:
    """A judge that finds no engine says so, and what mends it."""
    _kill(fresh_engine)
    verdict = _verdict(fresh_engine, NOTEBOOK, "status-of", _wrong)
    assert not verdict.passed
    assert verdict.saw.startswith("No engine answers: ")
    assert "lab.reset()" in verdict.question


# docker-py leaves the socket open with which it has found nobody.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_dies_during_a_check_is_a_verdict(fresh_engine: Engine) -> None:
    """Whoever kills the engine while being asked does not pass, and does not crash the judge."""

    def kill(_: str) -> int:
        _kill(fresh_engine)
        return 200

    verdict = _verdict(fresh_engine, NOTEBOOK, "status-of", kill)
    gc.collect()
    assert not verdict.passed
    assert "could not be finished" in verdict.saw
    assert "lab.reset()" in verdict.question


def test_a_check_without_a_function_says_what_is_missing(either: labkit.Lab) -> None:
    """A learner who forgets the second argument is told how the call looks."""
    with pytest.raises(CheckFailed) as failed:
        either.check("status-of")
    assert "lab.check('status-of', your_function)" in failed.value.verdict.question


def test_a_function_of_another_shape_is_told_what_it_raised(either: labkit.Lab) -> None:
    """One that takes no argument, where one is given, is shown Python's own words."""

    def status_of() -> int:
        return 200

    with pytest.raises(CheckFailed) as failed:
        either.check("status-of", status_of)
    assert "Your function raised TypeError" in failed.value.verdict.saw


def test_an_exercise_of_another_notebook_is_not_judged(outside: Outside) -> None:
    """The judge knows its own notebook's exercises; the verdict names them, and scores nothing."""
    with judge.reach(outside.socket) as connection:
        verdict = learner.answer(connection, "list-running", list)
    assert not verdict.passed
    assert "status-of" in verdict.saw
    assert outside.take() == []


def test_no_judge_outside_is_one_clear_error(
    notebook: labkit.Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody listens, the error names the place and the way back."""
    monkeypatch.setenv("LABKIT_JUDGE", str(tmp_path / "nobody.sock"))
    with pytest.raises(CourseError, match="No judge listens at") as nobody:
        notebook.check("status-of", _wrong)
    assert "Unset LABKIT_JUDGE" in nobody.value.hint
