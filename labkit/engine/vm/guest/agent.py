"""Serves the kit inside a machine, over the serial port that is its one argument.

A request is a line of JSON, and so many bytes as its ``size`` says; so is the answer. The program
is in the saved state already running, for a new process costs more than all else here.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import socket
import struct
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

ADD_ENTROPY, RESEED = 0x40085203, 0x5207  # of linux/random.h
LOG = Path("/var/log/labkit.log")
Request = dict[str, Any]
Answer = tuple[int, bytes]


def put(request: Request, content: bytes) -> Answer:
    """Unpack a tar, all of it as it is: this machine is as disposable as what is put in."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extraction_filter = staticmethod(lambda member, _: member)
        tar.extractall(request["path"])  # noqa: S202 - from the kit
    return 0, b""


def get(request: Request, _: bytes) -> Answer:
    """A file or folder as a tar; no bytes where there is none."""
    path, packed = Path(request["path"]), io.BytesIO()
    if path.exists():
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(path, arcname=path.name)
    return 0, packed.getvalue()


def run(request: Request, content: bytes) -> Answer:
    """Run a program; its exit code and what it wrote. A detached one writes to the log instead."""
    environment = {**os.environ, **request["env"]}
    if request["detach"]:
        with LOG.open("ab") as log:
            subprocess.Popen(
                request["command"], env=environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        return 0, b""
    try:
        done = subprocess.run(
            request["command"], env=environment, input=content, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as failed:
        return 127, str(failed).encode()
    return done.returncode, done.stdout


def awake(request: Request, content: bytes) -> Answer:
    """After a restore: the time, fresh randomness, the name, and what the control port needs."""
    time.clock_settime(time.CLOCK_REALTIME, request["now"])
    with Path("/dev/urandom").open("wb", buffering=0) as device:
        seed = bytes.fromhex(request["seed"])
        fcntl.ioctl(device, ADD_ENTROPY, struct.pack("ii", 8 * len(seed), len(seed)) + seed)
        fcntl.ioctl(device, RESEED)
    socket.sethostname(request["hostname"])
    put({"path": "/"}, content)
    said = b"".join(_tell_haproxy(kind, Path(path)) for kind, path in request["pems"])
    return int(said.count(b"Success") < len(request["pems"])), said


def _tell_haproxy(kind: str, path: Path) -> bytes:
    """Have the control port's HAProxy use a file anew, without a restart."""
    pem = "\n".join(line for line in path.read_text().splitlines() if line)
    said = b""
    for command in (f"set ssl {kind} {path} <<\n{pem}\n\n", f"commit ssl {kind} {path}\n"):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect("/run/labkit/haproxy.sock")
            control.sendall(command.encode())
            while part := control.recv(4096):
                said += part
    return said


def ready(_: Request, __: bytes) -> Answer:
    """That it works."""
    return 0, b""


def sync(_: Request, __: bytes) -> Answer:
    """What is written, on the disk."""
    os.sync()
    return 0, b""


def answers(_: Request, __: bytes) -> Answer:
    """Whether dockerd answers: 0 yes, 1 not yet, 2 it has ended."""
    with socket.socket(socket.AF_UNIX) as engine:
        try:
            engine.connect("/run/docker.sock")
            engine.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            if b" 200 " in engine.recv(64):
                return 0, b""
        except OSError:
            pass
    return (1 if _runs(Path("/run/labkit/dockerd.pid").read_text().strip()) else 2), b""


def _runs(pid: str) -> bool:
    """Whether a process has not ended; ``guest/engine`` notes dockerd's before it is dockerd."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


class Port:
    """The serial port; it stays open, for what is unread is lost when it is closed."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR)
        self._unread = b""

    def line(self) -> bytes:
        """The next line, however long it takes."""
        while b"\n" not in self._unread:
            self._more()
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def take(self, size: int) -> bytes:
        """So many bytes."""
        while len(self._unread) < size:
            self._more()
        taken, self._unread = self._unread[:size], self._unread[size:]
        return taken

    def write(self, data: bytes) -> None:
        """Write all of it."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left[:32768]) :]

    def _more(self) -> None:
        data = os.read(self._file, 1 << 20)
        if not data:  # nobody is connected; what is left of a request is nobody's then
            left, self._unread = self._unread, b""
            if left:
                raise ValueError(left)
            time.sleep(0.02)
        self._unread += data


def serve(port: Port) -> None:
    """Answer one request after another, for ever."""
    while True:
        try:
            request = json.loads(port.line())
            content = port.take(request["size"])
        except (ValueError, LookupError, TypeError):
            continue  # the rest of a request whose sender was killed
        try:
            code, answer = DO[request["do"]](request, content)
        except Exception as failed:  # noqa: BLE001 - whatever it was, who asked is told
            code, answer = 1, repr(failed).encode()
        head = {"id": request["id"], "code": code, "size": len(answer)}
        port.write(json.dumps(head).encode() + b"\n" + answer)


DO = {one.__name__: one for one in (put, get, run, awake, ready, sync, answers)}

if __name__ == "__main__":
    serve(Port(sys.argv[1]))
