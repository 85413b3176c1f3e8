"""Where an engine listens: a unix socket, or host and port with the certificates to use there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from labkit.errors import LabError


@dataclass(frozen=True)
class Certificates:
    """The three PEM files of Docker's ``DOCKER_CERT_PATH``, in one folder.

    As with the ``docker`` command, who has no certificate of their own has ``ca.pem`` alone.
    """

    folder: Path

    @property
    def ca(self) -> Path:
        """Who signed the server's certificate."""
        return self.folder / "ca.pem"

    @property
    def cert(self) -> Path:
        """The client's certificate."""
        return self.folder / "cert.pem"

    @property
    def key(self) -> Path:
        """The client's private key."""
        return self.folder / "key.pem"

    @property
    def own(self) -> tuple[str, str] | None:
        """The files of certificate and key; None where the folder has neither, only ``ca.pem``."""
        if self.cert.exists() or self.key.exists():
            return str(self.cert), str(self.key)
        return None


@dataclass(frozen=True)
class Endpoint:
    """The address of a Docker Engine API.

    Either ``unix`` is set, the path of a socket on this machine, or ``host`` and ``port`` are,
    with ``certificates`` where the port speaks TLS.
    """

    unix: Path | None = None
    host: str = ""
    port: int = 0
    certificates: Certificates | None = None

    @classmethod
    def parse(cls, url: str, *, certificates: Certificates | None = None) -> Endpoint:
        """Read an address in the form that ``DOCKER_HOST`` has.

        :raises LabError: for anything but ``unix:///path`` and ``tcp://host:port``.
        """
        parts = urlsplit(url)
        if parts.scheme == "unix" and parts.path:
            return cls(unix=Path(parts.path))
        if parts.scheme == "tcp" and parts.hostname:
            port = parts.port or (2376 if certificates else 2375)
            return cls(host=parts.hostname, port=port, certificates=certificates)
        raise LabError(
            f"{url!r} is no address of a Docker Engine that this kit can use",
            hint="Use unix:///path/to/docker.sock or tcp://host:port, as DOCKER_HOST does. "
            "For ssh://, forward the socket first: ssh -L ./docker.sock:/var/run/docker.sock HOST",
        )

    @property
    def url(self) -> str:
        """As ``DOCKER_HOST`` wants it: ``unix:///…`` or ``tcp://host:port``."""
        return f"unix://{self.unix}" if self.unix else f"tcp://{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """As an HTTP client wants it: requests-unixsocket takes the socket's path as host name."""
        if self.unix:
            return f"http+unix://{quote(str(self.unix), safe='')}"
        return f"{'https' if self.certificates else 'http'}://{self.host}:{self.port}"
