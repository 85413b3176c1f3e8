"""What a judge puts on the engine for an exercise: things that are named at random."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from typing import Any

import docker
from docker.errors import APIError
from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume

from labkit import wait

LABEL = "labkit.stock"
ADJECTIVES = (
    "amber",
    "brisk",
    "calm",
    "dusty",
    "eager",
    "fuzzy",
    "gentle",
    "hollow",
    "icy",
    "jolly",
)
ANIMALS = (
    "badger",
    "crane",
    "dingo",
    "egret",
    "ferret",
    "gecko",
    "heron",
    "ibis",
    "koala",
    "lemur",
)
FOREVER = ("sleep", "3600")


class Stock:
    """Random things on an engine, all labelled, all gone after :meth:`clear`."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._docker = client

    @staticmethod
    def name() -> str:
        """A name that nobody could have written down beforehand, such as ``calm-heron-3f9a``."""
        return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(ANIMALS)}-{secrets.token_hex(2)}"

    def create(
        self, *, image: str = "busybox", command: Sequence[str] = FOREVER, **options: Any
    ) -> Container:
        """A container that was never started; options as the SDK's ``containers.create``."""
        labels = {**options.pop("labels", {}), LABEL: "1"}
        name = options.pop("name", None) or self.name()
        return self._docker.containers.create(
            image, list(command), name=name, labels=labels, **options
        )

    def run(self, **options: Any) -> Container:
        """A running container."""
        container = self.create(**options)
        container.start()
        return container

    def ended(self, *, code: int = 0, **options: Any) -> Container:
        """A container that has run and ended with this exit code."""
        container = self.run(command=("sh", "-c", f"exit {code}"), **options)
        container.wait()
        # The Engine's list can lag a moment behind the end that wait() has seen.
        listed = {"id": [container.id], "status": ["exited"]}
        wait.until(
            lambda: self._docker.api.containers(all=True, filters=listed),
            what="the container's end to be listed",
        )
        return container

    def network(self, **options: Any) -> Network:
        """A network; options as the SDK's ``networks.create``."""
        labels = {**options.pop("labels", {}), LABEL: "1"}
        return self._docker.networks.create(self.name(), labels=labels, **options)

    def volume(self, **options: Any) -> Volume:
        """A volume; options as the SDK's ``volumes.create``."""
        labels = {**options.pop("labels", {}), LABEL: "1"}
        return self._docker.volumes.create(self.name(), labels=labels, **options)

    def clear(self) -> None:
        """Remove it all, also what an earlier check left behind."""
        api, ours = self._docker.api, {"label": LABEL}
        for row in api.containers(all=True, filters=ours):
            with contextlib.suppress(APIError):
                api.remove_container(row["Id"], v=True, force=True)
        for network in api.networks(filters=ours):
            with contextlib.suppress(APIError):
                api.remove_network(network["Id"])
        for volume in api.volumes(filters=ours)["Volumes"] or []:
            with contextlib.suppress(APIError):
                api.remove_volume(volume["Name"], force=True)
