"""A disposable Docker Engine."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

from docker import DockerClient
from docker.errors import APIError, DockerException
from docker.errors import NotFound as DockerNotFound

from labkit import raw, sdk, wait
from labkit.endpoint import Certificates, Endpoint
from labkit.engine import certificates, container, fleet, image
from labkit.engine import host as hosts
from labkit.engine.container import Spec
from labkit.errors import EngineError, EngineGone, EngineNameTaken, LabError


class Engine:
    """A real Docker Engine of your own: start it, break it, throw it away.

    Use :meth:`start`, best as a context manager, or :meth:`attach` for one that runs already.
    """

    def __init__(
        self, *, name: str, spec: Spec, host: hosts.Host, owner: str, container_id: str
    ) -> None:
        self.name = name
        self.spec = spec
        self.host = host
        self.owner = owner
        self.container_id = container_id
        self.folder = fleet.folder(name)

    @classmethod
    def start(
        cls,
        *,
        version: str = image.DEFAULT,
        name: str | None = None,
        env: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
        tcp: bool = False,
        keep: bool = False,
        say: image.Say = print,
    ) -> Self:
        """Start a fresh engine and wait until its API answers.

        :param version: the Docker version: "20.10", "26.1" (default), "28.5" or "29".
        :param name: its name, unique among this user's engines; made up where there is none.
        :param env: dockerd's environment, such as ``{"DOCKER_MIN_API_VERSION": "1.44"}``.
        :param args: further arguments of dockerd.
        :param tcp: also listen on a loopback port with mutual TLS, see :attr:`tls`.
        :param keep: outlive this process, until ``labkit down``.
        :param say: is told what takes long, and why.
        :raises HostError: there is no Docker to start it on.
        :raises VersionNotOffered: the kit has no such version.
        :raises EngineNameTaken: an engine of that name runs already.
        :raises EngineError: it did not come up; nothing is left behind.
        """
        offered = image.offered(version)
        host = hosts.find()
        bridged = fleet.needs_bridge(host)
        spec = Spec(version, dict(env or {}), tuple(args), tcp or bridged, bridged, keep)
        name = fleet.valid_name(name or f"engine-{secrets.token_hex(3)}")
        with host.client() as client:
            fleet.sweep(client)
            image_id = image.ensure(client, offered, say=say)
            engine = cls(name=name, spec=spec, host=host, owner=container.owner(), container_id="")
            engine._create(client, image_id)
            with _cleaning_up(engine):
                engine._bring_up(client)
        return engine

    @classmethod
    def attach(cls, name: str) -> Self:
        """The running engine of that name, whoever started it.

        :raises EngineError: there is none; names those that run.
        """
        host = hosts.find()
        with host.client() as client:
            for found in fleet.engines(client):
                if found.name == name:
                    engine = cls(
                        name=name,
                        spec=found.spec,
                        host=host,
                        owner=found.owner,
                        container_id=found.container_id,
                    )
                    engine._wait_for_api(client)
                    return engine
            running = ", ".join(found.name for found in fleet.engines(client)) or "none runs"
        raise EngineError(
            f"There is no engine {name!r}.", hint=f"labkit up --name {name} (now: {running})"
        )

    @property
    def version(self) -> str:
        """The Docker version that was asked for, such as ``26.1``."""
        return self.spec.version

    @property
    def socket(self) -> Path:
        """The engine's unix socket on this machine."""
        return self.folder / "docker.sock"

    @property
    def endpoint(self) -> Endpoint:
        """The unix socket as an endpoint."""
        return Endpoint(unix=self.socket)

    @cached_property
    def tls(self) -> Endpoint:
        """The loopback port with mutual TLS, for an engine started with ``tcp=True``."""
        if not self.spec.tcp:
            raise EngineError(
                f"The engine {self.name} has no TCP port.", hint="Engine.start(tcp=True)"
            )
        with self.host.client() as client:
            port = self._port(client)
        return Endpoint(host="127.0.0.1", port=port, certificates=self._certificates)

    @cached_property
    def docker(self) -> DockerClient:
        """A Docker SDK client for the engine."""
        return sdk.client(self.endpoint)

    @cached_property
    def raw(self) -> raw.Client:
        """A raw client for the engine."""
        return raw.Client(self.endpoint)

    @property
    def alive(self) -> bool:
        """Whether its API answers."""
        try:
            with raw.Client(self.endpoint, timeout=5) as client:
                return client.get("/_ping").ok
        except LabError:
            return False

    def logs(self, *, lines: int = 20) -> str:
        """The last lines that dockerd wrote."""
        with self.host.client() as client:
            return _last_words(client, self.container_id, lines=lines)

    def reset(self) -> None:
        """Make it pristine: no containers, networks, volumes, images but the course's own.

        Same name, same options, same socket path. What was connected to it is cut off.
        """
        with self.host.client() as client:
            image_id = image.ensure(client, image.offered(self.version))
            port = self._port(client) if self.spec.tcp else 0
            self._close_clients()
            old = fleet.set_aside(client, self.container_id, self.folder)
            with ThreadPoolExecutor(1) as aside:
                removal = aside.submit(fleet.remove, client, old)
                if port:
                    removal.result()  # only then is the port free again
                self._create(client, image_id, port=port)
                with _cleaning_up(self):
                    self._bring_up(client)
                    removal.result()

    def stop(self) -> None:
        """Throw the engine away, with everything in it and everything it left on this machine."""
        self._close_clients()
        with self.host.client() as client:
            fleet.remove(client, self.container_id)
        fleet.remove_folder(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Engine {self.name}: Docker {self.version} at {self.socket}>"

    @property
    def _certificates(self) -> Certificates:
        return Certificates(self.folder / "certs")

    def _port(self, client: DockerClient) -> int:
        ports = client.api.inspect_container(self.container_id)["NetworkSettings"]["Ports"]
        return int(ports[container.TLS_PORT][0]["HostPort"])

    def _close_clients(self) -> None:
        for name in ("docker", "raw", "tls"):
            opened = self.__dict__.pop(name, None)
            if name != "tls" and opened is not None:
                opened.close()

    def _create(self, client: DockerClient, image_id: str, *, port: int = 0) -> None:
        """Create the container; that names are unique is the host engine's doing."""
        folder = fleet.make_folder(self.name)
        try:
            self.container_id = container.create(
                client,
                name=fleet.container_name(self.name),
                image=image_id,
                spec=self.spec,
                labels=fleet.labels(self.name, self.spec, self.owner),
                folder=folder,
                port=port,
            )
        except APIError as failed:
            if failed.status_code == HTTPStatus.CONFLICT:
                raise EngineNameTaken(
                    f"An engine {self.name!r} runs already, or is just being started.",
                    hint=f"Engine.attach({self.name!r}) uses it; labkit down {self.name} ends it.",
                ) from failed
            fleet.remove_folder(folder)
            raise EngineError(
                f"The engine {self.name} could not be created: {failed.explanation}",
                hint="labkit doctor checks what this machine lacks.",
            ) from failed

    def _bring_up(self, client: DockerClient) -> None:
        if self.spec.tcp:
            _, tar = certificates.issue(self._certificates.folder)
            client.api.put_archive(self.container_id, "/etc", tar)
        try:
            client.api.start(self.container_id)
        except APIError as failed:
            raise EngineError(
                f"The engine {self.name} could not be started: {failed.explanation}",
                hint="labkit doctor checks what this machine lacks.",
            ) from failed
        if self.spec.bridged:
            self._wait_for_tls(client)
            _start_bridge(self.socket, self._port(client), self._certificates.folder)
        self._wait_for_api(client)
        if image.offered(self.version).official:
            self.docker.images.load(image.course_images(client))

    def _wait_for_api(self, client: DockerClient) -> None:
        self._wait(client, lambda: self.socket.exists() and self.alive)

    def _wait_for_tls(self, client: DockerClient) -> None:
        port = self._port(client)
        endpoint = Endpoint(host="127.0.0.1", port=port, certificates=self._certificates)

        def answers() -> bool:
            try:
                with raw.Client(endpoint, timeout=5) as over_tls:
                    return over_tls.get("/_ping").ok
            except LabError:
                return False

        self._wait(client, answers)

    def _wait(self, client: DockerClient, probe: Callable[[], bool]) -> None:
        tries = itertools.count(1)

        def answers_or_died() -> bool:
            return probe() or (next(tries) % 20 == 0 and self._died(client))

        wait.until(
            answers_or_died,
            what=f"the engine {self.name} to answer",
            timeout=30,
            hint="The machine may be overloaded; labkit doctor says more.",
        )

    def _died(self, client: DockerClient) -> bool:
        """False while the container runs; else there is no use in waiting."""
        try:
            if client.api.inspect_container(self.container_id)["State"]["Running"]:
                return False
        except DockerNotFound as removed:
            raise EngineGone(f"The engine {self.name} was removed while it started.") from removed
        raise EngineError(
            f"The engine {self.name} ended before it answered. Its last words:\n"
            + _last_words(client, self.container_id),
            hint="labkit doctor checks the usual causes: disk, cgroups, capabilities.",
        )


@contextlib.contextmanager
def _cleaning_up(engine: Engine) -> Iterator[None]:
    """A start that fails leaves nothing behind."""
    try:
        yield
    except BaseException as failed:
        with contextlib.suppress(LabError, DockerException):
            engine.stop()
        if isinstance(failed, DockerException):
            raise EngineError(
                f"The engine {engine.name} could not be started: {failed}"
            ) from failed
        raise


def _last_words(client: DockerClient, container_id: str, *, lines: int = 8) -> str:
    try:
        return bytes(client.api.logs(container_id, tail=lines)).decode(errors="replace").strip()
    except DockerException:
        return "(none)"


def _start_bridge(socket: Path, port: int, folder: Path) -> None:
    program = str(Path(__file__).with_name("bridge.py"))
    command = [sys.executable, "-I", program, str(socket), str(port), str(folder)]
    detached = 'exec setsid "$@" 2>"$0" </dev/null &'
    log = socket.with_name("bridge.log")
    done = subprocess.run(
        ["sh", "-c", detached, str(log), *command], capture_output=True, text=True, check=True
    )
    if done.stdout.strip() != "ready":
        raise EngineError(f"The bridge to the engine did not start: {log.read_text().strip()}")
