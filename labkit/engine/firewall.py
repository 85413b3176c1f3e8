"""What dockerd changes in this machine's network, noted down before and taken back after.

dockerd adds chains and rules to the firewall, lets the kernel forward packets and drops what it
did not allow; it takes nothing of that back when it ends.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import psutil

from labkit.engine import places
from labkit.errors import HostError

SUBNETS = ("10.213.0.1/20", "10.87.0.1/20", "172.29.0.1/20", "192.168.208.1/20")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
TABLES = ("filter", "nat")
SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def program(name: str) -> str | None:
    """Where a system program is, also for those whose PATH has no ``sbin``."""
    return shutil.which(name, path=SEARCH_PATH)


def bridge() -> str:
    """The network bridge of the private host engine (an interface's name has 15 bytes at most)."""
    return f"lab-{places.scope()}"


def note_down(file: Path) -> None:
    """Write this machine's network settings to a file, and make the bridge."""
    if not file.exists():
        settings = {table: _run("iptables-save", "-t", table) for table in TABLES}
        file.write_text(json.dumps({**settings, "forwarding": FORWARDING.read_text().strip()}))
    if not _bridge_exists():
        _run("ip", "link", "add", bridge(), "type", "bridge")
        _run("ip", "addr", "add", _free_subnet(), "dev", bridge())
    _run("ip", "link", "set", bridge(), "address", _bridge_address(), "up")


def take_back(file: Path) -> None:
    """Remove the bridge and put the settings back as the file has them.

    Where another dockerd runs, what the two share stays: the chains, the forwarding.
    """
    if _bridge_exists():
        _run("ip", "link", "delete", bridge())
    if not file.exists():
        return
    before, shared = json.loads(file.read_text()), _another_dockerd()
    for table in TABLES:
        now = _run("iptables-save", "-t", table)
        marks = (bridge(),) if shared else (bridge(), "DOCKER", " br-")
        rules = without(now, marks=marks, before=before[table], policy=not shared)
        _run("iptables-restore", "-T", table, feed=rules)
    if not shared:
        FORWARDING.write_text(before["forwarding"])
    file.unlink()


def without(now: str, *, marks: tuple[str, ...], before: str, policy: bool = True) -> str:
    """A firewall table (``iptables-save``'s text) without the lines that bear one of the marks.

    What stood there ``before`` stays, as does what somebody else has added since.

    :param policy: whether the policy for forwarded packets becomes what it was, too.
    """
    stood = {_uncounted(line) for line in before.splitlines()}
    forward = re.search(r"^:FORWARD \S+", before, re.MULTILINE)
    kept = []
    for line in now.splitlines():
        if any(mark in line for mark in marks) and _uncounted(line) not in stood:
            continue
        if policy and line.startswith(":FORWARD "):
            line = f"{forward[0] if forward else ':FORWARD ACCEPT'} [0:0]"  # noqa: PLW2901
        kept.append(line)
    return "\n".join(kept) + "\n"


def _bridge_exists() -> bool:
    try:
        return bool(socket.if_nametoindex(bridge()))
    except OSError:
        return False


def _bridge_address() -> str:
    """The bridge's hardware address, the same for as long as it lives.

    A bridge that was given none takes the lowest one of its ports, another one whenever a port
    comes or goes. What is connected to it goes on sending to the former one for up to two minutes.
    """
    return ":".join(["02", "42", *re.findall("..", places.scope())])


def _uncounted(line: str) -> str:
    """A line of a table without its packet counters."""
    return re.sub(r"\[\d+:\d+\]", "", line).strip()


def _another_dockerd() -> bool:
    """Whether a dockerd still runs in this network, not counting those in containers."""
    return any(
        process.info["name"] == "dockerd" and _network(process.pid) == _network(os.getpid())
        for process in psutil.process_iter(["name"])
    )


def _network(pid: int) -> str:
    """Which network namespace a process is in; empty once it has ended."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def _free_subnet() -> str:
    routes = re.findall(r"^(\d+(?:\.\d+){3}/\d+)", _run("ip", "-4", "route"), re.MULTILINE)
    taken = [ipaddress.ip_network(route, strict=False) for route in routes]
    for subnet in SUBNETS:
        if not any(ipaddress.ip_interface(subnet).network.overlaps(other) for other in taken):
            return subnet
    raise HostError(
        f"Every subnet that the kit may use is taken: {', '.join(SUBNETS)}.",
        hint="Start Docker yourself, with a bridge of your choice; the kit then uses it.",
    )


def _run(*command: str, feed: str | None = None) -> str:
    binary = program(command[0]) or command[0]
    done = subprocess.run(
        [binary, *command[1:]], input=feed, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise HostError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
