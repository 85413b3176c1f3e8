"""Which driver starts engines: what was chosen, else what can be had here."""

from __future__ import annotations

import pytest

from labkit.engine import drivers, host
from labkit.engine.containers import Containers
from labkit.engine.vm import programs
from labkit.engine.vm.machines import Machines
from labkit.errors import EngineError, HostError, HostMissing


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told, on a machine where no Docker can be had, and nobody has named one."""

    def none() -> host.Host:
        raise HostMissing("No Docker Engine runs here.", hint="Install Docker.")

    monkeypatch.delenv("LABKIT_HOST", raising=False)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("LABKIT_ENGINE", raising=False)
    monkeypatch.setattr(host, "find", none)
    return []


def test_without_docker_engines_are_virtual_machines_and_that_is_said(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where QEMU is there."""
    monkeypatch.setattr(programs, "missing", lambda *_: [])
    assert isinstance(drivers.choose(say=said.append), Machines)
    assert "Engines are virtual machines then" in said[0]


def test_where_neither_is_there_the_message_names_both_remedies(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may not install Docker can perhaps install QEMU."""
    monkeypatch.setattr(programs, "missing", lambda *_: ["qemu-system-x86"])
    with pytest.raises(HostMissing) as none:
        drivers.choose(say=said.append)
    assert none.value.hint.startswith("Install Docker. Virtual machines do, too:")
    assert none.value.hint.endswith("qemu-system-x86")


@pytest.mark.parametrize(
    ("variable", "value"), [("LABKIT_ENGINE", "container"), ("LABKIT_HOST", "unix:///nowhere")]
)
def test_what_somebody_chose_is_not_replaced(
    said: list[str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A Docker that was named and does not answer is an error, QEMU or not."""
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(programs, "missing", lambda *_: [])
    with pytest.raises(HostError):
        drivers.choose(say=said.append)
    assert said == []


def test_a_driver_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With those that there are."""
    monkeypatch.setenv("LABKIT_ENGINE", "podman")
    with pytest.raises(EngineError, match="podman") as unknown:
        drivers.choose(say=print)
    assert "auto, container, vm" in unknown.value.hint


@pytest.mark.engine
def test_containers_where_a_docker_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the machines that the tests run on."""
    monkeypatch.delenv("LABKIT_ENGINE", raising=False)
    assert isinstance(drivers.choose(say=print), Containers)
