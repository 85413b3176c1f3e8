"""Networks of the host engine that the kit makes for engines of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from http import HTTPStatus

import docker
from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from labkit.engine.container import LABEL
from labkit.engine.spec import owner_lives
from labkit.errors import EngineError

__all__ = ["create", "remove", "subnet"]

_FIRST, _MOST = "10.215", 250


def create(
    client: docker.DockerClient, name: str, labels: Mapping[str, str], *, internal: bool = False
) -> str:
    """Make a network with a subnet of its own, and return its id (``POST /networks/create``).

    Its addresses can be chosen, so that a container that was cut off gets back the one it had.

    :param internal: it leads nowhere else.
    :raises EngineError: there is no free subnet, or the host engine can't make a network.
    """
    for number in range(_MOST):
        pool = IPAMPool(subnet=f"{_FIRST}.{number}.0/24")
        try:
            made = client.api.create_network(
                name,
                labels=dict(labels),
                ipam=IPAMConfig(pool_configs=[pool]),
                internal=internal,
            )
        except APIError as failed:
            if failed.status_code == HTTPStatus.CONFLICT or "overlap" not in str(failed):
                raise EngineError(
                    f"The network {name} could not be made: {failed.explanation}",
                    hint="labkit doctor checks what this machine lacks.",
                ) from failed
        else:
            return str(made["Id"])
    raise EngineError(
        f"No subnet of {_FIRST}.0.0/16 is free for the network {name}.",
        hint="labkit down removes what earlier clusters may have left.",
    )


def subnet(client: docker.DockerClient, network: str) -> str:
    """The first three numbers of a network's addresses, such as ``10.215.0``."""
    [pool] = client.api.inspect_network(network)["IPAM"]["Config"]
    return str(pool["Subnet"]).rpartition(".")[0]


def remove(client: docker.DockerClient, labels: Iterable[str], *, orphans_only: bool) -> None:
    """Remove the networks with these labels that nobody needs any more, or all of them.

    One that still has containers stays, for the next time.
    """
    for network in client.api.networks(filters={"label": list(labels)}):
        described = network["Labels"] or {}
        keep = described.get(f"{LABEL}.keep") == "true"
        if orphans_only and (keep or owner_lives(described.get(f"{LABEL}.owner", ""))):
            continue
        with contextlib.suppress(APIError):
            client.api.remove_network(network["Id"])
