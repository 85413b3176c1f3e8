"""How an engine comes up: its container made, its certificates put in, its answer waited for."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, DockerException
from docker.errors import NotFound as DockerNotFound

from labkit import raw, wait
from labkit.endpoint import Certificates, Endpoint
from labkit.engine import certificates, container, fleet, image, places
from labkit.engine.spec import Spec
from labkit.errors import EngineError, EngineGone, EngineNameTaken

MACHINE = "labkit doctor checks what this machine lacks: disk, cgroups, capabilities."


@dataclass(frozen=True)
class Launch:
    """One engine that is to come up on the host engine.

    :param client: speaks to the host engine.
    :param owner: the process that the engine is for, see :func:`labkit.engine.spec.owner`.
    """

    client: DockerClient
    name: str
    spec: Spec
    owner: str

    @property
    def socket(self) -> Path:
        """Where the engine's socket will be on this machine."""
        return fleet.folder(self.name) / "docker.sock"

    def create(self, image_id: str, *, port: int = 0) -> str:
        """Create the container and return its id; the host engine sees to it that names are unique.

        :param port: which loopback port to publish, for an engine with TCP; 0 for any.
        """
        try:
            with places.lock("names"):
                return container.create(
                    self.client,
                    name=fleet.container_name(self.name),
                    image=image_id,
                    spec=self.spec,
                    labels=fleet.labels(self.name, self.spec, self.owner),
                    folder=fleet.make_folder(self.name),
                    port=port,
                )
        except APIError as failed:
            if failed.status_code == HTTPStatus.CONFLICT:
                raise EngineNameTaken(
                    f"An engine {self.name!r} is there already, or is just being started.",
                    hint=f"Engine.attach({self.name!r}) uses it; labkit down {self.name} ends it.",
                ) from failed
            fleet.remove_folder(fleet.folder(self.name))
            raise EngineError(
                f"The engine {self.name} could not be created: {failed.explanation}", hint=MACHINE
            ) from failed

    def bring_up(self, container_id: str) -> None:
        """Start the container and wait until the engine answers at its socket."""
        pems = certificates_of(self.name)
        if self.spec.tcp:
            archive = certificates.server_half(fleet.folder(self.name), pems.folder)
            self.client.api.put_archive(container_id, "/etc", archive)
        try:
            self.client.api.start(container_id)
        except APIError as failed:
            raise EngineError(
                f"The engine {self.name} could not be started: {failed.explanation}", hint=MACHINE
            ) from failed
        if self.spec.bridged:
            port = published_port(self.client, container_id)
            over_tls = Endpoint(host="127.0.0.1", port=port, certificates=pems)
            self._wait(container_id, lambda: raw.answers(over_tls))
            start_bridge(self.socket, port, pems.folder)
        self.wait_for_api(container_id)
        if image.offered(self.spec.version).official:
            with raw.Client(Endpoint(unix=self.socket)) as own:
                own.post("/images/load", data=image.course_images(self.client))

    def wait_for_api(self, container_id: str) -> None:
        """Wait until the engine answers at its socket.

        :raises EngineError: it has ended before, with its last words.
        """
        own = Endpoint(unix=self.socket)
        self._wait(container_id, lambda: self.socket.exists() and raw.answers(own))

    def _wait(self, container_id: str, probe: Callable[[], bool]) -> None:
        tries = itertools.count(1)

        def answers_or_died() -> bool:
            return probe() or (next(tries) % 20 == 0 and self._died(container_id))

        wait.until(
            answers_or_died,
            what=f"the engine {self.name} to answer",
            timeout=30,
            hint="The machine may be overloaded; labkit doctor says more.",
        )

    def _died(self, container_id: str) -> bool:
        """False while the container runs; else there is no use in waiting."""
        try:
            if self.client.api.inspect_container(container_id)["State"]["Running"]:
                return False
        except DockerNotFound as removed:
            raise EngineGone(f"The engine {self.name} was removed while it started.") from removed
        words = last_words(self.client, container_id)
        raise EngineError(
            f"The engine {self.name} ended before it answered. Its last words:\n{words}",
            hint=MACHINE,
        )


def certificates_of(name: str) -> Certificates:
    """Where the client's certificates for an engine's TLS port are."""
    return Certificates(fleet.folder(name) / "certs")


def published_port(client: DockerClient, container_id: str) -> int:
    """The loopback port of an engine with TCP."""
    ports = client.api.inspect_container(container_id)["NetworkSettings"]["Ports"]
    return int(ports[container.TLS_PORT][0]["HostPort"])


def last_words(client: DockerClient, container_id: str, *, lines: int = 8) -> str:
    """The last lines that an engine's dockerd wrote."""
    try:
        return bytes(client.api.logs(container_id, tail=lines)).decode(errors="replace").strip()
    except DockerException:
        return "(none)"


def start_bridge(socket: Path, port: int, folder: Path) -> None:
    """Start the process that carries a unix socket of this machine to an engine's TLS port.

    :param folder: the client's certificates.
    :raises EngineError: it does not start.
    """
    program = str(Path(__file__).with_name("bridge.py"))
    command = [sys.executable, "-I", program, str(socket), str(port), str(folder)]
    detached = 'exec setsid "$@" 2>"$0" </dev/null &'
    log = socket.with_name("bridge.log")
    done = subprocess.run(
        ["sh", "-c", detached, str(log), *command], capture_output=True, text=True, check=True
    )
    if done.stdout.strip() != "ready":
        raise EngineError(f"The bridge to the engine did not start: {log.read_text().strip()}")
