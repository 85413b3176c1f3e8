"""Images, networks and volumes, kept up to date by a feed on a real engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest

from labkit import wait
from labkit.engine.engine import Engine
from labkit.live import things
from labkit.live.feed import Feed
from labkit.live.journal import EventRow, Journal
from labkit.live.topic import Change

pytestmark = pytest.mark.engine


class Watched:
    """All the lists of an engine with the feed that keeps them."""

    def __init__(self, engine: Engine) -> None:
        self.images, self.networks = things.images(), things.networks()
        self.volumes, self.events = things.volumes(), Journal(limit=50)
        self.changes: list[Change] = []
        self.away: list[str] = []
        topics = (self.images, self.networks, self.volumes, self.events)
        self.feed = Feed(
            engine.endpoint,
            topics,
            changed=self.changes.append,
            away=lambda error: self.away.append(error.message),
        )


@pytest.fixture
def name() -> str:
    """Make up a name that no other test uses."""
    return f"things-{uuid4().hex[:8]}"


@pytest.fixture
def watched(engine: Engine) -> Iterator[Watched]:
    """Lists that follow the shared engine; no thread is left when they are closed."""
    threads = threading.active_count()
    found = Watched(engine)
    assert found.feed.wait(10)
    yield found
    found.feed.close()
    assert threading.active_count() == threads


def names(rows: list[things.NetworkRow] | list[things.VolumeRow]) -> set[str]:
    """Return the names of rows."""
    return {row.name for row in rows}


def test_a_network_comes_and_goes(engine: Engine, watched: Watched, name: str) -> None:
    """A network that somebody makes is there, with its subnet, until it is removed."""
    assert {"bridge", "host", "none"} <= names(watched.networks.rows())
    assert not any(row.own for row in watched.networks.rows(search="bridge"))
    made = engine.docker.networks.create(name, internal=True)
    (row,) = wait.until(lambda: watched.networks.rows(search=name), what="the network")
    assert (row.driver, row.internal, row.own) == ("bridge", True, True)
    assert row.subnets
    made.remove()
    wait.until(lambda: not watched.networks.rows(search=name), what="the network's end")


def test_a_volume_comes_and_goes(engine: Engine, watched: Watched, name: str) -> None:
    """A volume that somebody makes is there until it is removed."""
    made = engine.docker.volumes.create(name)
    (row,) = wait.until(lambda: watched.volumes.rows(search=name), what="the volume")
    assert row.mountpoint.endswith("/_data")
    made.remove()
    wait.until(lambda: not watched.volumes.rows(search=name), what="the volume's end")


def test_a_tag_comes_and_goes(engine: Engine, watched: Watched, name: str) -> None:
    """A tag is one more name of an image that is there already."""
    before = len(watched.images.rows())
    engine.docker.images.get("busybox").tag(name)
    (row,) = wait.until(lambda: watched.images.rows(search=name), what="the tag")
    assert f"{name}:latest" in row.tags
    assert len(watched.images.rows()) == before
    engine.docker.images.remove(f"{name}:latest")
    wait.until(lambda: not watched.images.rows(search=name), what="the tag's end")


def test_events_are_kept_once(engine: Engine, watched: Watched, name: str) -> None:
    """What happens stands in the journal, in order, each event once, also after a reconnect."""
    engine.docker.volumes.create(name).remove()
    wait.until(lambda: len(watched.events.rows(search=name)) == 2, what="two events")
    assert [row.action for row in watched.events.rows(search=name)] == ["create", "destroy"]
    journal = Journal()
    said = {"Type": "volume", "Action": "create", "Actor": {"ID": name}, "timeNano": 5}
    assert journal.take(engine.raw, said) == Change("events", "put", "1")
    assert journal.take(engine.raw, said) is None
    assert len(journal.rows()) == 1
    assert journal.find("1") == journal.rows()[0]
    assert journal.find("2") is None


def test_the_journal_is_bounded(engine: Engine) -> None:
    """Of many events the latest are kept."""
    journal = Journal(limit=3)
    for number in range(10):
        journal.take(engine.raw, {"Type": "x", "Actor": {"ID": str(number)}, "timeNano": number})
    assert [row.actor for row in journal.rows()] == ["7", "8", "9"]


def test_an_engine_that_comes_back(fresh_engine: Engine, name: str) -> None:
    """After a reset the lists are those of the new engine, and what was away is told."""
    fresh_engine.docker.volumes.create(name)
    found = Watched(fresh_engine)
    found.feed.wait(10)
    assert names(found.volumes.rows()) == {name}
    fresh_engine.reset()
    wait.until(lambda: not found.volumes.rows(), what="the new engine's volumes", timeout=20)
    found.feed.close()
    assert found.away


def test_old_and_new_shape_of_an_event() -> None:
    """An event reads the same with and without what API 1.52 has left out."""
    new = {
        "Type": "container", "Action": "start", "time": 7, "timeNano": 7_500_000_000,
        "Actor": {"ID": "abc", "Attributes": {"name": "web", "image": "busybox"}},
    }  # fmt: skip
    old = new | {"status": "start", "id": "abc", "from": "busybox"}
    assert EventRow.read(new, 1) == EventRow.read(old, 1)
    assert EventRow.read(new, 1).name == "web"
    assert EventRow.read(new, 1).time == 7.5
    assert EventRow.read(new, 1).matches("BUSY start")
