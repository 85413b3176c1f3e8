"""A disposable Docker Engine."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from docker import DockerClient
from docker.errors import DockerException

from labkit import raw, sdk
from labkit.endpoint import Certificates, Endpoint
from labkit.engine import container, fleet, image
from labkit.engine import host as host_engine
from labkit.engine.certificates import Server
from labkit.engine.container import Spec
from labkit.engine.launch import Launch, certificates_of, last_words, published_port
from labkit.errors import EngineError, LabError


class Engine:
    """A real Docker Engine of your own: start it, break it, throw it away.

    Use :meth:`start`, best as a context manager, or :meth:`attach` for one that runs already.
    """

    def __init__(
        self, *, name: str, spec: Spec, host: host_engine.Host, owner: str, container_id: str
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
        hosts: Mapping[str, str] | None = None,
        server: Server | None = None,
        cluster: str = "",
        fenced: bool = False,
        network: str = "",
        say: image.Say = print,
    ) -> Self:
        """Start a fresh engine and wait until its API answers.

        :param version: the Docker version: "20.10", "26.1" (default), "28.5" or "29".
        :param name: its name, unique among this user's engines; made up where there is none.
        :param env: dockerd's environment, such as ``{"DOCKER_MIN_API_VERSION": "1.44"}``.
        :param args: further arguments of dockerd.
        :param tcp: also listen on a loopback port with mutual TLS, see :attr:`tls`.
        :param keep: outlive this process, until ``labkit down``.
        :param hosts: addresses by name that it shall know, a lab hub's for one.
        :param cluster: the cluster that it is a node of, see :mod:`labkit.swarm`.
        :param server: certificates of your own for the TCP port; clients are yours to issue.
        :param fenced: bound memory, processes and disk, for a user whom nobody knows.
        :param network: the host engine's network to be on; ``"none"`` is none.
        :param say: is told what takes long, and why.
        :raises HostError: there is no Docker to start it on.
        :raises VersionNotOffered: the kit has no such version.
        :raises EngineNameTaken: an engine of that name runs already.
        :raises EngineError: it did not come up; nothing is left behind.
        """
        offered = image.offered(version)
        host = host_engine.find()
        bridged = fleet.needs_bridge(host)
        if server and bridged:
            raise EngineError(
                "An engine with certificates of your own needs a unix socket on this machine.",
                hint="Docker Desktop can't share one; use a Docker on Linux for this.",
            )
        spec = Spec(
            version, dict(env or {}), tuple(args), tcp or bridged or bool(server), bridged, keep,
            dict(hosts or {}), cluster, fenced, network,
        )  # fmt: skip
        name = fleet.valid_name(name or f"engine-{secrets.token_hex(3)}")
        with host.client() as client:
            fleet.sweep(client)
            image_id = image.ensure(client, offered, say=say)
            launch = Launch(client, name, spec, container.owner())
            container_id = launch.create(image_id)
            engine = cls(
                name=name, spec=spec, host=host, owner=launch.owner, container_id=container_id
            )
            with _cleaning_up(engine):
                if server:
                    server.keep(engine.folder)
                launch.bring_up(container_id)
        return engine

    @classmethod
    def attach(cls, name: str) -> Self:
        """The running engine of that name, whoever started it.

        :raises EngineError: there is none; names those that run.
        """
        host = host_engine.find()
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
                    engine._launch(client).wait_for_api(found.container_id)
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
            port = published_port(client, self.container_id)
        return Endpoint(host="127.0.0.1", port=port, certificates=certificates_of(self.name))

    def reached_with(self, certificates: Certificates) -> Endpoint:
        """The loopback port, for a client that has these certificates."""
        return replace(self.tls, certificates=certificates)

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
        return raw.answers(self.endpoint)

    def logs(self, *, lines: int = 20) -> str:
        """The last lines that dockerd wrote."""
        with self.host.client() as client:
            return last_words(client, self.container_id, lines=lines)

    def reset(self) -> None:
        """Make it pristine: no containers, networks, volumes, images but the course's own.

        Same name, same options, same socket path. What was connected to it is cut off.
        """
        with self.host.client() as client:
            image_id = image.ensure(client, image.offered(self.version))
            port = published_port(client, self.container_id) if self.spec.tcp else 0
            self._close_clients()
            fleet.set_aside(client, self.container_id, self.name)
            with ThreadPoolExecutor(1) as aside:
                removal = aside.submit(fleet.remove, client, self.container_id)
                if port:
                    removal.result()  # only then is the port free again
                launch = self._launch(client)
                self.container_id = launch.create(image_id, port=port)
                with _cleaning_up(self):
                    launch.bring_up(self.container_id)
                    removal.result()

    def stop(self) -> None:
        """Throw the engine away, with everything in it and everything it left on this machine."""
        self._close_clients()
        with self.host.client() as client:
            fleet.end(client, fleet.Found(self.name, self.spec, self.container_id, self.owner))

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

    def _close_clients(self) -> None:
        for name in ("docker", "raw", "tls"):
            opened = self.__dict__.pop(name, None)
            if name != "tls" and opened is not None:
                opened.close()

    def _launch(self, client: DockerClient) -> Launch:
        return Launch(client, self.name, self.spec, self.owner)


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
