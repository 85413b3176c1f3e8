"""A host engine of the kit's own, for a Linux machine that has dockerd and no Docker running.

It has its own socket, data, network bridge and process; stopping it takes its bridge, its firewall
rules and the kernel settings that dockerd changes back out, so that the machine is as it was.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from labkit import raw, wait
from labkit.endpoint import Endpoint
from labkit.engine import firewall, places
from labkit.errors import HostError, LabError

DISK = "labkit doctor checks disk, memory and rights; LABKIT_HOME names a roomier disk."
PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2"}


def socket() -> Path:
    """The socket of the private host engine."""
    return places.run() / "host.sock"


def obstacle() -> str:
    """What to do before one can be started here; empty where it can."""
    if platform.system() != "Linux":
        return "Install Docker Desktop (or Colima, OrbStack, Rancher Desktop) and start it."
    if os.geteuid() != 0:
        return (
            "Install Docker and join its group (sudo apt-get install docker.io; "
            "sudo usermod -aG docker $USER; then log in anew), or run this as root."
        )
    missing = [package for name, package in PACKAGES.items() if not firewall.program(name)]
    return f"Install what is missing: apt-get install -y {' '.join(missing)}" if missing else ""


def running() -> bool:
    """Whether the private host engine answers."""
    return socket().exists() and _answers()


def start() -> Endpoint:
    """Start it, or find it started, also when several processes call at once.

    :raises HostError: when it can't be started here; says why.
    """
    if running():
        return Endpoint(unix=socket())
    if why := obstacle():
        raise HostError("No Docker Engine runs here and none can be started.", hint=why)
    with places.lock("host"):
        if not running():
            _end_process()  # one that was killed has left its pid, one that hangs is no use
            try:
                firewall.note_down(_before_file())
                _launch()
            except LabError:
                _stop()
                raise
            except OSError as failed:
                _stop()
                raise HostError(
                    f"The private Docker Engine could not be started: {failed}", hint=DISK
                ) from failed
    return Endpoint(unix=socket())


def stop() -> bool:
    """Stop it and undo what it did to the machine's network; whether there was one."""
    if not _before_file().exists():
        return False
    with places.lock("host"):
        _stop()
    return True


def purge() -> None:
    """Remove the stopped engine's data, the images in it included."""
    shutil.rmtree(_data(), ignore_errors=True)


def _data() -> Path:
    return places.home() / "host"


def _before_file() -> Path:
    return places.run() / "host.before.json"


def _pid_file() -> Path:
    return places.run() / "host.pid"


def _answers() -> bool:
    return raw.answers(Endpoint(unix=socket()))


def _launch() -> None:
    data = places.make(_data())
    config, log = data / "daemon.json", data / "dockerd.log"
    config.write_text("{}\n")
    command = [
        firewall.program("dockerd") or "dockerd",
        f"--config-file={config}",
        f"--host=unix://{socket()}",
        f"--data-root={data / 'docker'}",
        f"--exec-root={places.run() / 'host'}",
        f"--pidfile={_pid_file()}",
        f"--bridge={firewall.bridge()}",
        "--group=root",
    ]
    socket().unlink(missing_ok=True)
    detached = 'log=$1; shift; exec setsid "$@" >"$log" 2>&1 </dev/null & echo $!'
    environment = {**os.environ, "PATH": firewall.SEARCH_PATH}
    started = subprocess.run(
        ["sh", "-c", detached, "sh", str(log), *command],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
    )
    pid = int(started.stdout)
    try:
        wait.until(
            lambda: _answers() or _ended(pid),
            what="the private Docker Engine's answer",
            timeout=30,
        )
        if _ended(pid):
            raise HostError("It has ended.")
    except LabError as late:
        raise HostError(
            f"dockerd did not come up. Its last words:\n{_tail(log)}",
            hint=f"Read them for the cause. {DISK}",
        ) from late


def _tail(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _stop() -> None:
    _end_process()
    _unmount()
    firewall.take_back(_before_file())
    shutil.rmtree(places.run() / "host", ignore_errors=True)
    socket().unlink(missing_ok=True)


def _unmount() -> None:
    """Unmount what a dockerd that was killed has left mounted in its own folders."""
    ours = (f"{_data()}/", f"{places.run() / 'host'}/")
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        if (point := line.split()[4]).startswith(ours):
            subprocess.run(["umount", "-l", point], check=False, capture_output=True)


def _end_process() -> None:
    try:
        process = psutil.Process(int(_pid_file().read_text()))
        if process.name() == "dockerd":
            process.send_signal(signal.SIGTERM)
            wait.until(lambda: _ended(process.pid), what="dockerd's end", timeout=20)
    except (OSError, ValueError, psutil.NoSuchProcess):
        pass
    except LabError:
        process.kill()
    _pid_file().unlink(missing_ok=True)
    _forget_containerd()


def _forget_containerd() -> None:
    """Remove the pid of a containerd that has ended: dockerd would wait for it in vain."""
    file = places.run() / "host/containerd/containerd.pid"
    if file.exists() and _ended(int(file.read_text() or 0)):
        file.unlink()


def _ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
