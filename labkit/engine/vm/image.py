"""The machine image of a Docker version: a kernel, an initrd and a disk, made without privileges.

It is Debian's packages and nothing else, unpacked with no script of theirs run; what those scripts
would have done and a machine needs is done here. It is made once, kept under labkit's home, and
checked by its digests.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import platform
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from labkit import archives
from labkit.archives import File, Folder, Link
from labkit.engine import places
from labkit.engine.driver import Say
from labkit.engine.image import PACKAGES, Version
from labkit.engine.vm import cpio, programs
from labkit.engine.vm.record import records
from labkit.errors import EngineError

__all__ = ["Architecture", "MachineImage", "digest", "ensure", "here"]

GUEST = Path(__file__).with_name("guest")
_BASE = (
    "base-files base-passwd bash coreutils dash diffutils findutils grep gzip hostname libc-bin "
    "mawk sed tar util-linux"
)
_TABLES = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save",
           "ip6tables-restore")  # fmt: skip
_LEFT_OUT = ("doc", "man", "locale", "info")
_SIZE = "8G"  # of the disk as the machine sees it; on this machine it takes what is in it
_BLOCK = 4096


@dataclass(frozen=True)
class Architecture:
    """What differs between processors: Debian's name, its kernel, and QEMU's program."""

    debian: str
    kernel: str
    qemu: str
    machine: str
    console: str


ARCHITECTURES = {
    "x86_64": Architecture(
        "amd64", "linux-image-cloud-amd64", "qemu-system-x86_64", "pc,vmport=off", "ttyS0"
    ),
    "aarch64": Architecture(  # named, and not tried yet
        "arm64", "linux-image-cloud-arm64", "qemu-system-aarch64", "virt", "ttyAMA0"
    ),
}


def here() -> Architecture:
    """This machine's.

    :raises EngineError: the kit knows no machine image for it.
    """
    name = platform.machine().replace("AMD64", "x86_64").replace("arm64", "aarch64")
    if name not in ARCHITECTURES:
        raise EngineError(
            f"There is no machine image for {name}.", hint="LABKIT_ENGINE=container needs a Docker."
        )
    return ARCHITECTURES[name]


@dataclass(frozen=True)
class MachineImage:
    """The three files that a machine boots from."""

    folder: Path

    @property
    def kernel(self) -> Path:
        """The Linux kernel."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """What finds the disk."""
        return self.folder / "initrd"

    @property
    def disk(self) -> Path:
        """The root file system; no machine ever writes to it."""
        return self.folder / "disk.img"

    def digests(self) -> dict[str, str]:
        """What the files are, now."""
        return {one.name: digest(one) for one in (self.kernel, self.initrd, self.disk)}

    @property
    def noted(self) -> Path:
        """Where the digests are that they had when they were made."""
        return self.folder / "digests.json"

    def whole(self, *, thorough: bool) -> bool:
        """Whether the files are there, and, if that is wanted, are what they were."""
        if not self.noted.exists():
            return False
        return not thorough or json.loads(self.noted.read_text()) == self.digests()


def ensure(version: Version, *, say: Say, thorough: bool = False) -> MachineImage:
    """The machine image of a Docker version, made if it is not there.

    :param thorough: check by digest; an image that is not what it was is made anew.
    :raises EngineError: it can't be made.
    """
    if not version.suite:
        raise EngineError(
            f"Docker {version.number} comes as a container image alone.",
            hint="LABKIT_ENGINE=container starts it; for a machine choose another version.",
        )
    image = MachineImage(_folder(version))
    if image.whole(thorough=thorough):
        return image
    with places.lock("vm-image"):
        if not image.whole(thorough=thorough):
            say(f"Making the machine image for Docker {version.number} (once, about a minute).")
            _make(image, version)
    return image


def _folder(version: Version) -> Path:
    return places.home() / "vm" / f"{version.number}-{recipe(version)}"


def recipe(version: Version) -> str:
    """A mark of all that a machine image is made of, but for Debian's packages themselves."""
    parts = sorted(one for one in GUEST.iterdir() if one.is_file() and one.suffix != ".pyc")
    content = f"{here()} {_packages(version)}".encode()
    content += b"".join(one.read_bytes() for one in parts) + Path(__file__).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _packages(version: Version) -> str:
    docker = PACKAGES.replace("docker-cli ", "") if version.suite == "bookworm" else PACKAGES
    return ",".join(f"{docker} {here().kernel} {_BASE}".split())


def _make(image: MachineImage, version: Version) -> None:
    needed = ("fakeroot", "mmdebstrap", "mke2fs")
    found = programs.need(*needed)
    shutil.rmtree(image.folder, ignore_errors=True)
    scratch = places.make(image.folder / "making")
    tar = scratch / "root.tar"
    options = [f"--dpkgopt=path-exclude=/usr/share/{one}/*" for one in _LEFT_OUT]
    _run(
        [found["fakeroot"], found["mmdebstrap"], "--mode=chrootless", "--variant=extract",
         f"--include={_packages(version)}", f"--architectures={here().debian}",
         '--aptopt=Acquire::Check-Valid-Until "false"', *options, version.suite, str(tar)],
        "mmdebstrap could not unpack Debian's packages",
        scratch,
    )  # fmt: skip
    _boot_files(image, tar)
    (scratch / "extra.tar").write_bytes(archives.pack(_additions(tar)))
    script = (
        'mkdir tree && tar -xf root.tar -C tree --exclude="./dev/*" && tar -xf extra.tar -C tree'
        f' && "$0" -q -t ext4 -m 0 -J size=16 -d tree "$1" {_SIZE}'
    )
    _run(
        [found["fakeroot"], "sh", "-c", script, found["mke2fs"], str(image.disk)],
        "mke2fs could not make the machine's disk",
        scratch,
    )
    shutil.rmtree(scratch)
    for one in (image.kernel, image.initrd, image.disk):
        one.chmod(0o400)
    image.noted.write_text(json.dumps(image.digests()))
    _remove_older(image, version)


def _remove_older(image: MachineImage, version: Version) -> None:
    """Remove what it replaces, unless a machine still lives on it."""
    in_use = {one.image for one in records()}
    for older in image.folder.parent.glob(f"{version.number}-*"):
        if older != image.folder and str(older) not in in_use:
            shutil.rmtree(older)


def _boot_files(image: MachineImage, tar: Path) -> None:
    kernel = _members(tar, "/boot/vmlinuz-", "/bin/busybox", "/virtio_blk.ko", "/virtio_blk.ko.xz")
    driver = kernel.get("/virtio_blk.ko") or lzma.decompress(kernel["/virtio_blk.ko.xz"])
    folders = [Folder(one) for one in ("bin", "dev", "proc", "disk")]
    entries = [
        File("init", (GUEST / "initrd").read_bytes(), 0o755),
        File("bin/busybox", kernel["/bin/busybox"], 0o755),
        File("virtio_blk.ko", driver),
    ]
    image.initrd.write_bytes(gzip.compress(cpio.pack([*folders, *entries]), mtime=0))
    image.kernel.write_bytes(kernel["/boot/vmlinuz-"])


def _additions(tar: Path) -> list[File | Folder | Link]:
    """What Debian's scripts would have written, and what is ours."""
    masters = _members(tar, "/base-passwd/passwd.master", "/base-passwd/group.master")
    group = masters["/base-passwd/group.master"] + b"docker:x:995:\nhaproxy:x:994:\n"
    ours = "usr/local/lib/labkit"
    return [
        File("etc/passwd", masters["/base-passwd/passwd.master"]),
        File("etc/group", group),
        File("etc/hosts", b"127.0.0.1 localhost\n"),
        *(Link(f"usr/sbin/{one}", "xtables-nft-multi") for one in _TABLES),
        Link("usr/bin/awk", "mawk"),
        Link("var/run", "../run"),
        *(Folder(one) for one in ("usr/local", "usr/local/lib", ours, "etc/labkit")),
        File(f"{ours}/agent.py", (GUEST / "agent.py").read_bytes()),
        File(f"{ours}/engine", (GUEST / "engine").read_bytes(), 0o755),
        File("usr/local/sbin/labkit-init", (GUEST / "labkit-init").read_bytes(), 0o755),
        File("etc/labkit/control.cfg", (GUEST / "control.cfg").read_bytes()),
    ]


def _members(tar: Path, *endings: str) -> dict[str, bytes]:
    """Plain files of a tar by the end of their names; after ``-`` a version may follow."""
    found: dict[str, bytes] = {}
    with tarfile.open(tar) as opened:
        for member in opened:
            for ending in endings if member.isfile() else ():
                name = f"/{member.name}"
                if name.endswith(ending) or (ending.endswith("-") and ending in name):
                    content = opened.extractfile(member)
                    found[ending] = content.read() if content else b""
    return found


def _run(command: list[str], trouble: str, folder: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-5:])
        shutil.rmtree(folder.parent, ignore_errors=True)
        raise EngineError(
            f"{trouble}:\n{last}",
            hint="It needs a Debian mirror, its keys (package debian-archive-keyring), and 2 GB of "
            "disk; labkit doctor looks at what this machine lacks.",
        )


def digest(path: Path) -> str:
    """The SHA-256 of a file's blocks that are not empty, and of where they are.

    A disk is mostly holes; a copy of it has the same digest, whichever of its holes it fills.
    """
    found = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        end, position = path.stat().st_size, 0
        while position < end:
            try:
                position = os.lseek(file.fileno(), position, os.SEEK_DATA) // _BLOCK * _BLOCK
            except OSError:
                break  # nothing but a hole follows
            stop = os.lseek(file.fileno(), position, os.SEEK_HOLE)
            while position < stop:
                block = os.pread(file.fileno(), _BLOCK, position)
                if block.strip(b"\0"):
                    found.update(position.to_bytes(8) + block)
                position += _BLOCK
    return found.hexdigest()
