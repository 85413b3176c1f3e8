"""The container that an engine lives in: its rights, its mounts, its labels."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import docker
import psutil
from docker.types import Mount

from labkit.engine import fence, rights

LABEL = "labkit"
FOLDER = "/labkit"  # the engine's folder on the host, as the container sees it
CERTIFICATES = "/etc/labkit"
TLS_PORT = "2376/tcp"


@dataclass(frozen=True)
class Spec:
    """What an engine is started with, enough to start the same again.

    :param version: the Docker version, as ``labkit.engine.image`` offers it.
    :param env: dockerd's environment, ``DOCKER_MIN_API_VERSION`` for one.
    :param args: further arguments of dockerd.
    :param tcp: whether it also listens on a loopback port, with mutual TLS.
    :param bridged: whether the unix socket on this machine is a bridge to that port.
    :param keep: whether it outlives the process that started it.
    :param hosts: addresses by name, for its /etc/hosts.
    :param cluster: the cluster that it is a node of: then it stays when it is stopped, and its
        host name is what its own name has after the cluster's.
    :param fenced: whether memory, processes and disk are bounded, as for a user nobody knows.
    :param network: the host engine's network that it is on; its usual one where none is named.
    """

    version: str
    env: Mapping[str, str] = field(default_factory=dict)
    args: Sequence[str] = ()
    tcp: bool = False
    bridged: bool = False
    keep: bool = False
    hosts: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""
    fenced: bool = False
    network: str = ""

    @classmethod
    def read(cls, text: str) -> Spec:
        """A spec as a label has it; what another version of the kit has put there is left out."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})

    def hostname(self, container_name: str) -> str:
        """What the engine calls itself."""
        return container_name.rpartition(f"{self.cluster}-")[2] if self.cluster else "engine"


def owner() -> str:
    """This process, so that whoever comes later can tell whether it still lives."""
    process = psutil.Process()
    return f"{socket.gethostname()}:{process.pid}:{process.create_time():.2f}"


def owner_lives(label: str) -> bool:
    """Whether the process that ``owner`` described runs still; true where that can't be known."""
    try:
        machine, pid, born = label.rsplit(":", 2)
        if machine != socket.gethostname():
            return True
        return abs(psutil.Process(int(pid)).create_time() - float(born)) < 1
    except (ValueError, psutil.NoSuchProcess):
        return False


def create(
    host: docker.DockerClient,
    *,
    name: str,
    image: str,
    labels: dict[str, str],
    spec: Spec,
    folder: Path,
    port: int = 0,
) -> str:
    """Make the container, not yet started, and return its id (``POST /containers/create``)."""
    api = host.api
    mounts = []
    if not spec.fenced:
        mounts.append(Mount("/var/lib/docker", source=None, type="volume", labels={**labels}))
    if not spec.bridged:
        mounts.append(Mount(FOLDER, source=str(folder), type="bind"))
    config = api.create_host_config(
        mounts=mounts,
        tmpfs={"/run": "exec"},
        cgroupns="private",
        extra_hosts=dict(spec.hosts),
        port_bindings={TLS_PORT: ("127.0.0.1", port or None)} if spec.tcp else None,
        network_mode=spec.network or None,
    ) | rights.all_there_are(api)
    if spec.fenced:
        config |= fence.hostconfig()
    created = api.create_container(
        image,
        command=_command(spec),
        name=name,
        labels=labels,
        host_config=config,
        environment={"DOCKER_TLS_CERTDIR": "", **spec.env},
        hostname=spec.hostname(name),
        ports=[2376] if spec.tcp else None,
    )
    return str(created["Id"])


def _command(spec: Spec) -> list[str]:
    # Networks of their own, so that addresses in the lessons are the same on every machine.
    command = ["--bip=10.10.0.1/24", "--default-address-pool=base=10.11.0.0/16,size=24"]
    if spec.bridged:
        command += ["--host=unix:///var/run/docker.sock"]
    else:
        command += [f"--host=unix://{FOLDER}/docker.sock", f"--group={os.getgid()}"]
    if spec.tcp:
        command += [
            "--host=tcp://0.0.0.0:2376",
            "--tlsverify",
            f"--tlscacert={CERTIFICATES}/ca.pem",
            f"--tlscert={CERTIFICATES}/server-cert.pem",
            f"--tlskey={CERTIFICATES}/server-key.pem",
        ]
    if spec.fenced:
        command += [f"--dns={fence.NOBODY}"]
    if spec.version == "29":  # the official image's entry point wants the program's name
        command.insert(0, "dockerd")
    return command + list(spec.args)
