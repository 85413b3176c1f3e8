"""The inside of an engine's container: programs run there, and files put in and read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import docker
from docker.errors import NotFound

from labkit import archives
from labkit.engine.engine import Engine

__all__ = ["Inside"]


@dataclass(frozen=True)
class Inside:
    """The inside of an engine's container, by way of the host engine."""

    engine: Engine

    def put(self, *files: archives.File | archives.Folder) -> None:
        """Put files in (``PUT /containers/{id}/archive``)."""
        with self._container() as (client, container):
            client.put_archive(container, "/", archives.pack(files))

    def read(self, path: str) -> bytes:
        """Read a file (``GET /containers/{id}/archive``); empty where there is none."""
        with self._container() as (client, container):
            try:
                chunks, _ = client.get_archive(container, path)
            except NotFound:
                return b""
            return next(iter(archives.unpack(b"".join(chunks)).values()), b"")

    def run(self, *command: str, detach: bool = False, env: Mapping[str, str] | None = None) -> int:
        """Run a program (``POST /exec/{id}/start``).

        :returns: its exit code; 0 for one that goes on.
        """
        with self._container() as (client, container):
            run = client.exec_create(container, list(command), environment=dict(env or {}))["Id"]
            client.exec_start(run, detach=detach)
            return int(client.exec_inspect(run)["ExitCode"] or 0)

    @contextlib.contextmanager
    def _container(self) -> Iterator[tuple[docker.APIClient, str]]:
        with self.engine.host.client() as client:
            yield client.api, self.engine.container_id
