"""A host engine of the kit's own, for a Linux machine that has dockerd and no Docker running.

It has its own socket, data, network bridge and process; stopping it takes its bridge, its firewall
rules and the kernel settings that dockerd changes back out, so that the machine is as it was.
"""

from __future__ import annotations

import ipaddress
import json
import os
import platform
import re
import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from labkit import raw, wait
from labkit.endpoint import Endpoint
from labkit.engine import places
from labkit.errors import HostError, LabError

BRIDGE = "labkit0"
SUBNETS = ("10.213.0.1/20", "10.87.0.1/20", "172.29.0.1/20", "192.168.213.1/24")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
BINARY_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def socket() -> Path:
    """The socket of the private host engine."""
    return places.run() / "host.sock"


def obstacle() -> str:
    """Why none can be started here, as a sentence with its remedy; empty where it can."""
    if platform.system() != "Linux":
        return "Install Docker Desktop (or Colima, OrbStack, Rancher Desktop) and start it."
    if os.geteuid() != 0:
        return (
            "Install Docker and join its group (sudo apt-get install docker.io; "
            "sudo usermod -aG docker $USER; then log in anew), or run this as root."
        )
    missing = [name for name in ("dockerd", "iptables", "ip") if not _binary(name)]
    if missing:
        packages = {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2"}
        names = " ".join(packages[name] for name in missing)
        return f"Install what is missing: apt-get install -y {names}"
    return ""


def running() -> bool:
    """Whether the private host engine answers."""
    return socket().exists() and _answers()


def start() -> Endpoint:
    """Start it, or find it started, also when several processes call at once.

    :raises HostError: when it can't be started here; says why.
    """
    with places.lock("host"):
        if not running():
            if why := obstacle():
                raise HostError("No Docker Engine runs here and none can be started.", hint=why)
            _before_start()
            try:
                _launch()
            except LabError:
                _stop()
                raise
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
    shutil.rmtree(places.home() / "host", ignore_errors=True)


def _binary(name: str) -> str | None:
    return shutil.which(name, path=BINARY_PATH)


def _run(*command: str, check: bool = True, feed: str | None = None) -> str:
    binary = _binary(command[0]) or command[0]
    done = subprocess.run(
        [binary, *command[1:]], input=feed, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise HostError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def _answers() -> bool:
    try:
        with raw.Client(Endpoint(unix=socket()), timeout=5) as client:
            return client.get("/_ping").ok
    except LabError:
        return False


def _before_file() -> Path:
    return places.run() / "host.before.json"


def _pid_file() -> Path:
    return places.run() / "host.pid"


def _before_start() -> None:
    """Note down the network settings that dockerd is about to change, and make the bridge."""
    if not _before_file().exists():
        before = {
            "forwarding": FORWARDING.read_text().strip(),
            "tables": {table: _run("iptables-save", "-t", table) for table in ("filter", "nat")},
        }
        _before_file().write_text(json.dumps(before))
    if not Path("/sys/class/net", BRIDGE).exists():
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "addr", "add", _free_subnet(), "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")


def _free_subnet() -> str:
    routes = re.findall(r"^(\d+(?:\.\d+){3}/\d+)", _run("ip", "-4", "route"), re.MULTILINE)
    taken = [ipaddress.ip_network(route, strict=False) for route in routes]
    for subnet in SUBNETS:
        if not any(ipaddress.ip_interface(subnet).network.overlaps(other) for other in taken):
            return subnet
    raise HostError(f"Every subnet that the kit may use is taken: {', '.join(SUBNETS)}")


def _launch() -> None:
    data, state = places.make(places.home() / "host"), places.run()
    config, log = data / "daemon.json", data / "dockerd.log"
    config.write_text("{}\n")
    command = [
        _binary("dockerd") or "dockerd",
        f"--config-file={config}",
        f"--host=unix://{socket()}",
        f"--data-root={data / 'docker'}",
        f"--exec-root={state / 'host'}",
        f"--pidfile={_pid_file()}",
        f"--bridge={BRIDGE}",
        "--group=root",
    ]
    socket().unlink(missing_ok=True)
    detached = 'log=$1; shift; exec setsid "$@" >"$log" 2>&1 </dev/null & echo $!'
    environment = {**os.environ, "PATH": BINARY_PATH}
    subprocess.run(
        ["sh", "-c", detached, "sh", str(log), *command],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait.until(_answers, what="the private Docker Engine's answer", timeout=30)
    except LabError as late:
        raise HostError(
            f"dockerd did not come up. Its last words:\n{_tail(log)}",
            hint="Read them for the cause; `labkit doctor` checks the usual ones.",
        ) from late


def _tail(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _stop() -> None:
    _end_process()
    if Path("/sys/class/net", BRIDGE).exists():
        _run("ip", "link", "delete", BRIDGE)
    if _before_file().exists():
        before = json.loads(_before_file().read_text())
        for table, rules in before["tables"].items():
            now = _run("iptables-save", "-t", table)
            _run("iptables-restore", "-T", table, feed=without_docker(now, before=rules))
        FORWARDING.write_text(before["forwarding"])
        _before_file().unlink()
    shutil.rmtree(places.run() / "host", ignore_errors=True)
    socket().unlink(missing_ok=True)


def _end_process() -> None:
    try:
        process = psutil.Process(int(_pid_file().read_text()))
        if process.name() == "dockerd":
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
    except (OSError, ValueError, psutil.NoSuchProcess):
        return
    except psutil.TimeoutExpired:
        process.kill()


def without_docker(now: str, *, before: str) -> str:
    """A firewall table (``iptables-save``'s text) without what dockerd added to it.

    What stood there ``before`` stays, as does what somebody else has added since; the
    policy for forwarding becomes what it was.
    """
    stood = {re.sub(r"\[\d+:\d+\]", "", line).strip() for line in before.splitlines()}
    policy = re.search(r"^:FORWARD \S+", before, re.MULTILINE)
    kept = []
    for line in now.splitlines():
        ours = "DOCKER" in line or BRIDGE in line or " br-" in line or _masquerades(line)
        if ours and re.sub(r"\[\d+:\d+\]", "", line).strip() not in stood:
            continue
        forward = line.startswith(":FORWARD ")
        kept.append(f"{policy[0] if policy else ':FORWARD ACCEPT'} [0:0]" if forward else line)
    return "\n".join(kept) + "\n"


def _masquerades(line: str) -> bool:
    return any(str(ipaddress.ip_interface(subnet).network) in line for subnet in SUBNETS)
