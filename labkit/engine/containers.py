"""The container driver: engines live in containers of the host engine."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from docker import DockerClient
from docker.errors import APIError, DockerException

from labkit.engine import fleet, image, networks
from labkit.engine.body import Container, HostNetwork
from labkit.engine.certificates import Server
from labkit.engine.container import LABEL
from labkit.engine.driver import Say
from labkit.engine.found import Companion, Found
from labkit.engine.host import Host
from labkit.engine.launch import Launch, published_port
from labkit.engine.spec import Spec, owner
from labkit.errors import EngineError, LabError

__all__ = ["Containers"]

_PORT = "80/tcp"
_NO_VOLUME = {"/var/lib/docker": ""}  # which the engine image would ask for


@dataclass(frozen=True)
class Containers:
    """Engines in containers of one host engine."""

    host: Host
    name: str = "container"
    pace: float = 1.0

    @property
    def words(self) -> str:
        """Which host engine it is, to be told."""
        return f"on the Docker {self.host.found_by}"

    def body(self, id: str) -> Container:  # noqa: A002 - that is what it is
        """The container of that id."""
        return Container(self.host, id)

    def prepare(self, version: str, *, say: Say) -> None:
        """Build or pull the engine image."""
        with self.host.client() as client:
            image.ensure(client, image.offered(version), say=say)

    def fitted(self, spec: Spec, *, server: Server | None) -> Spec:
        """The spec, bridged where containers can't share a unix socket with this machine."""
        bridged = fleet.needs_bridge(self.host)
        if server and bridged:
            raise EngineError(
                "An engine with certificates of your own needs a unix socket on this machine.",
                hint="Docker Desktop can't share one; use a Docker on Linux for this.",
            )
        return replace(spec, tcp=spec.tcp or bridged or bool(server), bridged=bridged)

    def start(
        self, name: str, spec: Spec, *, owner: str, server: Server | None, say: Say
    ) -> Container:
        """Start an engine and wait until it answers; one that fails leaves nothing behind."""
        with self.host.client() as client:
            fleet.sweep(client)
            image_id = image.ensure(client, image.offered(spec.version), say=say)
            launch = Launch(client, name, spec, owner)
            made = launch.create(image_id)
            with _cleaning_up(client, Found(name, spec, made, owner)):
                if server:
                    server.keep(fleet.folder(name))
                launch.bring_up(made)
        return Container(self.host, made)

    def reset(self, found: Found) -> Container:
        """Put a pristine engine in the place of one that is there, or was."""
        with self.host.client() as client:
            image_id = image.ensure(client, image.offered(found.spec.version))
            port = published_port(client, found.id) if found.spec.tcp else 0
            fleet.set_aside(client, found.id, found.name)
            with ThreadPoolExecutor(1) as aside:
                removal = aside.submit(fleet.remove, client, found.id)
                if port:
                    removal.result()  # only then is the port free again
                launch = Launch(client, found.name, found.spec, found.owner)
                made = launch.create(image_id, port=port)
                with _cleaning_up(client, replace(found, id=made)):
                    launch.bring_up(made)
                    removal.result()
        return Container(self.host, made)

    def wait(self, found: Found) -> Container:
        """Wait until an engine that runs already answers, and return its body."""
        with self.host.client() as client:
            Launch(client, found.name, found.spec, found.owner).wait_for_api(found.id)
        return Container(self.host, found.id)

    def end(self, found: Found) -> None:
        """Remove an engine with all that it has on this machine."""
        with self.host.client() as client:
            fleet.end(client, found)

    def engines(self) -> list[Found]:
        """This user's engines, oldest first."""
        with self.host.client() as client:
            return fleet.engines(client)

    def companions(self) -> list[Companion]:
        """This user's hubs and mirrors, oldest first."""
        with self.host.client() as client:
            return fleet.companions(client)

    @contextlib.contextmanager
    def serve(
        self, kind: str, command: str, names: Mapping[str, str], *, keep: bool, say: Say
    ) -> Iterator[Container]:
        """Make a container of the engine image that serves HTTP at port 80; not yet started."""
        with self.host.client() as client:
            fleet.sweep(client)
            made = _companion(client, kind, command, names, keep=keep, say=say)
            try:
                yield Container(self.host, made)
            except BaseException as failed:
                fleet.remove(client, made)
                if isinstance(failed, APIError):
                    raise EngineError(f"The {kind} could not be started: {failed}") from failed
                raise

    def network(self, name: str, *, keep: bool, internal: bool = False) -> HostNetwork:
        """Make a network of the host engine with a subnet of its own."""
        labels = fleet.mine("cluster") | {
            f"{LABEL}.owner": owner(),
            f"{LABEL}.keep": str(keep).lower(),
        }
        with self.host.client() as client:
            made = networks.create(client, fleet.container_name(name), labels, internal=internal)
            return HostNetwork(self.host, made, networks.subnet(client, made))

    def sweep(self) -> list[str]:
        """Remove what nobody needs any more; the names."""
        with self.host.client() as client:
            return fleet.sweep(client)

    def down(self, *, images: bool) -> list[str]:
        """Remove all of this user's; the names."""
        with self.host.client() as client:
            gone = fleet.down(client)
            if images and not self.host.private:
                image.remove(client)
        return gone


def _companion(
    client: DockerClient, kind: str, command: str, names: Mapping[str, str], *, keep: bool, say: Say
) -> str:
    name = f"{kind}-{secrets.token_hex(3)}"
    labels = {
        **fleet.mine(kind), f"{LABEL}.name": name, f"{LABEL}.owner": owner(),
        f"{LABEL}.keep": json.dumps(keep),
    }  # fmt: skip
    config = client.api.create_host_config(
        port_bindings={_PORT: ("127.0.0.1", None)}, tmpfs=_NO_VOLUME,
        extra_hosts=dict(names), cap_drop=["ALL"], cap_add=["NET_BIND_SERVICE"],
    )  # fmt: skip
    made = client.api.create_container(
        image.ensure(client, image.offered(image.DEFAULT), say=say),
        entrypoint=["/bin/sh", "-c", command],
        command=[],
        name=fleet.container_name(name),
        hostname=kind,
        labels=labels,
        host_config=config,
        ports=[80],
    )
    return str(made["Id"])


@contextlib.contextmanager
def _cleaning_up(client: DockerClient, found: Found) -> Iterator[None]:
    """A start that fails leaves nothing behind."""
    try:
        yield
    except BaseException as failed:
        with contextlib.suppress(LabError, DockerException):
            fleet.end(client, found)
        if isinstance(failed, DockerException):
            raise EngineError(f"The engine {found.name} could not be started: {failed}") from failed
        raise
