"""The container that an engine lives in: its rights, its mounts, its labels."""

from __future__ import annotations

import os
from pathlib import Path

import docker
from docker.types import Mount

from labkit.engine import fence, rights
from labkit.engine.spec import Spec

LABEL = "labkit"
FOLDER = "/labkit"  # the engine's folder on the host, as the container sees it
CERTIFICATES = "/etc/labkit"
TLS_PORT = "2376/tcp"


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
