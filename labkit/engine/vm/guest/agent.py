"""Serves the kit inside a machine, over the serial port that is its one argument.

A request is a line of JSON, and so many bytes as its ``size`` says; so is the answer. The program
is in the saved state already running, for a new process costs more than all else here.
"""

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

ADD_ENTROPY, RESEED = 0x40085203, 0x5207  # of linux/random.h
LOG = "/var/log/labkit.log"


def put(request, content):
    """Unpack a tar."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(request["path"])
    return 0, b""


def get(request, _):
    """A file or folder as a tar; no bytes where there is none."""
    path = request["path"]
    packed = io.BytesIO()
    if os.path.exists(path):
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(path, arcname=os.path.basename(path.rstrip("/")))
    return 0, packed.getvalue()


def run(request, content):
    """Run a program; its exit code and what it wrote. A detached one writes to the log instead."""
    environment = {**os.environ, **request["env"]}
    if request["detach"]:
        with open(LOG, "ab") as log:
            subprocess.Popen(
                request["command"], env=environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        return 0, b""
    try:
        done = subprocess.run(
            request["command"], env=environment, input=content,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
    except OSError as failed:
        return 127, str(failed).encode()
    return done.returncode, done.stdout


def awake(request, content):
    """After a restore: the time, fresh randomness, the name, and what the control port needs."""
    time.clock_settime(time.CLOCK_REALTIME, request["now"])
    with open("/dev/urandom", "wb", buffering=0) as device:
        seed = bytes.fromhex(request["seed"])
        fcntl.ioctl(device, ADD_ENTROPY, struct.pack("ii", 8 * len(seed), len(seed)) + seed)
        fcntl.ioctl(device, RESEED)
    socket.sethostname(request["hostname"])
    put({"path": "/"}, content)
    said = b"".join(_tell_haproxy(kind, path) for kind, path in request["pems"])
    return int(b"Success" not in said), said


def _tell_haproxy(kind, path):
    """Have the control port's HAProxy use a file anew, without a restart."""
    with open(path) as file:
        pem = "\n".join(line for line in file.read().splitlines() if line)
    said = b""
    for command in (f"set ssl {kind} {path} <<\n{pem}\n\n", f"commit ssl {kind} {path}\n"):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect("/run/labkit/haproxy.sock")
            control.sendall(command.encode())
            while part := control.recv(4096):
                said += part
    return said


def answers(_, __):
    """Whether dockerd answers: 0 yes, 1 not yet, 2 it has ended."""
    with socket.socket(socket.AF_UNIX) as engine:
        try:
            engine.connect("/run/docker.sock")
            engine.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            if b" 200 " in engine.recv(64):
                return 0, b""
        except OSError:
            pass
    names = (_name(pid) for pid in os.listdir("/proc") if pid.isdecimal())
    return (1 if "dockerd" in names else 2), b""


def _name(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


def serve(reader, writer):
    """Answer one request after another, for ever."""
    while line := reader.readline():
        try:
            request = json.loads(line)
            content = reader.read(request["size"])
        except (ValueError, LookupError, TypeError):
            continue  # the rest of a request whose sender was killed
        try:
            code, answer = DO[request["do"]](request, content)
        except Exception as failed:
            code, answer = 1, repr(failed).encode()
        head = {"id": request["id"], "code": code, "size": len(answer)}
        writer.write(json.dumps(head).encode() + b"\n" + answer)
        writer.flush()


DO = {one.__name__: one for one in (put, get, run, awake, answers)}

if __name__ == "__main__":
    port = os.open(sys.argv[1], os.O_RDWR)
    serve(os.fdopen(port, "rb"), os.fdopen(os.dup(port), "wb"))
