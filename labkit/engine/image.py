"""The engine image: which versions are offered, and how the image of one comes to be."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound

from labkit import archives, images
from labkit.engine import places, rights
from labkit.errors import EngineError, VersionNotOffered

FOLDER = Path(__file__).parent
SHELF = "/usr/share/labkit"  # in the engine image: what the course's images are made of, and they
MARK = {"labkit": "engine-image"}
RECIPE = "labkit.recipe"
ENGINE = "docker.io docker-cli iptables iproute2 ca-certificates procps mount kmod busybox-static"
HUB = "docker-registry haproxy"  # a hub runs the same image with another command
GUARD = "python3"  # what the authorization plugin is run by
PACKAGES = f"{ENGINE} {HUB} {GUARD}"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Version:
    """A Docker version on offer, and where it comes from."""

    number: str
    api: str
    suite: str = ""
    official: str = ""

    @property
    def image(self) -> str:
        """The name of its engine image."""
        return self.official or f"labkit/engine:{self.number}"


DEFAULT = "26.1"
OFFERED = {
    version.number: version
    for version in (
        Version("20.10", api="1.41", suite="bookworm"),
        Version("26.1", api="1.45", suite="trixie"),
        Version("28.5", api="1.51", suite="forky"),
        Version("29", api="1.52+", official="docker:29-dind"),
    )
}


def offered(number: str) -> Version:
    """The version of that number.

    :raises VersionNotOffered: names those that are.
    """
    if number not in OFFERED:
        raise VersionNotOffered(
            f"Docker {number} is not offered.",
            hint=f"Choose one of {', '.join(OFFERED)}; {DEFAULT} is what the lessons run on.",
        )
    return OFFERED[number]


def ensure(host: docker.DockerClient, version: Version, *, say: Say = print) -> str:
    """Make sure that the engine image stands on the host engine, and return its id.

    :param say: is told what takes long, and why.
    :raises EngineError: when it can't be pulled or built.
    """
    if found := current(host, version):
        return found
    with places.lock("image"):
        if found := current(host, version):
            return found
        if version.official:
            return _pull_official(host, version, say=say)
        return _build(host, version, say=say)


def _find(host: docker.DockerClient, name: str) -> str:
    try:
        return str(host.images.get(name).id)
    except ImageNotFound:
        return ""


def current(host: docker.DockerClient, version: Version) -> str:
    """The id of the engine image, if it was made as it would be made today."""
    if version.official:
        return _find(host, version.image)
    label = f"{RECIPE}={_recipe()}"
    found = host.api.images(name=version.image, filters={"label": label})
    return str(found[0]["Id"]) if found else ""


def _recipe() -> str:
    """A mark of all that an engine image is made of, but for Debian's packages themselves."""
    parts = [FOLDER / "Dockerfile", FOLDER / "start-engine", Path(images.__file__)]
    content = PACKAGES.encode() + b"".join(part.read_bytes() for part in parts)
    return hashlib.sha256(content).hexdigest()[:12]


def _build(host: docker.DockerClient, version: Version, *, say: Say) -> str:
    try:
        if not _find(host, _base(version)):
            _make_base(host, version, say=say)
        say(f"Building the engine image for Docker {version.number} (once, a few seconds).")
        unseeded, _ = host.images.build(
            path=str(FOLDER),
            buildargs={"BASE": _base(version), "PACKAGES": _packages(version)},
            labels={**MARK, RECIPE: _recipe()},
            rm=True,
            forcerm=True,
            pull=False,
        )
        made = _seed(host, str(unseeded.id), version)
    except (APIError, BuildError) as failed:
        raise EngineError(
            f"The engine image for Docker {version.number} could not be built: {failed}",
            hint="labkit doctor checks disk, network and Docker; then run this again.",
        ) from failed
    host.images.prune({"dangling": True, "label": "labkit=engine-image"})  # what it replaces
    return made


def _seed(host: docker.DockerClient, unseeded: str, version: Version) -> str:
    """Put the course's images into an engine image: an engine loads them once, here, for all."""
    api = host.api
    config = api.create_host_config(
        tmpfs={"/run": "exec"}, cgroupns="private"
    ) | rights.all_there_are(api)
    made = api.create_container(unseeded, ["seed"], host_config=config, labels=MARK)["Id"]
    try:
        archive = images.archive(*_busybox(api, made))
        api.put_archive(made, SHELF, archives.pack([archives.File("images.tar", archive)]))
        api.start(made)
        if api.wait(made)["StatusCode"]:
            raise EngineError(
                f"The engine image could not be seeded:\n{bytes(api.logs(made, tail=8)).decode()}"
            )
        repository, tag = version.image.split(":")
        return str(api.commit(made, repository, tag, changes="CMD []")["Id"])
    finally:
        api.remove_container(made, v=True, force=True)


def _busybox(api: docker.APIClient, container: str) -> tuple[bytes, list[str]]:
    """The busybox in an engine image, and the commands that it can be called as."""
    files = archives.unpack(b"".join(api.get_archive(container, SHELF)[0]))
    return files["labkit/busybox"], files["labkit/applets"].decode().split()


def course_images(host: docker.DockerClient) -> bytes:
    """The course's images as an archive, for an engine whose image does not bring them along."""
    made = host.api.create_container(ensure(host, offered(DEFAULT)), labels=MARK)["Id"]
    try:
        chunks, _ = host.api.get_archive(made, f"{SHELF}/images.tar")
        return archives.unpack(b"".join(chunks))["images.tar"]
    finally:
        host.api.remove_container(made, v=True, force=True)


def remove(host: docker.DockerClient) -> list[str]:
    """Remove every engine image that the kit made from the host engine; their names."""
    ours = host.images.list(filters={"label": "labkit"})
    for image in ours:
        host.images.remove(str(image.id), force=True)
    return sorted(tag for image in ours for tag in image.tags)


def _pull_official(host: docker.DockerClient, version: Version, *, say: Say) -> str:
    say(f"Pulling {version.image} (once).")
    try:
        return str(host.images.pull(version.image).id)
    except DockerException as failed:
        built = [number for number, one in OFFERED.items() if one.suite]
        raise EngineError(
            f"{version.image} could not be pulled: {failed}",
            hint=f"Docker {version.number} needs a registry; {', '.join(built)} do not.",
        ) from failed


def _base(version: Version) -> str:
    digest = hashlib.sha256(_packages(version).encode()).hexdigest()[:8]
    return f"labkit/base:{version.suite}-{digest}"


def _packages(version: Version) -> str:
    # bookworm's docker.io brings its client along; later suites have it in a package of its own.
    return PACKAGES.replace("docker-cli ", "") if version.suite == "bookworm" else PACKAGES


def _make_base(host: docker.DockerClient, version: Version, *, say: Say) -> None:
    public = f"debian:{version.suite}-slim"
    try:
        host.images.pull(public).tag(_base(version))
    except DockerException as unreachable:
        say(
            f"No registry gives {public}, so the base is made from Debian's packages "
            "with mmdebstrap (once, about a minute)."
        )
        _bootstrap(host, version, because=unreachable)


def _bootstrap(host: docker.DockerClient, version: Version, *, because: Exception) -> None:
    mmdebstrap = shutil.which("mmdebstrap")
    if not mmdebstrap:
        raise EngineError(
            f"debian:{version.suite}-slim could not be pulled ({because}), "
            "and mmdebstrap, which could make it, is not installed.",
            hint="Get online, or on Debian and Ubuntu: sudo apt-get install mmdebstrap",
        ) from because
    with tempfile.TemporaryDirectory(prefix="labkit-", dir=_scratch()) as folder:
        tar = Path(folder) / "base.tar"
        done = subprocess.run(
            [
                mmdebstrap,
                "--variant=essential",
                f"--include={_packages(version).replace(' ', ',')}",
                '--aptopt=Acquire::Check-Valid-Until "false"',
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/man/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                version.suite,
                str(tar),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise EngineError(
                f"mmdebstrap could not make a Debian {version.suite}:\n{last}",
                hint="It needs a Debian mirror and about 1 GB of disk; labkit doctor checks both.",
            )
        repository, tag = _base(version).split(":")
        host.api.import_image_from_file(
            str(tar), repository=repository, tag=tag, changes=["LABEL labkit=engine-image"]
        )


def _scratch() -> str:
    return str(places.make(places.home() / "tmp"))
