"""The host engine: the Docker that the machine has, or a private one that the kit starts."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.context import ContextAPI
from docker.errors import DockerException

from labkit import raw, sdk
from labkit.endpoint import Certificates, Endpoint
from labkit.engine import places, private
from labkit.errors import HostError, HostMissing, HostPermissionError, LabError

DEFAULT_SOCKET = Path("/var/run/docker.sock")


@dataclass(frozen=True)
class Host:
    """Where the lab's engines are started, and how it was found."""

    endpoint: Endpoint
    found_by: str
    private: bool = False

    @contextmanager
    def client(self) -> Iterator[docker.DockerClient]:
        """A client of the host engine, closed at the end of the ``with`` block."""
        with closing(sdk.client(self.endpoint)) as client:
            yield client


def find(*, start: bool = True) -> Host:
    """Find the host engine, or start the private one.

    The order: ``LABKIT_HOST``, ``DOCKER_HOST``, the docker CLI's current context, the default
    socket, and last the private engine. A place that somebody named must answer: if it does not,
    that is an error and not a reason to look elsewhere.

    :param start: whether a private engine may be started.
    :raises HostMissing: there is none, and ``start`` is false.
    :raises HostPermissionError: there is one that this user may not use.
    :raises HostError: the one that was named does not answer, or none can be started.
    """
    if named := _named():
        return _answering(named)
    if DEFAULT_SOCKET.exists():
        default = Host(Endpoint(unix=DEFAULT_SOCKET), f"the default socket {DEFAULT_SOCKET}")
        try:
            return _answering(default)
        except HostPermissionError:
            raise
        except HostError:
            if private.obstacle():
                raise
    if private.running() or start:
        return Host(private.start(), "started by the kit", private=True)
    raise HostMissing("No Docker Engine runs here.", hint="labkit up starts one.")


def named() -> bool:
    """Whether somebody has said which host engine it is to be; then no other will do."""
    try:
        return _named() is not None
    except HostError:
        return True


def _named() -> Host | None:
    """The host engine that the environment or the CLI's current context names, if any."""
    for variable, folder in (
        ("LABKIT_HOST", "LABKIT_CERT_PATH"),
        ("DOCKER_HOST", "DOCKER_CERT_PATH"),
    ):
        url = os.environ.get(variable, "")
        if url and not _is_engine_of_ours(url):
            return Host(_parse(url, os.environ.get(folder)), f"{variable}={url}")
    try:
        context = ContextAPI.get_current_context()
    except DockerException:
        return None
    if context and context.name != "default" and context.Host:
        tls = context.TLSConfig
        certificates = str(Path(tls.ca_cert).parent) if tls and tls.ca_cert else None
        return Host(_parse(context.Host, certificates), f"the docker context {context.name!r}")
    return None


def _parse(url: str, folder: str | None) -> Endpoint:
    try:
        return Endpoint.parse(url, certificates=Certificates(Path(folder)) if folder else None)
    except LabError as bad:
        raise HostError(bad.message, hint=bad.hint) from bad


def _is_engine_of_ours(url: str) -> bool:
    """A lab engine is never a host: ``eval "$(labkit env)"`` points DOCKER_HOST at one."""
    return url.startswith(f"unix://{places.run()}/") and url != f"unix://{private.socket()}"


def _answering(host: Host) -> Host:
    try:
        with raw.Client(host.endpoint, timeout=10) as client:
            client.get("/_ping")
    except HostPermissionError as refused:
        raise HostPermissionError(
            f"This user may not use Docker at {host.endpoint.url} (found by {host.found_by}).",
            hint="Join its group and log in anew: sudo usermod -aG docker $USER. "
            "On a class server, ask the instructor.",
        ) from refused
    except LabError as dead:
        raise HostError(
            f"No Docker Engine answers at {host.endpoint.url} (found by {host.found_by}). "
            f"{dead.message}",
            hint=_start_docker(host),
        ) from dead
    return host


def _start_docker(host: Host) -> str:
    if "=" in host.found_by:
        variable = host.found_by.split("=")[0]
        return f"Start Docker there, or unset {variable} to let the kit look elsewhere."
    linux = "Start Docker: sudo systemctl start docker"
    return linux if platform.system() == "Linux" else "Start Docker Desktop and wait until it runs."
