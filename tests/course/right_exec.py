"""Honest ways to solve the exercises of 09-exec, as in ``right_answers``."""

from __future__ import annotations

import base64
import contextlib
import io
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker

from labkit import streams

Lab = Any
Learners = Callable[..., Any]


@contextlib.contextmanager
def hijacked(lab: Lab, exec_id: str) -> Iterator[socket.socket]:
    """Start an exec, and give all of its connection back, which the SDK leaves to chance."""
    stream = lab.docker.api.exec_start(exec_id, socket=True)
    try:
        yield stream._sock
    finally:
        stream._response.close()


def run_in_by_demux(lab: Lab) -> Learners:
    def run_in(container: str, command: list[str]) -> list[Any]:
        code, (out, err) = lab.docker.containers.get(container).exec_run(command, demux=True)
        return [code, (out or b"").decode(), (err or b"").decode()]

    return run_in


def run_in_raw(lab: Lab) -> Learners:
    def run_in(container: str, command: list[str]) -> list[Any]:
        body = {"Cmd": command, "AttachStdout": True, "AttachStderr": True}
        made = lab.raw.post(f"/containers/{container}/exec", json=body).json()["Id"]
        data = lab.raw.post(f"/exec/{made}/start", json={"Detach": False, "Tty": False}).content
        found = {"stdout": b"", "stderr": b""}
        for frame in streams.frames([data]):
            found[frame.stream] += frame.data
        code = lab.raw.get(f"/exec/{made}/json").json()["ExitCode"]
        return [code, found["stdout"].decode(), found["stderr"].decode()]

    return run_in


def frames_by_slices(_: Lab) -> Learners:
    def frames(text: str) -> list[str]:
        data, found = base64.b64decode(text), {1: b"", 2: b""}
        while data:
            size = int.from_bytes(data[4:8], "big")
            found[data[0]] += data[8 : 8 + size]
            data = data[8 + size :]
        return [found[1].decode(), found[2].decode()]

    return frames


def frames_by_struct(_: Lab) -> Learners:
    def frames(text: str) -> list[str]:
        stream, found = io.BytesIO(base64.b64decode(text)), ["", "", ""]
        while head := stream.read(8):
            number, size = struct.unpack(">BxxxL", head)
            found[number] += stream.read(size).decode()
        return found[1:]

    return frames


def feed_by_the_sdk(lab: Lab) -> Learners:
    def feed(container: str, command: list[str], text: str) -> str:
        made = lab.docker.api.exec_create(container, command, stdin=True)["Id"]
        with hijacked(lab, made) as sock:
            sock.sendall(text.encode())
            sock.shutdown(socket.SHUT_WR)
            pieces = iter(lambda: sock.recv(4096), b"")
            out = [one.data for one in streams.frames(pieces) if one.stream == "stdout"]
        return b"".join(out).decode()

    return feed


def feed_by_hand(lab: Lab) -> Learners:
    def feed(container: str, command: list[str], text: str) -> str:
        body = {"Cmd": command, "AttachStdin": True, "AttachStdout": True}
        made = lab.raw.post(f"/containers/{container}/exec", json=body).json()["Id"]
        head = (
            f"POST /exec/{made}/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\n"
            "Upgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(lab.socket))
            sock.sendall(head.encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += sock.recv(4096)
            sock.sendall(text.encode())
            sock.shutdown(socket.SHUT_WR)
            data = answer.partition(b"\r\n\r\n")[2]
            while piece := sock.recv(4096):
                data += piece
        return b"".join(one.data for one in streams.frames([data])).decode()

    return feed


def everywhere_by_a_pool(lab: Lab) -> Learners:
    def everywhere(label: str, command: list[str]) -> dict[str, Any]:
        def one(container: Any) -> Any:
            if container.status != "running":
                return None
            result = container.exec_run(command)
            return [result.exit_code, result.output.decode()]

        containers = lab.docker.containers.list(all=True, filters={"label": label})
        with ThreadPoolExecutor(len(containers)) as pool:
            return dict(zip([c.name for c in containers], pool.map(one, containers), strict=True))

    return everywhere


def everywhere_by_threads(lab: Lab) -> Learners:
    def everywhere(label: str, command: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def one(container: Any) -> None:
            try:
                code, output = container.exec_run(command)
                found[container.name] = [code, output.decode()]
            except docker.errors.APIError:
                found[container.name] = None

        containers = lab.docker.containers.list(all=True, filters={"label": label})
        threads = [threading.Thread(target=one, args=[each]) for each in containers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    return everywhere


def end_by_its_arguments(lab: Lab) -> Learners:
    def end_exec(container: str, exec_id: str) -> None:
        config = lab.docker.api.exec_inspect(exec_id)["ProcessConfig"]
        words = " ".join([config["entrypoint"], *config["arguments"]])
        script = (
            "for one in /proc/[0-9]*; do "
            f"""[ "$(tr '\\0' ' ' < $one/cmdline)" = "{words} " ] && """
            "kill -9 ${one#/proc/}; done"
        )
        lab.docker.containers.get(container).exec_run(["sh", "-c", script])

    return end_exec


def end_by_ps(lab: Lab) -> Learners:
    def end_exec(container: str, exec_id: str) -> None:
        config = lab.raw.get(f"/exec/{exec_id}/json").json()["ProcessConfig"]
        words = " ".join([config["entrypoint"], *config["arguments"]])
        inside = lab.docker.containers.get(container)
        for line in inside.exec_run(["ps", "-o", "pid,args"]).output.decode().splitlines()[1:]:
            pid, args = line.split(maxsplit=1)
            if args.strip() == words:
                inside.exec_run(["kill", "-9", pid])

    return end_exec


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "run-in": {"by demux": run_in_by_demux, "raw": run_in_raw},
    "frames": {"by slices": frames_by_slices, "by struct": frames_by_struct},
    "feed": {"by the SDK": feed_by_the_sdk, "by hand": feed_by_hand},
    "everywhere": {"by a pool": everywhere_by_a_pool, "by threads": everywhere_by_threads},
    "end-exec": {"by its arguments": end_by_its_arguments, "by ps": end_by_ps},
}
