"""The exercises of 02-run-and-stop: run to the end, stop, clean up."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from docker.models.containers import Container

from labkit.course.exercise import Lesson, Tutor
from labkit.errors import Conflict, NotFound

lesson = Lesson("02-run-and-stop", by_hand={"findings": 2})


def _ids(tutor: Tutor) -> set[str]:
    rows = tutor.raw.get("/containers/json", params={"all": True}).json()
    return {row["Id"] for row in rows}


def _state(tutor: Tutor, name: str | None) -> dict[str, Any]:
    state: dict[str, Any] = tutor.raw.get(f"/containers/{name}/json").json()["State"]
    return state


def _now(tutor: Tutor) -> str:
    """The engine's own time."""
    return str(tutor.raw.get("/info").json()["SystemTime"])


def _saw_end(tutor: Tutor, *, code: int, since: str) -> bool:
    """Whether the engine saw a container end with this code; it may tell so a moment later."""
    until = datetime.fromisoformat(_now(tutor)) + timedelta(seconds=2)
    ends = {"type": ["container"], "event": ["die"]}
    with tutor.raw.events(since=since, until=until, filters=ends) as events:
        return any(event["Actor"]["Attributes"]["exitCode"] == str(code) for event in events)


@lesson.exercise(
    "run-to-end",
    points=3,
    hints=(
        "Five calls in this order: create, start, wait, logs, remove.",
        "container.wait() returns a dict, the exit code is under 'StatusCode'. container.logs() gives "
        "bytes: .decode() makes text of them.",
        "Put the removal into a finally branch: try: ... finally: container.remove(force=True)",
    ),
)
def run_to_end(tutor: Tutor) -> None:
    """The function runs a command in a container and returns exit code and output, leaving nothing."""
    for code in (0, 1 + secrets.randbelow(100)):
        word, before, since = secrets.token_hex(4), _ids(tutor), _now(tutor)
        command = ["sh", "-c", f"sleep 0.3; echo {word}; exit {code}"]  # who does not wait is early
        answer = tutor.ask("busybox", command)
        tutor.expect(
            isinstance(answer, list) and len(answer) == 2,
            saw=f"The answer is {answer!r:.200}.",
            question="Do you return two things, the exit code and the output?",
        )
        tutor.expect(
            answer[0] == code,
            saw=f"The command ended with exit code {code}; your function returned {answer[0]!r:.200}.",
            question="Did you wait for the container's end before you read the code? "
            "containers.run() raises ContainerError when a command fails: what then?",
        )
        tutor.expect(
            isinstance(answer[1], str) and answer[1].strip() == word,
            saw=f"The command printed {word!r}; your function returned {answer[1]!r:.200}.",
            question="Did you read the logs after the end and before the removal? "
            "And are they text, with no bytes of the stream's frames among it?",
        )
        tutor.expect(
            _saw_end(tutor, code=code, since=since),
            saw=f"No container of the engine ended with exit code {code}.",
            question="Did the command run in a container of this engine, or somewhere else?",
        )
        left = _ids(tutor) - before
        tutor.expect(
            not left,
            saw=f"{len(left)} container(s) left behind after exit code {code}.",
            question="Is yours removed also when the command fails?",
        )


@lesson.exercise(
    "stop-and-tell",
    points=3,
    hints=(
        "POST /containers/{name}/stop answers 204 (stopped), 304 (was not running) or 404.",
        "The SDK hides 304: container.stop() is silent about it. The raw client returns the response.",
        "response = lab.raw.post(f'/containers/{name}/stop', params={'t': 1}); look at "
        "response.status_code, and catch labkit.errors.NotFound.",
    ),
)
def stop_and_tell(tutor: Tutor) -> None:
    """The function stops a container and says what it found."""
    question = "Which statuses can this call answer with, and which words stand for them?"
    runs = tutor.stock.run(stop_signal="SIGKILL").name  # stops at once, whatever time it is given
    ended = tutor.stock.ended().name
    nobody = tutor.stock.name()
    cases = {runs: "stopped", ended: "was not running", nobody: "no such container"}
    for name, wanted in sorted(cases.items()):
        answer = tutor.ask(name)
        tutor.expect(
            answer == wanted,
            saw=f"For a container of which one should say {wanted!r}, it returned {answer!r:.200}.",
            question=question,
        )
    tutor.expect(
        not _state(tutor, runs)["Running"],
        saw=f"{runs} still runs.",
        question="Did your function stop the container, or only say so?",
    )
    again = tutor.ask(runs)
    tutor.expect(
        again == "was not running",
        saw=f"Stopped a second time, your function returned {again!r:.200}.",
        question=question,
    )


@lesson.exercise(
    "clean-up",
    points=2,
    hints=(
        "List with all=True and filters={'label': label}; then remove each one.",
        "Removing a running container is refused with 409, unless you force it. v=True takes the "
        "anonymous volumes along.",
        "for container in client.containers.list(all=True, filters={'label': label}): "
        "container.remove(force=True, v=True)",
    ),
)
def clean_up(tutor: Tutor) -> None:
    """The function removes what has a label, whatever state it is in, and nothing else."""
    label, volume = f"job={secrets.token_hex(3)}", {"Type": "volume", "Target": "/data"}
    key, value = label.split("=")
    mine = {key: value}
    doomed = [
        tutor.stock.run(labels=mine, mounts=[volume]),
        tutor.stock.create(labels=mine),
        tutor.stock.ended(labels=mine),
        tutor.stock.run(labels=mine),
    ]
    doomed[-1].pause()
    spared = [tutor.stock.create(labels={key: "other"}), tutor.stock.create()]
    with _volume_of(tutor, doomed[0]) as anonymous:
        tutor.ask(label)
        left = _ids(tutor)
        remaining = [one for one in doomed if one.id in left]
        tutor.expect(
            not remaining,
            saw=f"Still there: {len(remaining)} of {len(doomed)} containers with the label {label}.",
            question="Some run, one is paused, one was never started: are all listed, and removed by force?",
        )
        tutor.expect(
            all(one.id in left for one in spared),
            saw=f"A container without the label {label} was removed.",
            question="Does your function remove only what it was asked to?",
        )
        volumes = tutor.raw.get("/volumes").json()["Volumes"] or []
        tutor.expect(
            anonymous not in {one["Name"] for one in volumes},
            saw="A container's anonymous volume was left behind.",
            question="Which argument of remove takes the anonymous volumes along?",
        )


@contextlib.contextmanager
def _volume_of(tutor: Tutor, container: Container) -> Iterator[str]:
    """The name of a container's volume; where that is left behind, it goes in the end."""
    mounts = tutor.raw.get(f"/containers/{container.id}/json").json()["Mounts"]
    try:
        yield str(mounts[0]["Name"])
    finally:
        with contextlib.suppress(NotFound, Conflict):  # gone as it should be, or still in use
            tutor.raw.delete(f"/volumes/{mounts[0]['Name']}")
