"""Wrong answers to the exercises of 09-exec, as honest beginners give them."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from types import ModuleType
from typing import Any

Lab = Any
Learners = Callable[..., Any]


def both_in_one(lab: Lab) -> Learners:
    def run_in(container: str, command: list[str]) -> list[Any]:
        code, output = lab.docker.containers.get(container).exec_run(command)
        return [code, output.decode(), ""]

    return run_in


def asked_too_early(lab: Lab) -> Learners:
    """Inspect before it has run: there is no code yet."""

    def run_in(container: str, command: list[str]) -> list[Any]:
        made = lab.docker.api.exec_create(container, command)["Id"]
        code = lab.docker.api.exec_inspect(made)["ExitCode"]
        out, err = lab.docker.api.exec_start(made, demux=True)
        return [code, (out or b"").decode(), (err or b"").decode()]

    return run_in


def nothing_is_none(lab: Lab) -> Learners:
    def run_in(container: str, command: list[str]) -> list[Any]:
        code, (out, err) = lab.docker.containers.get(container).exec_run(command, demux=True)
        return [code, out and out.decode(), err and err.decode()]

    return run_in


def with_a_tty(lab: Lab) -> Learners:
    def run_in(container: str, command: list[str]) -> list[Any]:
        code, output = lab.docker.containers.get(container).exec_run(command, tty=True)
        return [code, output.decode(), ""]

    return run_in


def heads_and_all(_: Lab) -> Learners:
    return lambda text: [base64.b64decode(text).decode(errors="replace"), ""]


def one_byte_of_length(_: Lab) -> Learners:
    def frames(text: str) -> list[str]:
        data, found = base64.b64decode(text), {1: b"", 2: b""}
        while len(data) >= 8 and data[0] in found:
            found[data[0]] += data[8 : 8 + data[7]]
            data = data[8 + data[7] :]
        return [found[1].decode(), found[2].decode()]

    return frames


def the_smallest_first(_: Lab) -> Learners:
    def frames(text: str) -> list[str]:
        data, found = base64.b64decode(text), {1: b"", 2: b""}
        while data:
            size = int.from_bytes(data[4:8], "little")
            found[data[0]] += data[8 : 8 + size]
            data = data[8 + size :]
        return [found[1].decode(), found[2].decode()]

    return frames


def the_first_alone(_: Lab) -> Learners:
    def frames(text: str) -> list[str]:
        data = base64.b64decode(text)
        return [data[8 : 8 + int.from_bytes(data[4:8], "big")].decode(), ""]

    return frames


def feed_nothing(lab: Lab) -> Learners:
    def feed(container: str, command: list[str], text: str) -> str:
        del text
        return str(lab.docker.containers.get(container).exec_run(command).output.decode())

    return feed


def feed_and_wait_for_ever(lab: Lab, right: ModuleType) -> Learners:
    """Never close one's half; a time-out saves this test, as Interrupt saves a learner."""

    def feed(container: str, command: list[str], text: str) -> str:
        made = lab.docker.api.exec_create(container, command, stdin=True)["Id"]
        with right.hijacked(lab, made) as sock:
            sock.settimeout(1)
            sock.sendall(text.encode())
            return str(sock.recv(4096).decode())

    return feed


def feed_with_heads(lab: Lab, right: ModuleType) -> Learners:
    def feed(container: str, command: list[str], text: str) -> str:
        made = lab.docker.api.exec_create(container, command, stdin=True)["Id"]
        with right.hijacked(lab, made) as sock:
            sock.sendall(text.encode())
            sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(4096), b"")).decode()

    return feed


def feed_through_a_shell(lab: Lab) -> Learners:
    """Put the text into a command line, and forget what the command prints on stderr."""

    def feed(container: str, command: list[str], text: str) -> str:
        script = f"printf '{text}' | {' '.join(command)}"
        return str(lab.docker.containers.get(container).exec_run(["sh", "-c", script])[1].decode())

    return feed


def one_after_another(lab: Lab) -> Learners:
    def everywhere(label: str, command: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in lab.docker.containers.list(all=True, filters={"label": label}):
            if one.status == "running":
                code, output = one.exec_run(command)
                found[one.name] = [code, output.decode()]
            else:
                found[one.name] = None
        return found

    return everywhere


def those_that_run(lab: Lab) -> Learners:
    def everywhere(label: str, command: list[str]) -> dict[str, Any]:
        del command
        running = lab.docker.containers.list(filters={"label": label})
        return {one.name: [0, ""] for one in running}

    return everywhere


def all_of_them(lab: Lab) -> Learners:
    def everywhere(*_: Any) -> dict[str, Any]:
        return {one.name: None for one in lab.docker.containers.list(all=True)}

    return everywhere


def no_output(lab: Lab) -> Learners:
    def everywhere(label: str, command: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in lab.docker.containers.list(all=True, filters={"label": label}):
            running = one.status == "running"
            found[one.name] = one.exec_run(command, detach=True)[0] if running else None
        return found

    return everywhere


def restart_the_container(lab: Lab) -> Learners:
    return lambda container, _: lab.docker.containers.get(container).restart(timeout=0)


def end_all(lab: Lab) -> Learners:
    def end_exec(container: str, exec_id: str) -> None:
        del exec_id
        script = "for one in $(pidof sleep); do [ $one = 1 ] || kill -9 $one; done"
        lab.docker.containers.get(container).exec_run(["sh", "-c", script])

    return end_exec


def by_the_pid_outside(lab: Lab) -> Learners:
    """The pid of an inspect is that of the engine's machine, not the container's."""

    def end_exec(container: str, exec_id: str) -> None:
        pid = lab.docker.api.exec_inspect(exec_id)["Pid"]
        lab.docker.containers.get(container).exec_run(["kill", "-9", str(pid)])

    return end_exec


def hope(_: Lab) -> Learners:
    return lambda *_: None


def wrong(right: ModuleType) -> dict[str, dict[str, Callable[[Lab], Learners]]]:
    """Return the wrong answers by exercise."""
    return {
        "run-in": {
            "both in one": both_in_one,
            "asked too early": asked_too_early,
            "nothing is None": nothing_is_none,
            "with a TTY": with_a_tty,
        },
        "frames": {
            "heads and all": heads_and_all,
            "one byte of length": one_byte_of_length,
            "the smallest first": the_smallest_first,
            "the first alone": the_first_alone,
        },
        "feed": {
            "nothing": feed_nothing,
            "and wait for ever": lambda lab: feed_and_wait_for_ever(lab, right),
            "with heads": lambda lab: feed_with_heads(lab, right),
            "through a shell": feed_through_a_shell,
        },
        "everywhere": {
            "one after another": one_after_another,
            "those that run": those_that_run,
            "all of them": all_of_them,
            "no output": no_output,
        },
        "end-exec": {
            "restart": restart_the_container,
            "end all": end_all,
            "by the pid outside": by_the_pid_outside,
            "hope": hope,
        },
    }
