"""The exercises of 09-exec: run, decode, feed, spread, and end what the API can't end."""

from __future__ import annotations

import base64
import contextlib
import secrets
import struct
import threading
from typing import Any, Self

from docker.models.containers import Container

from labkit import archives, wait
from labkit.course.exercise import Lesson, Tutor
from labkit.errors import WaitTimeout

__all__ = ["lesson"]

lesson = Lesson("09-exec", by_hand={"findings": 1})

JSON = dict[str, Any]
PATIENCE = 10.0  # seconds for all commands to begin


def _keeper(tutor: Tutor, word: str) -> Container:
    """A container that runs, and has a word in the file /word."""
    container = tutor.stock.run(command=["sh", "-c", f"echo {word} > /word; exec sleep 3600"])
    wait.until(lambda: container.exec_run(["test", "-s", "/word"]).exit_code == 0, what="the file")
    return container


@lesson.exercise(
    "run-in",
    points=2,
    hints=(
        "Three steps: create the exec, start it and read its output, then inspect it.",
        "The SDK's exec_run(command, demux=True) returns the code and a pair: what came on stdout and on stderr, as bytes, or None where nothing came.",
        "code, (out, err) = client.containers.get(container).exec_run(command, demux=True); return [code, (out or b'').decode(), (err or b'').decode()]",
    ),
)
def run_in(tutor: Tutor) -> None:
    """The function runs a command in a container: exit code, and both streams apart."""
    word, other, code = secrets.token_hex(4), secrets.token_hex(4), 1 + secrets.randbelow(90)
    container = _keeper(tutor, word)
    many = 20_000 + secrets.randbelow(20_000)
    cases = (
        (f"cat /word; echo {other} >&2; exit {code}", [code, f"{word}\n", f"{other}\n"]),
        ("true", [0, "", ""]),
        (f"echo {other} >&2; seq {many}", [0, _numbers(many), f"{other}\n"]),
    )
    for script, wanted in cases:
        answer = tutor.ask(container.name, ["sh", "-c", script])
        tutor.expect(
            isinstance(answer, list) and len(answer) == 3,  # code, stdout, stderr
            saw=f"The answer is {answer!r:.200}.",
            question="Do you return a list of three: exit code, stdout and stderr?",
        )
        for name, says, is_so in zip(
            ("exit code", "stdout", "stderr"), answer, wanted, strict=True
        ):
            tutor.expect(
                says == is_so,
                saw=f"Of {script!r} the {name} is {is_so!r:.80}; your function says {says!r:.80}.",
                question="Are the two streams apart, all of each, as text; and is the code asked for when the output has ended?",
            )


def _numbers(last: int) -> str:
    return "".join(f"{number}\n" for number in range(1, last + 1))


@lesson.exercise(
    "frames",
    points=2,
    hints=(
        "Eight bytes, then as many as they announce, and again until nothing is left.",
        "The first byte is 1 for stdout and 2 for stderr. The last four are the length, the largest first: int.from_bytes(data[4:8], 'big').",
        "while data: number, size = data[0], int.from_bytes(data[4:8], 'big'); streams[number] += data[8:8 + size]; data = data[8 + size:]",
    ),
)
def frames(tutor: Tutor) -> None:
    """The function takes frames apart by hand."""
    for sizes in ([(1, 3), (2, 4)], [(2, 300), (1, 0), (1, 70_000), (2, 1)], []):
        texts = {1: "", 2: ""}
        data = b""
        for stream, size in sizes:
            text = secrets.token_hex(size)[:size]
            texts[stream] += text
            data += struct.pack(">BxxxL", stream, size) + text.encode()
        answer = tutor.ask(base64.b64encode(data).decode())
        wanted = [texts[1], texts[2]]
        tutor.expect(
            isinstance(answer, list) and len(answer) == len(wanted),
            saw=f"The answer is {answer!r:.200}.",
            question="Do you return a list of two texts, stdout and stderr?",
        )
        tutor.expect(
            answer == wanted,
            saw=f"The frames are {sizes} (stream and length); your texts have {[len(str(one)) for one in answer]} characters.",
            question="Where does a frame's length stand, how many bytes has it, which of them is the largest, and where does the next frame begin?",
        )


@lesson.exercise(
    "feed",
    points=2,
    hints=(
        "The exec needs AttachStdin. Starting it gives you the connection itself; write into it, close your half, and read until the other half is closed.",
        "client.api.exec_create(container, command, stdin=True), then client.api.exec_start(id, socket=True). The real socket is its _sock: sendall, then shutdown(socket.SHUT_WR). Close both in the end.",
        "What comes back is in frames: b''.join(frame.data for frame in streams.frames(iter(lambda: sock.recv(4096), b'')) if frame.stream == 'stdout').decode()",
    ),
)
def feed(tutor: Tutor) -> None:
    """The function gives a command its input, and the end of it."""
    word = secrets.token_hex(4)
    container = _keeper(tutor, word)
    lines = [secrets.token_hex(3) for _ in range(5)]
    cases: tuple[tuple[list[str], list[str], str], ...] = (
        (["sort"], lines, "".join(f"{line}\n" for line in sorted(lines))),
        (["sh", "-c", "wc -l; cat /word"], lines, f"5\n{word}\n"),
        (["sh", "-c", "wc -c; echo no >&2"], [], "0\n"),
    )
    for command, given, wanted in cases:
        answer = tutor.ask(container.name, command, "".join(f"{line}\n" for line in given))
        tutor.expect(
            answer == wanted,
            saw=f"{command} was given {len(given)} lines and prints {wanted!r}; your function returned {answer!r:.200}.",
            question="Does the command get all of its input, and its end? Is what you return its stdout alone, as text and without the frames' heads?",
        )


@lesson.exercise(
    "everywhere",
    points=2,
    hints=(
        "List the containers with that label, also those that don't run; one thread for each.",
        "from concurrent.futures import ThreadPoolExecutor; pool.map(one, containers) keeps the order. An exec in a container that does not run is refused with 409.",
        "def one(c): result = c.exec_run(command) if c.status == 'running' else None; return result and [result.exit_code, result.output.decode()]. Then dict(zip(names, pool.map(one, containers))) with ThreadPoolExecutor(len(containers)).",
    ),
)
def everywhere(tutor: Tutor) -> None:
    """The function runs a command in many containers at the same time."""
    key = tutor.stock.name()
    words = {secrets.token_hex(4): secrets.randbelow(50) for _ in range(4)}
    wards = [
        tutor.stock.run(labels={key: ""}, environment={"WORD": word, "CODE": str(code)})
        for word, code in words.items()
    ]
    ended = tutor.stock.ended(labels={key: ""})
    tutor.stock.run()
    wait_for_go = "until [ -e /go ]; do sleep 0.1; done"
    with _Gate(tutor, wards) as gate:
        answer = tutor.ask(key, ["sh", "-c", f"{wait_for_go}; echo $WORD; exit $CODE"])
    wanted: JSON = {
        str(ward.name): [code, f"{word}\n"]
        for ward, (word, code) in zip(wards, words.items(), strict=True)
    } | {str(ended.name): None}
    tutor.expect(
        isinstance(answer, dict) and answer.keys() == wanted.keys(),
        saw=f"These have the label: {sorted(wanted)}. Your function says {answer!r:.300}.",
        question="Do you return a dict with the name of every container that has the label, also of one that does not run?",
    )
    for name, one in wanted.items():
        tutor.expect(
            answer[name] == one,
            saw=f"For {name} it should be {one}; your function says {answer[name]!r:.200}.",
            question="Is it [exit code, text], and None for one that does not run?",
        )
    tutor.expect(
        gate.at_once,
        saw="The first command waited for the others, and they did not begin.",
        question="Do they run at the same time? One thread for each would do it.",
    )


class _Gate:
    """Lets the commands end when all have begun, or when patience is at an end."""

    def __init__(self, tutor: Tutor, wards: list[Container]) -> None:
        self.at_once = False
        self._api, self._wards = tutor.docker.api, wards
        self._left = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="labkit-gate", daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._keeper.join()

    def _keep(self) -> None:
        with contextlib.suppress(WaitTimeout):
            wait.until(self._decided, what="them to begin", timeout=PATIENCE, interval=0.05)
        for ward in self._wards:
            ward.put_archive("/", archives.pack([archives.File("go", b"")]))

    def _decided(self) -> bool:
        """Whether all have begun, or the learner's function has returned."""
        self.at_once = all(map(self._busy, self._wards))
        return self.at_once or self._left.is_set()

    def _busy(self, ward: Container) -> bool:
        ward.reload()
        execs = ward.attrs["ExecIDs"] or []
        return any(self._api.exec_inspect(one)["Running"] for one in execs)


@lesson.exercise(
    "end-exec",
    points=1,
    hints=(
        "The API has no request for it. Only a process within the container can send a signal to another one there.",
        "exec_inspect tells what it runs: ProcessConfig has entrypoint and arguments. In the container, ps shows all processes with their commands.",
        "A second exec does it: words = ' '.join([config['entrypoint'], *config['arguments']]), then exec_run(['kill', processes(container)[words]]), with the function processes from above.",
    ),
)
def end_exec(tutor: Tutor) -> None:
    """The function ends one exec of several, and nothing else."""
    container = tutor.stock.run()
    pid = container.attrs["State"]["Pid"] or _inspect(tutor, container)["State"]["Pid"]
    seconds = [str(4000 + number) for number in secrets.SystemRandom().sample(range(999), 3)]
    api, execs = tutor.docker.api, []
    for one in seconds:
        execs.append(api.exec_create(container.id, ["sleep", one])["Id"])
        api.exec_start(execs[-1], detach=True)
    chosen = execs[1]
    tutor.ask(container.name, chosen)
    state = _inspect(tutor, container)["State"]
    tutor.expect(
        state["Running"] and state["Pid"] == pid,
        saw="The container was stopped or restarted.",
        question="Everything in it has ended with it. Can you end this one process alone?",
    )
    tutor.expect(
        _ends(tutor, chosen),
        saw="The exec still runs.",
        question="Who in the container can send it a signal?",
    )
    tutor.expect(
        all(api.exec_inspect(one)["Running"] for one in execs if one != chosen),
        saw="Another exec was ended, too.",
        question="Which of the processes is the one, and what do its arguments say?",
    )


def _ends(tutor: Tutor, exec_id: str) -> bool:
    """Whether an exec has ended, or does within a moment."""
    with contextlib.suppress(WaitTimeout):
        wait.until(
            lambda: not tutor.docker.api.exec_inspect(exec_id)["Running"],
            what="its end", timeout=4,
        )  # fmt: skip
        return True
    return False


def _inspect(tutor: Tutor, container: Container) -> JSON:
    found: JSON = tutor.raw.get(f"/containers/{container.id}/json").json()
    return found
