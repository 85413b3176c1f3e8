"""The machine that an engine, a hub or a mirror lives in."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit import archives, wait
from labkit.archives import File, Folder
from labkit.endpoint import Endpoint
from labkit.engine import certificates, fence, fleet
from labkit.engine.launch import certificates_of, start_bridge
from labkit.engine.vm.image import MachineImage
from labkit.engine.vm.keys import CA, SERVER, Keys
from labkit.engine.vm.machine import Machine
from labkit.engine.vm.record import Record
from labkit.engine.vm.saved import Saved
from labkit.errors import EngineError
from labkit.raw import answers

__all__ = ["CONTROL", "HTTP", "TLS", "VirtualMachine"]

CONTROL, TLS, HTTP = 2374, 2376, 80
"""Ports inside: dockerd for the kit alone, dockerd's own with TLS, what serves others."""

_ENGINE = "/usr/local/lib/labkit/engine"
_LOG = "/var/log/labkit.log"
_PATIENCE = 120.0  # seconds that what is run inside may take
_TLS = (
    f"--host=tcp://0.0.0.0:{TLS}", "--tlsverify", "--tlscacert=/etc/labkit/ca.pem",
    "--tlscert=/etc/labkit/server-cert.pem", "--tlskey=/etc/labkit/server-key.pem",
)  # fmt: skip
_DAEMON = "etc/docker/daemon.json"
_RELOADED = {
    "--insecure-registry": "insecure-registries", "--registry-mirror": "registry-mirrors",
}  # fmt: skip
_FENCED = (  # all of the disk but what an engine in a container would have
    "fallocate -l $(($(df -B1 --output=avail / | tail -n 1)"
    f" - {fence.DISK})) /usr/local/lib/labkit/taken"
)
_PLUG = (
    "ip address flush dev eth1; ip link set eth1 down address {card} && "
    "ip address add {address}/24 dev eth1 && ip link set eth1 up"
)


@dataclass(frozen=True)
class VirtualMachine:
    """A machine as the kit uses it, by its id."""

    id: str

    @property
    def machine(self) -> Machine:
        """The machine itself."""
        return Machine(self.id)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        record = Record.read(self.id)
        return bool(record and record.process)

    @property
    def address(self) -> str:
        """What other machines that know it call it."""
        return self.machine.record.address

    def port(self, inside: int) -> int:
        """The loopback port of this machine that leads to a TCP port inside."""
        return self.machine.port(inside)

    def put(self, archive: bytes, path: str = "/") -> None:
        """Unpack a tar inside."""
        self._ask("put", archive, path=path)

    def get(self, path: str) -> bytes:
        """A file or folder inside, as a tar; no bytes where there is none."""
        return self._ask("get", path=path)

    def run(self, *command: str, detach: bool = False, env: Mapping[str, str] | None = None) -> int:
        """Run a program inside.

        :returns: its exit code; 0 for one that goes on.
        """
        return self._run(*command, detach=detach, env=env)[0]

    def output(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """What a program inside writes, on both streams.

        :raises EngineError: it fails.
        """
        code, said = self._run(*command, env=env)
        if code:
            raise EngineError(f"Inside the virtual machine, {command[0]} failed: {said[-500:]}")
        return said

    def log(self, *, lines: int) -> str:
        """The last lines of what it was made for; of its console, if it does not run."""
        if not self.running:
            return "\n".join(self.machine.console.splitlines()[-lines:])
        return self._run("tail", "-n", str(lines), _LOG)[1].strip()

    def begin(self, made: MachineImage, saved: Saved) -> None:
        """Start it for the first time, from a saved state in which dockerd is up."""
        record = replace(self.machine.record, image=str(made.folder), accelerator=saved.accelerator)
        record.write()
        self.machine.make_disk(saved.disk, "qcow2")
        self.machine.restore(saved)
        self._wake(record)
        if record.spec.fenced:
            self.output("sh", "-c", _FENCED)
        if record.kind == "engine":
            self._bring_up(record, up=True)

    def start(self) -> None:
        """Start what it was made for; the machine, too, if it does not run."""
        record, up = self.machine.record, self.running
        if not up:
            self.machine.boot()
            self._wake(record, fresh=True)
            if record.network:
                self._plug(record.network, record.at)
        if record.kind == "engine":
            self._bring_up(record, up=up)
        else:
            self.run("sh", "-c", record.command, detach=True)

    def kill(self) -> None:
        """Kill it, as a power cut does, but for what is on its way to the disk: that gets there."""
        if self.running:
            with contextlib.suppress(EngineError):
                self.machine.agent.ask("sync", patience=10)
        self.machine.end_process()

    def remove(self) -> None:
        """Remove it with its disk; if it is gone already, nothing."""
        self.machine.remove()

    def connect(self, network: str, address: str = "") -> str:
        """Put it on a network of machines, at that address.

        One without an address stays where it is: who serves others is reached in its own way.
        """
        record = self.machine.record
        if not address:
            return record.address
        if record.network != network:
            replace(record, network=network, at=address).write()
            if record.process:
                self._plug(network, address)
        return address

    def disconnect(self, network: str) -> None:
        """Take it off a network of machines."""
        record = self.machine.record
        if record.network == network:
            replace(record, network="", at="").write()
            if record.process:
                self.machine.unplug()

    def _plug(self, network: str, address: str) -> None:
        self.machine.plug(network)
        card = hashlib.sha256(self.id.encode()).hexdigest()[:10]
        pairs = ":".join(card[one : one + 2] for one in range(0, 10, 2))
        self.output("sh", "-c", _PLUG.format(card=f"02:{pairs}", address=address))

    def _wake(self, record: Record, *, fresh: bool = False) -> None:
        """Have it be a machine of its own: name, time, randomness, keys.

        :param fresh: whether it has booted, and nothing holds older keys.
        """
        keys = Keys.make()
        if record.kind == "engine":
            keys.keep(_control(record))
        hosts = {"localhost": "127.0.0.1", **record.spec.hosts}
        lines = "".join(f"{address} {name}\n" for name, address in hosts.items())
        pems = [] if fresh else [("cert", SERVER), ("ca-file", CA)]
        self._ask(
            "awake", archives.pack([*keys.inside(), File("etc/hosts", lines.encode())]),
            now=time.time(), seed=os.urandom(32).hex(), pems=pems,
            hostname=record.spec.hostname(record.name),
        )  # fmt: skip

    def _bring_up(self, record: Record, *, up: bool) -> None:
        """Have dockerd run as it was asked for, and its socket on this machine."""
        spec, socket = record.spec, fleet.folder(record.name) / "docker.sock"
        settings = [*(_TLS if spec.tcp else ()), *spec.args]
        if spec.tcp:
            own = certificates_of(record.name).folder
            self.put(certificates.server_half(fleet.folder(record.name), own), "/etc")
        known, others = _reloadable(settings)
        if not up or others or spec.env:
            self.bring_dockerd_up("restart" if up else "start", *settings, env=spec.env)
        elif known:
            self.put(
                archives.pack([Folder("etc/docker"), File(_DAEMON, json.dumps(known).encode())])
            )
            self.output("sh", "-c", "kill -HUP $(cat /run/docker.pid)")
        fleet.end_bridge(socket)
        socket.unlink(missing_ok=True)
        start_bridge(socket, self.port(CONTROL), _control(record))
        self.wait()

    def wait(self) -> None:
        """Wait until the engine in it answers at its socket.

        :raises WaitTimeout: it does not.
        """
        name = self.machine.record.name
        own = Endpoint(unix=fleet.folder(name) / "docker.sock")
        wait.until(lambda: answers(own), what=f"the engine {name} to answer", timeout=30)

    def bring_dockerd_up(
        self, verb: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> None:
        """Start dockerd, or ``restart`` it with other arguments, and wait until it answers.

        :raises EngineError: it ends instead; says its last words.
        """
        self.output(_ENGINE, verb, *arguments, env=env)
        wait.until(self._answered, what="dockerd to answer", timeout=30, interval=0.1)

    def _answered(self) -> bool:
        code, _ = self.machine.agent.ask("answers")
        if code == _ENDED:
            raise EngineError(
                f"dockerd ended before it answered. Its last words:\n{self.log(lines=8)}",
                hint="Look at its arguments; labkit doctor checks what this machine lacks.",
            )
        return code == 0

    def _run(
        self, *command: str, detach: bool = False, env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        asked: dict[str, Any] = {"command": list(command), "detach": detach, "env": dict(env or {})}
        code, said = self.machine.agent.ask("run", patience=_PATIENCE, **asked)
        return code, said.decode(errors="replace")

    def _ask(self, do: str, content: bytes = b"", **more: Any) -> bytes:
        code, answer = self.machine.agent.ask(do, content, patience=_PATIENCE, **more)
        if code:
            said = answer[-500:].decode(errors="replace")
            raise EngineError(f"Inside the virtual machine, {do} failed: {said}")
        return answer


def _reloadable(arguments: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Those of dockerd's arguments that it can be told while it runs, and the others."""
    known, others = dict[str, list[str]](), list[str]()
    for one in arguments:
        flag, _, value = one.partition("=")
        if flag in _RELOADED:
            known.setdefault(_RELOADED[flag], []).append(value)
        else:
            others.append(one)
    return known, others


_ENDED = 2  # as guest/agent.py says it


def _control(record: Record) -> Path:
    """Where the keys are with which this machine reaches that one's dockerd."""
    return fleet.folder(record.name) / "control"
