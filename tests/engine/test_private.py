"""The private host engine: it comes, and goes without a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from labkit.engine import firewall

# Run in a network namespace of its own, where no other Docker Engine has rules in the firewall.
PROGRAM = """
import json, os, re, signal, subprocess, sys
from labkit import wait
from labkit.engine import firewall, places, private
from labkit.errors import HostError

def machine():
    tables = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    lines = [re.sub(r"[[][0-9:]+[]]", "", line).strip() for line in tables.splitlines()]
    # An empty table is listed once somebody has asked for it; it has been there all the time.
    rules = sorted(line for line in lines if line[:2] == "-A" or "DOCKER" in line)
    policy = [line for line in lines if line.startswith(":FORWARD")]
    links = [line.split()[1:3] for line in ip("link")]
    addresses = [line.split()[1:4] for line in ip("addr")]
    return [rules, policy or [":FORWARD ACCEPT"], links, addresses, firewall.FORWARDING.read_text()]

def ip(what):
    done = subprocess.run(["ip", "-o", what], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()

def bridge_address():
    [line] = [line for line in ip("link") if firewall.bridge() + ":" in line]
    return re.search(r"link/ether (\\S+)", line)[1]

def bridge_addresses():
    # The bridge's own: before, while and after there is a port whose address is lower.
    port = ["ip", "link", "add", "port0", "address", "02:00:00:00:00:01", "type", "veth"]
    yield bridge_address()
    subprocess.run(port, check=True)
    subprocess.run(["ip", "link", "set", "port0", "master", firewall.bridge()], check=True)
    yield bridge_address()
    subprocess.run(["ip", "link", "delete", "port0"], check=True)
    yield bridge_address()

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
before = machine()
try:
    endpoint, error = private.start(), ""
    if "--kill" in sys.argv:
        os.kill(int((places.run() / "host.pid").read_text()), signal.SIGKILL)
        wait.until(lambda: not private.running(), what="the end of dockerd")
    again = private.start() == endpoint and private.running()
except HostError as failed:
    endpoint, error, again = None, failed.message, None
during = machine()
try:
    addresses = [] if error else list(bridge_addresses())
finally:
    stopped = private.stop()
print(json.dumps({
    "before": before, "during": during, "after": machine(), "error": error, "again": again,
    "addresses": addresses, "stopped": stopped, "stopped_again": private.stop(),
    "socket_left": bool(endpoint and endpoint.unix.exists()),
}))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a folder for a home of the kit's in which nothing runs yet."""
    with tempfile.TemporaryDirectory(prefix="lk") as path:
        yield Path(path)


def _in_a_network_of_its_own(home: Path, *options: str) -> dict[str, Any]:
    environment = {**os.environ, "LABKIT_HOME": str(home)}
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", PROGRAM, *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.engine
@pytest.mark.parametrize("options", [(), ("--kill",)], ids=["stopped", "killed-meanwhile"])
def test_stopping_it_leaves_the_machine_as_it_was(home: Path, options: tuple[str, ...]) -> None:
    """After stop: the same firewall, interfaces, kernel settings; no process, mount or socket."""
    seen = _in_a_network_of_its_own(home, *options)
    assert seen["error"] == ""
    assert seen["again"]
    assert seen["during"] != seen["before"]
    assert seen["after"] == seen["before"]
    assert (seen["stopped"], seen["stopped_again"], seen["socket_left"]) == (True, False, False)
    assert str(home) not in Path("/proc/self/mountinfo").read_text()
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if str(home) in " ".join(command)]


@pytest.mark.engine
def test_neighbours_that_come_and_go_leave_its_bridge_its_address(home: Path) -> None:
    """Else what an engine sends is lost for up to two minutes when another one ends."""
    addresses = _in_a_network_of_its_own(home)["addresses"]
    assert len(addresses) == 3
    assert len(set(addresses)) == 1


@pytest.mark.engine
def test_a_dockerd_that_cannot_start_says_why_and_leaves_nothing(home: Path) -> None:
    """Its last words are in the error; bridge and rules are gone again."""
    (home / "host").mkdir()
    (home / "host" / "docker").write_text("a file where dockerd wants a folder")
    seen = _in_a_network_of_its_own(home)
    assert "dockerd did not come up" in seen["error"]
    assert "canonical path points to a file" in seen["error"]
    assert seen["after"] == seen["before"]


@pytest.mark.engine
def test_on_a_full_disk_it_says_so_and_leaves_nothing(home: Path) -> None:
    """The error names the disk as what to look at; bridge and rules are gone again."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(home)], check=True)
    try:
        seen = _in_a_network_of_its_own(home)
    finally:
        subprocess.run(["umount", str(home)], check=True)
    assert "no space left on device" in seen["error"].lower()
    assert seen["after"] == seen["before"]


def test_what_stood_before_stays_in_the_firewall() -> None:
    """Only what bears a mark of dockerd and did not stand there before is taken out."""
    before = (
        "*filter\n:FORWARD ACCEPT [1:2]\n:DOCKER-MINE - [0:0]\n-A FORWARD -j DOCKER-MINE\nCOMMIT"
    )
    now = (
        "*filter\n:FORWARD DROP [9:9]\n:DOCKER - [0:0]\n:DOCKER-MINE - [3:3]\n"
        "-A FORWARD -j DOCKER-MINE\n-A FORWARD -o lab-1 -j DOCKER\n-A INPUT -j SOMEBODY\nCOMMIT"
    )
    left = firewall.without(now, marks=("lab-1", "DOCKER"), before=before)
    assert left == (
        "*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER-MINE - [3:3]\n"
        "-A FORWARD -j DOCKER-MINE\n-A INPUT -j SOMEBODY\nCOMMIT\n"
    )


def test_beside_another_dockerd_only_the_own_bridge_is_taken_out() -> None:
    """What two engines share stays while one of them runs."""
    now = ":FORWARD DROP [0:0]\n:DOCKER - [0:0]\n-A FORWARD -o lab-1 -j DOCKER\n"
    left = firewall.without(now, marks=("lab-1",), before=":FORWARD ACCEPT [0:0]", policy=False)
    assert left == ":FORWARD DROP [0:0]\n:DOCKER - [0:0]\n"
