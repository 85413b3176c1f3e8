"""The lab hub: a registry with Docker Hub's limits, disposable as an engine is."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Self

import requests
from docker import DockerClient
from docker.errors import APIError

from labkit import archives, wait
from labkit.engine import container, fleet, image
from labkit.engine import host as hosts
from labkit.engine.container import LABEL
from labkit.engine.engine import Engine
from labkit.engine.launch import last_words
from labkit.errors import EngineError, WaitTimeout
from labkit.hub import stock
from labkit.hub.settings import FOLDER, KEEPER, Account, Settings, mirror_files, seconds

__all__ = ["NAME", "Hub", "Mirror"]

NAME = "hub.lab"
"""What engines call the hub; an image of it is ``hub.lab/library/busybox``."""

_RUN_HUB = f"docker-registry serve {FOLDER}/registry.yml & exec haproxy -db -f {FOLDER}/haproxy.cfg"
_RUN_MIRROR = f"exec docker-registry serve {FOLDER}/registry.yml"
_PORT = "80/tcp"
_NO_VOLUME = {"/var/lib/docker": ""}  # which the engine image would ask for


class _Service:
    """A container of the engine image that serves HTTP at a loopback port of this machine."""

    kind = ""

    def __init__(self, host: hosts.Host, container_id: str, name: str) -> None:
        self.host = host
        self.container_id = container_id
        self.name = name
        self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Throw it away, with everything in it."""
        with self.host.client() as client:
            fleet.remove(client, self.container_id)

    def restart(self) -> None:
        """Kill it and start it again: budgets are as new, images are kept."""
        with self.host.client() as client:
            client.api.kill(self.container_id)
            client.api.wait(self.container_id)
            client.api.start(self.container_id)
        self._look()
        self._wait()

    def _look(self) -> None:
        with self.host.client() as client:
            found = client.api.inspect_container(self.container_id)["NetworkSettings"]
        port = (found["Ports"].get(_PORT) or [{}])[0].get("HostPort", "0")
        self.url = f"http://127.0.0.1:{port}"
        self.address = str(found["IPAddress"] or _first_address(found["Networks"]))

    def _wait(self) -> None:
        try:
            wait.until(self._answers, what=f"the {self.kind} to answer", timeout=20)
        except WaitTimeout as late:
            with self.host.client() as client:
                words = last_words(client, self.container_id)
            raise EngineError(
                f"The {self.kind} {self.name} does not answer. Its last words:\n{words}",
                hint="labkit doctor checks what this machine lacks.",
            ) from late

    def _answers(self) -> bool:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"{self.url}/v2/", timeout=5).status_code in (200, 401)
        except requests.RequestException:
            return False


class Hub(_Service):
    """A real registry behind HAProxy, which counts pulls as Docker Hub does.

    ``url`` is its address on this machine. Engines call it :data:`NAME`; :meth:`engine` starts one
    that knows it. ``accounts`` are those who can sign in, with their passwords.
    """

    kind = "hub"

    def __init__(
        self, host: hosts.Host, container_id: str, name: str, accounts: list[Account]
    ) -> None:
        self.accounts = {one.name: one for one in accounts}
        super().__init__(host, container_id, name)

    @classmethod
    def start(
        cls,
        *,
        limit: int | None = 100,
        window: float | str = "6h",
        accounts: Mapping[str, int | None] | None = None,
        prefix: int = 32,
        retry_after: bool = False,
        keep: bool = False,
        say: image.Say = print,
    ) -> Self:
        """Start a hub with the course's images, and wait until it answers.

        :param limit: pulls in a window for each address; None for no limit.
        :param window: how long a window is, such as ``"60s"``; it begins with its first pull.
        :param accounts: who can sign in: pulls in a window by name, None for no limit.
        :param prefix: how many bits of an IPv4 address count as one: 16 has all engines of the lab
            share a budget, as a class behind one address does.
        :param retry_after: whether a 429 says when to come again.
        :param keep: outlive this process, until ``labkit down``.
        :param say: is told what takes long, and why.
        :raises HostError: there is no Docker to start it on.
        :raises EngineError: it did not come up; nothing is left behind.
        """
        settings = Settings(
            limit=limit, window=seconds(window), accounts=dict(accounts or {}),
            prefix=prefix, retry_after=retry_after,
        )  # fmt: skip
        everybody = settings.everybody()
        host = hosts.find()
        with _created(host, "hub", _RUN_HUB, keep=keep, say=say) as (client, made):
            client.api.put_archive(made, "/", archives.pack(settings.files(everybody)))
            client.api.start(made)
            hub = cls(host, made, made[:12], everybody)
            hub._wait()
            hub._fill(client)
        return hub

    @property
    def configuration(self) -> str:
        """HAProxy's configuration as it runs, without passwords and tokens."""
        with self.host.client() as client:
            chunks, _ = client.api.get_archive(self.container_id, f"{FOLDER}/haproxy.cfg")
            text = archives.unpack(b"".join(chunks))["haproxy.cfg"].decode()
        for account in self.accounts.values():
            for secret in filter(None, (account.password, account.token)):
                text = text.replace(secret, "…")
        return text

    @property
    def hosts(self) -> dict[str, str]:
        """What an engine needs in its /etc/hosts: the hub's name and address."""
        return {NAME: self.address}

    def engine(self, *, mirror: bool = False, **options: Any) -> Engine:
        """Start an engine that can pull from the hub by its name.

        :param mirror: also ask it first for every image of Docker Hub: ``docker pull busybox``.
        :param options: those of :meth:`Engine.start`.
        """
        args = [f"--insecure-registry={NAME}", *options.pop("args", ())]
        if mirror:
            args.append(f"--registry-mirror=http://{NAME}")
        return Engine.start(args=args, hosts=self.hosts, **options)

    def push(self, archive: bytes, repository: str = "library") -> list[str]:
        """Put the images of a ``docker save`` archive into the hub; their names there."""
        with stock.Pusher(self.url, self.accounts[KEEPER].token) as pusher:
            names = []
            for one in stock.images_in(archive):
                short, _, tag = one.name.rpartition(":")
                pusher.push(one, f"{repository}/{short}", tag)
                names.append(f"{NAME}/{repository}/{short}:{tag}")
        return names

    def _fill(self, client: DockerClient) -> None:
        chunks, _ = client.api.get_archive(self.container_id, f"{image.SHELF}/images.tar")
        archive = archives.unpack(b"".join(chunks))["images.tar"]
        with stock.Pusher(self.url, self.accounts[KEEPER].token) as pusher:
            for one in stock.images_in(archive):
                name, _, tag = one.name.rpartition(":")
                pusher.push(one, f"library/{name}", tag)
                if name == "hello-world":
                    pusher.push(one, "ratelimitpreview/test", "latest")


class Mirror(_Service):
    """A pull-through cache: it asks a hub once for what many engines want, and keeps it."""

    kind = "mirror"

    @classmethod
    def start(cls, hub: Hub, *, keep: bool = False, say: image.Say = print) -> Self:
        """Start a mirror of a hub, and wait until it answers.

        :raises EngineError: it did not come up; nothing is left behind.
        """
        run = (_RUN_MIRROR, hub.hosts)
        with _created(hub.host, "mirror", *run, keep=keep, say=say) as (client, made):
            client.api.put_archive(made, "/", archives.pack(mirror_files(f"http://{NAME}")))
            client.api.start(made)
            mirror = cls(hub.host, made, made[:12])
            mirror._wait()
        return mirror

    def engine(self, **options: Any) -> Engine:
        """Start an engine that asks the mirror first for every image of Docker Hub.

        :param options: those of :meth:`Engine.start`.
        """
        args = [f"--registry-mirror=http://{self.address}", *options.pop("args", ())]
        args.append(f"--insecure-registry={self.address}")
        return Engine.start(args=args, **options)


@contextlib.contextmanager
def _created(
    host: hosts.Host,
    kind: str,
    command: str,
    names: Mapping[str, str] | None = None,
    *,
    keep: bool,
    say: image.Say,
) -> Iterator[tuple[DockerClient, str]]:
    """Make the container; if what follows fails, nothing is left behind."""
    name = f"{kind}-{secrets.token_hex(3)}"
    labels = {
        **fleet.mine(kind), f"{LABEL}.name": name, f"{LABEL}.owner": container.owner(),
        f"{LABEL}.keep": json.dumps(keep),
    }  # fmt: skip
    with host.client() as client:
        fleet.sweep(client)
        config = client.api.create_host_config(
            port_bindings={_PORT: ("127.0.0.1", None)}, tmpfs=_NO_VOLUME,
            extra_hosts=dict(names or {}), cap_drop=["ALL"], cap_add=["NET_BIND_SERVICE"],
        )  # fmt: skip
        made = str(
            client.api.create_container(
                image.ensure(client, image.offered(image.DEFAULT), say=say),
                entrypoint=["/bin/sh", "-c", command],
                command=[],
                name=fleet.container_name(name),
                hostname=kind,
                labels=labels,
                host_config=config,
                ports=[80],
            )["Id"]
        )
        try:
            yield client, made
        except BaseException as failed:
            fleet.remove(client, made)
            if isinstance(failed, APIError):
                raise EngineError(f"The {kind} could not be started: {failed}") from failed
            raise


def _first_address(networks: Mapping[str, Mapping[str, str]]) -> str:
    return next((one["IPAddress"] for one in networks.values()), "")
