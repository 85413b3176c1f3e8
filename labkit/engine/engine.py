"""A disposable Docker Engine."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from docker import DockerClient

from labkit import raw, sdk, wait
from labkit.endpoint import Certificates, Endpoint
from labkit.engine import drivers, fleet, image
from labkit.engine.certificates import Server
from labkit.engine.containers import Containers
from labkit.engine.driver import Body, Driver
from labkit.engine.found import Found
from labkit.engine.host import Host
from labkit.engine.launch import certificates_of
from labkit.engine.spec import Spec, owner
from labkit.errors import EngineError, EngineNameTaken

_TLS_PORT = 2376


class Engine:
    """A real Docker Engine of your own: start it, break it, throw it away.

    Use :meth:`start`, best as a context manager, or :meth:`attach` for one that runs already.
    """

    def __init__(self, *, name: str, spec: Spec, owner: str, driver: Driver, body: Body) -> None:
        self.name = name
        self.spec = spec
        self.owner = owner
        self.driver = driver
        self.body = body
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
        :raises EngineNameTaken: an engine of that name is there already.
        :raises EngineError: it did not come up; nothing is left behind.
        """
        image.offered(version)
        driver = drivers.choose(say=say)
        asked = Spec(
            version, dict(env or {}), tuple(args), tcp, keep=keep,
            hosts=dict(hosts or {}), cluster=cluster, fenced=fenced, network=network,
        )  # fmt: skip
        spec = driver.fitted(asked, server=server)
        name = fleet.valid_name(name or f"engine-{secrets.token_hex(3)}")
        for other in drivers.present():
            if other.name != driver.name and name in [one.name for one in other.engines()]:
                raise EngineNameTaken(
                    f"An engine {name!r} is there already {other.words}.",
                    hint=f"Engine.attach({name!r}) uses it; labkit down {name} ends it.",
                )
        mine = owner()
        body = driver.start(name, spec, owner=mine, server=server, say=say)
        return cls(name=name, spec=spec, owner=mine, driver=driver, body=body)

    @classmethod
    def attach(cls, name: str) -> Self:
        """The running engine of that name, whoever started it.

        :raises EngineError: there is none; names those that run.
        """
        everyone = drivers.engines()
        for driver, found in everyone:
            if found.name == name:
                wait.set_pace(driver.pace)
                body = driver.wait(found)
                return cls(name=name, spec=found.spec, owner=found.owner, driver=driver, body=body)
        running = ", ".join(found.name for _, found in everyone) or "none runs"
        raise EngineError(
            f"There is no engine {name!r}.", hint=f"labkit up --name {name} (now: {running})"
        )

    @property
    def container_id(self) -> str:
        """The id of what it lives in: of its container, where it has one."""
        return self.body.id

    @container_id.setter
    def container_id(self, other: str) -> None:
        self.body = self.driver.body(other)

    @property
    def host(self) -> Host:
        """The host engine that its container is on.

        :raises EngineError: it lives in no container.
        """
        if isinstance(self.driver, Containers):
            return self.driver.host
        raise EngineError(f"The engine {self.name} lives in no container of a host engine.")

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
        port = self.body.port(_TLS_PORT)
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
        return self.body.log(lines=lines)

    def reset(self) -> None:
        """Make it pristine: no containers, networks, volumes, images but the course's own.

        Same name, same options, same socket path. What was connected to it is cut off.
        """
        self._close_clients()
        self.body = self.driver.reset(self._found)

    def stop(self) -> None:
        """Throw the engine away, with everything in it and everything it left on this machine."""
        self._close_clients()
        self.driver.end(self._found)

    @property
    def _found(self) -> Found:
        return Found(self.name, self.spec, self.body.id, self.owner)

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
