"""The command line, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.engine.engine import Engine

LABKIT = str(Path(sys.executable).with_name("labkit"))


def _labkit(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LABKIT, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.engine
def test_up_env_status_reset_down() -> None:
    """An engine is started, pointed at, listed, reset and ended; each step says so for machines."""
    name = "cli-test"
    up = _labkit("up", "--name", name, "--json")
    try:
        assert up.returncode == 0, up.stderr
        socket = json.loads(up.stdout)["socket"]
        again = _labkit("up", "--name", name, "--json")
        assert json.loads(again.stdout)["socket"] == socket
        other = _labkit("up", "--name", name, "--version", "28.5")
        assert (other.returncode, "runs already" in other.stderr) == (1, True)

        exports = _labkit("env", name).stdout
        asked = 'curl -s --unix-socket "$DOCKER_SOCK" http://localhost/_ping; echo " $DOCKER_HOST"'
        shell = subprocess.run(
            ["sh", "-c", f"{exports}\n{asked}"], capture_output=True, text=True, check=True
        )
        assert shell.stdout.strip() == f"OK unix://{socket}"

        listed = {row["name"]: row for row in json.loads(_labkit("status", "--json").stdout)}
        assert listed[name]["owner"] == "kept until labkit down"
        assert name in _labkit("status").stdout
        Engine.attach(name).docker.containers.create("busybox")
        assert _labkit("reset", name).returncode == 0
        assert Engine.attach(name).docker.containers.list(all=True) == []
    finally:
        down = _labkit("down", name)
    assert down.returncode == 0, down.stderr
    assert not Path(socket).exists()
    assert name not in _labkit("status", "--json").stdout


@pytest.mark.engine
def test_with_the_environment_of_an_engine_the_host_is_still_found(engine: Engine) -> None:
    """After eval "$(labkit env)" the kit does not take the lab's engine for the host."""
    seen = _labkit("status", "--json", DOCKER_HOST=f"unix://{engine.socket}")
    assert engine.name in seen.stdout


def test_an_error_is_a_message_and_not_a_traceback() -> None:
    """What goes wrong is said with what to do, on stderr, with exit code 1."""
    done = _labkit("up", LABKIT_HOST="unix:///nowhere/docker.sock")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/nowhere/docker.sock" in done.stderr
    assert "What to do:" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_says_what_is_wrong_and_what_to_do() -> None:
    """Each finding has a rating and, if it is not good, a remedy; something bad is exit code 1."""
    done = _labkit("doctor", "--json", LABKIT_HOST="unix:///nowhere/docker.sock")
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    wanted = "Docker Python Capabilities cgroups Disk Memory Ports Clock IPVS"
    assert {*wanted.split(), "TCP ports"} == set(findings)
    assert done.returncode == 1
    assert findings["Docker"]["rating"] == "bad"
    assert "LABKIT_HOST" in findings["Docker"]["remedy"]
    assert all(one["remedy"] for one in findings.values() if one["rating"] != "good")
    assert "What to do:" in _labkit("doctor", LABKIT_HOST="unix:///nowhere/docker.sock").stdout


@pytest.mark.engine
def test_doctor_finds_nothing_bad_where_engines_run(engine: Engine) -> None:
    """On a machine on which the tests run, the doctor is content."""
    del engine
    done = _labkit("doctor", "--json")
    assert [one for one in json.loads(done.stdout) if one["rating"] == "bad"] == []
    assert done.returncode == 0


def test_help_names_every_command() -> None:
    """The menu shows what there is."""
    menu = _labkit("--help").stdout
    for command in ("up", "down", "status", "reset", "env", "doctor", "prepare", "lab"):
        assert f" {command} " in menu
