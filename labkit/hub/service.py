"""A container of the engine image that serves HTTP at a loopback port of this machine."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Self

import requests
from docker import DockerClient
from docker.errors import APIError

from labkit import wait
from labkit.engine import container, fleet, image
from labkit.engine import host as hosts
from labkit.engine.container import LABEL
from labkit.engine.launch import last_words
from labkit.errors import EngineError, WaitTimeout

__all__ = ["Service", "created"]

_PORT = "80/tcp"
_NO_VOLUME = {"/var/lib/docker": ""}  # which the engine image would ask for


class Service:
    """A container of the engine image that serves HTTP at a loopback port of this machine."""

    kind = ""

    def __init__(self, host: hosts.Host, container_id: str, name: str) -> None:
        self.host = host
        self.container_id = container_id
        self.name = name
        self.look()

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
        self.look()
        self.wait()

    def look(self) -> None:
        """Find out where it is reached."""
        with self.host.client() as client:
            found = client.api.inspect_container(self.container_id)["NetworkSettings"]
        port = (found["Ports"].get(_PORT) or [{}])[0].get("HostPort", "0")
        self.url = f"http://127.0.0.1:{port}"
        self.address = str(found["IPAddress"] or _first_address(found["Networks"]))

    def wait(self) -> None:
        """Wait until it answers.

        :raises EngineError: it does not; has its last words.
        """
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


@contextlib.contextmanager
def created(
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
