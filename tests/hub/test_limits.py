"""A registry's limit on the command line: read, logged, drawn, and told to Prometheus."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labkit.engine import fleet, host
from labkit.engine.engine import Engine
from labkit.errors import EngineError, LabError
from labkit.hub import watch
from labkit.hub.hub import Hub
from labkit.hub.limits import Registry
from labkit.hub.watch import Sample
from labkit.ratelimit import Limit

LABKIT = Path(sys.executable).with_name("labkit")
FULL = Sample("2026-01-01T00:00:00+00:00", 10, 7, 60, "192.0.2.1")


@dataclass
class OwnTime:
    """A clock whose sleep takes no time."""

    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        """The time."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.moment += timedelta(seconds=seconds)
        self.slept.append(seconds)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub with ten pulls an hour, and an account with twenty."""
    with Hub.start(limit=10, window="1h", accounts={"student": 20}) as hub:
        yield hub


@pytest.mark.engine
def test_the_limit_is_asked_for_free(hub: Hub) -> None:
    """The address's and the account's limit are read through the token flow, and cost nothing."""
    account = ("student", hub.accounts["student"].password)
    for _ in range(3):
        assert Registry(hub.url).limit() == Limit(10, 10, 3600, Registry(hub.url).limit().source)  # type: ignore[union-attr]
    assert Registry(hub.url, account).limit() == Limit(20, 20, 3600, "student")


@pytest.mark.engine
def test_what_is_no_registry_is_told(hub: Hub) -> None:
    """A wrong password and an address where nobody listens are errors that say so."""
    with pytest.raises(EngineError, match="401"):
        Registry(hub.url, ("student", "wrong")).limit()
    with pytest.raises(EngineError, match="did not tell"):
        Registry("http://127.0.0.1:1").limit()


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run ``labkit hub``."""
    return subprocess.run(
        [LABKIT, "hub", *words], capture_output=True, text=True, check=False, cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


@pytest.mark.engine
def test_the_command_line(hub: Hub, tmp_path: Path) -> None:
    """``limits`` prints, ``watch`` logs and tells Prometheus, ``draw`` makes a picture."""
    told = json.loads(command("limits", "--url", hub.url, "--json", cwd=tmp_path).stdout)
    assert (told["limit"], told["remaining"], told["window"]) == (10, 10, 3600)
    words = ["watch", "log.csv", "--every=0.1", "--count=3", "--textfile=a.prom", "--url", hub.url]
    done = command(*words, cwd=tmp_path)
    assert done.stdout.count("10 of 10 pulls left in 3600 s") == 3, done.stderr
    assert len(watch.load(tmp_path / "log.csv")) == 3
    assert "registry_pull_remaining{" in (tmp_path / "a.prom").read_text()
    assert command("draw", "log.csv", "picture.png", cwd=tmp_path).returncode == 0
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.engine
def test_a_hub_that_stays(tmp_path: Path) -> None:
    """``hub up`` prints its address and passwords; ``up --hub`` starts an engine that uses it."""
    words = ["up", "--limit=7", "--window=1h", "--account=student=9"]
    said = command(*words, cwd=tmp_path).stdout
    with host.find().client() as client:
        (hub,) = [one for one in fleet.companions(client) if f":{one.port} " in said]
        try:
            assert hub.keep
            assert "Account student, password " in said
            with Hub.start(say=lambda _: None):  # a lesson's, newer, and soon gone
                assert json.loads(command("limits", "--json", cwd=tmp_path).stdout)["limit"] == 7
                name = f"class-{secrets.token_hex(3)}"
                subprocess.run([LABKIT, "up", "--hub", f"--name={name}"], check=True)
            with Engine.attach(name) as engine:
                engine.docker.images.remove("busybox")
                assert engine.docker.images.pull("busybox").tags == ["busybox:latest"]
            status = subprocess.run([LABKIT, "status"], capture_output=True, text=True, check=True)
            assert hub.name in status.stdout
        finally:
            fleet.remove(client, hub.id)


@pytest.mark.parametrize("name", ["diary.csv", "diary.db"])
def test_a_log_that_is_none_is_left_alone(tmp_path: Path, name: str) -> None:
    """A file with something else in it is not written into; the message says what to do."""
    (tmp_path / name).write_text("Dear diary,\n" * 100)
    with pytest.raises(LabError, match="Name another file"):
        watch.append(tmp_path / name, FULL)
    assert (tmp_path / name).read_text() == "Dear diary,\n" * 100
    for log in (name, f"no-{name}"):
        with pytest.raises(LabError, match="is no log of limits"):
            watch.draw(tmp_path / log, tmp_path / "picture.png")


@pytest.mark.parametrize("name", ["log.csv", "log.db", "log.sqlite"])
def test_both_kinds_of_log(tmp_path: Path, name: str) -> None:
    """CSV and SQLite give back what was put in, errors and missing limits included."""
    every = [
        FULL,
        Sample("2026-01-01T00:01:00+00:00"),
        Sample("2026-01-01T00:02:00+00:00", error='away, "quite"'),
    ]
    for one in every:
        watch.append(tmp_path / name, one)
    found = watch.load(tmp_path / name)
    assert list(found["time"]) == [datetime.fromisoformat(one.time) for one in every]
    assert list(found["remaining"].fillna(-1)) == [7, -1, -1]
    assert list(found["error"].fillna("")) == ["", "", 'away, "quite"']
    watch.draw(tmp_path / name, tmp_path / "picture.svg")
    with pytest.raises(LabError, match="can't be drawn"):
        watch.draw(tmp_path / name, tmp_path / "picture.doc")


def test_an_error_is_a_sample() -> None:
    """A registry that is away for a while does not end the log."""
    script = iter([Limit(5, 4, 60), None, LabError("away"), Limit(5, 3, 60)])

    def ask() -> Limit | None:
        if isinstance(said := next(script), LabError):
            raise said
        return said

    clock = OwnTime()
    found = list(watch.samples(ask, every=60, count=4, clock=clock))
    assert [one.remaining for one in found] == [4, None, None, 3]
    assert [one.error for one in found] == ["", "", "away", ""]
    assert clock.slept == [60, 60, 60]
    assert found[3].time == "2026-01-01T00:03:00+00:00"


@pytest.mark.parametrize(
    ("sample", "lines"),
    [
        (FULL, {'registry_pull_remaining{source="192.0.2.1"} 7': True}),
        (Sample("t", error="away"), {'registry_pull_up{source=""} 0': True, "_remaining": False}),
        (Sample("t", 1, 1, 1, 'a"\n\\'), {'{source="a\\"\\n\\\\"} 1': True}),
    ],
)
def test_prometheus_can_read_it(tmp_path: Path, sample: Sample, lines: Mapping[str, bool]) -> None:
    """The textfile has a gauge for each number that is known, and names are escaped."""
    watch.write_metrics(tmp_path / "a.prom", sample)
    text = (tmp_path / "a.prom").read_text()
    assert {line: line in text for line in lines} == lines
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]
