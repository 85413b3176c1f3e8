"""A container of the host engine that an engine, a hub or a mirror lives in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from docker import APIClient
from docker.errors import APIError, NotFound

from labkit.engine import fleet
from labkit.engine.host import Host
from labkit.engine.launch import last_words
from labkit.errors import EngineError

__all__ = ["Container", "HostNetwork"]


@dataclass(frozen=True)
class HostNetwork:
    """A network of the host engine."""

    host: Host
    id: str
    subnet: str

    def remove(self) -> None:
        """Remove it (``DELETE /networks/{id}``)."""
        with self.host.client() as client, contextlib.suppress(APIError):
            client.api.remove_network(self.id)


@dataclass(frozen=True)
class Container:
    """A container of the host engine, by its id."""

    host: Host
    id: str

    @property
    def running(self) -> bool:
        """Whether it runs (``GET /containers/{id}/json``)."""
        with contextlib.suppress(EngineError):
            return bool(self._described()["State"]["Running"])
        return False

    @property
    def address(self) -> str:
        """Its address on the first of its networks."""
        found = self._described()["NetworkSettings"]["Networks"]
        return next((str(one["IPAddress"]) for one in found.values()), "")

    def port(self, inside: int) -> int:
        """The loopback port that is published for it; 0 where none is."""
        ports = self._described()["NetworkSettings"]["Ports"]
        return int((ports.get(f"{inside}/tcp") or [{}])[0].get("HostPort", 0))

    def put(self, archive: bytes, path: str = "/") -> None:
        """Unpack a tar in it (``PUT /containers/{id}/archive``)."""
        with self._api() as api:
            api.put_archive(self.id, path, archive)

    def get(self, path: str) -> bytes:
        """A file or folder, as a tar (``GET /containers/{id}/archive``)."""
        with self.host.client() as client:
            try:
                chunks, _ = client.api.get_archive(self.id, path)
            except NotFound:
                return b""
            return b"".join(chunks)

    def run(self, *command: str, detach: bool = False, env: Mapping[str, str] | None = None) -> int:
        """Run a program in it (``POST /exec/{id}/start``).

        :returns: its exit code; 0 for one that goes on.
        """
        with self._api() as api:
            run = api.exec_create(self.id, list(command), environment=dict(env or {}))["Id"]
            api.exec_start(run, detach=detach)
            return int(api.exec_inspect(run)["ExitCode"] or 0)

    def log(self, *, lines: int) -> str:
        """The last lines of its log (``GET /containers/{id}/logs``)."""
        with self.host.client() as client:
            return last_words(client, self.id, lines=lines)

    def start(self) -> None:
        """Start it (``POST /containers/{id}/start``)."""
        with self._api() as api:
            api.start(self.id)

    def kill(self) -> None:
        """Kill it, and wait for its end (``POST /containers/{id}/kill``)."""
        with self._api() as api:
            api.kill(self.id)
            api.wait(self.id)

    def remove(self) -> None:
        """Remove it with its volume (``DELETE /containers/{id}``)."""
        with self.host.client() as client:
            fleet.remove(client, self.id)

    def connect(self, network: str, address: str = "") -> str:
        """Connect it (``POST /networks/{id}/connect``).

        :returns: the address that it has there.
        """
        with self._api() as api:
            if self._on(network) is None:
                at = address or None
                api.connect_container_to_network(self.id, network, ipv4_address=at)
        return str((self._on(network) or {}).get("IPAddress", ""))

    def disconnect(self, network: str) -> None:
        """Disconnect it (``POST /networks/{id}/disconnect``)."""
        with self._api() as api:
            api.disconnect_container_from_network(self.id, network)

    def _on(self, network: str) -> dict[str, Any] | None:
        networks = self._described()["NetworkSettings"]["Networks"].values()
        return next((dict(one) for one in networks if one["NetworkID"] == network), None)

    def _described(self) -> dict[str, Any]:
        with self._api() as api:
            return dict(api.inspect_container(self.id))

    @contextlib.contextmanager
    def _api(self) -> Iterator[APIClient]:
        with self.host.client() as client:
            try:
                yield client.api
            except APIError as failed:
                raise EngineError(f"The host engine says: {failed.explanation}") from failed
