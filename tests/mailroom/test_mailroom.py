"""A mailroom on a real engine: it works, breaks in each of its ways, and leaves nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from labkit import wait
from labkit.engine.engine import Engine
from labkit.errors import APIError
from labkit.hub.hub import Hub
from labkit.mailroom.faults import FAULTS, break_network, break_one
from labkit.mailroom.mailroom import Mailroom
from labkit.mailroom.papers import FLAWS
from labkit.mailroom.plan import SPARE, STATIONS, TLS
from labkit.security.handshake import handshake

pytestmark = pytest.mark.engine

STUCK = {
    "killed": "worker", "choked": "worker", "paused": "worker", "missing": "clerk",
    "stale": "store", "spent": "press", "space": "store", "files": "store",
    **dict.fromkeys(FLAWS, "visitor"),
}  # fmt: skip
"""Where a letter is stuck, by the way in which something else than a network is broken."""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub whose pulls can be used up."""
    with Hub.start(prefix=16) as hub:
        yield hub


@pytest.fixture(scope="module")
def engine(hub: Hub) -> Iterator[Engine]:
    """An engine that knows the hub."""
    with hub.engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def shared(engine: Engine) -> Iterator[Mailroom]:
    """A mailroom that the tests here break."""
    with Mailroom.open(engine.raw) as room:
        yield room


@pytest.fixture
def room(shared: Mailroom) -> Mailroom:
    """A mailroom that is well."""
    with contextlib.suppress(APIError):
        if _as_planned(shared) and shared.journey(patience=1).arrived:
            return shared
    shared.renew()
    return shared


def _as_planned(room: Mailroom) -> bool:
    return all(
        sorted(has) == sorted(room.plan["cables"][one]) for one, has in _cables(room).items()
    )


def _things(engine: Engine) -> set[str]:
    """All containers, networks and volumes."""
    containers = engine.raw.get("/containers/json", params={"all": True}).json()
    volumes = engine.raw.get("/volumes").json()["Volumes"] or []
    networks = engine.raw.get("/networks").json()
    found = {name for one in containers for name in one["Names"]}
    return found | {one["Name"] for one in [*networks, *volumes]}


def test_a_letter_passes_all_stations(room: Mailroom) -> None:
    """It is printed, and every container is in the networks of the plan."""
    journey = room.journey()
    assert journey.arrived
    assert journey.stuck == ""
    assert list(journey.said) == list(STATIONS)
    assert journey.number in room["press"].log
    assert _as_planned(room)


def test_the_secret_is_in_no_plan_and_no_inspect(room: Mailroom) -> None:
    """The stamp is in the clerk's file, and nowhere else."""
    told = [json.dumps(room.plan)]
    told += [room.client.get(f"/containers/{one}/json").text for one in room.plan["containers"]]
    assert [text for text in told if room.stamp in text] == []
    assert room["clerk"].files("/run/secrets") == {"stamp": room.stamp.encode()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "way"),
    [(fault, way) for fault, ways in FAULTS.items() for way in ways if fault != "network"],
)
def test_what_is_broken_stops_a_letter(room: Mailroom, hub: Hub, fault: str, way: str) -> None:
    """Each way to break something is felt where it should be, and a new mailroom is well."""
    break_one(room, fault, way, hub=hub)
    journey = room.journey()
    assert journey.stuck == STUCK[way]
    assert journey.said[journey.stuck]


@pytest.mark.slow
@pytest.mark.parametrize("way", FAULTS["network"])
def test_a_wrong_network_is_felt_if_a_cable_is_missing(room: Mailroom, way: str) -> None:
    """What is told to have been done is what has been done; an extra cable alone is not felt."""
    found = break_network(room, way)
    joined = _cables(room)
    for container, network in found["missing"]:
        assert network in room.plan["cables"][container]
        assert network not in joined[container]
    for container, network in found["extra"]:
        assert network not in room.plan["cables"][container]
        assert network in joined[container]
    assert room.journey().arrived == (not found["missing"])


def _cables(room: Mailroom) -> dict[str, Any]:
    inspected = {
        name: room.client.get(f"/containers/{name}/json").json() for name in room.plan["cables"]
    }
    return {name: one["NetworkSettings"]["Networks"] for name, one in inspected.items()}


@pytest.mark.slow
def test_one_tray_of_five_is_right(room: Mailroom) -> None:
    """The others are wrong in each of the ways."""
    ca = room["visitor"].files(TLS)["ca.pem"]
    said = []
    for number in range(1, len(FLAWS) + 2):
        leaf = room["gate"].files(f"{SPARE}/{number}")
        said.append(handshake(cert=leaf["cert.pem"], key=leaf["key.pem"], ca=ca, host="mail-gate"))
    assert said.count("ok") == 1
    assert len(set(said)) == len(FLAWS) + 1


@pytest.mark.slow
def test_letters_are_lost_with_the_last_container_that_has_the_volume(room: Mailroom) -> None:
    """The volume is in memory: one of its two users may be restarted, not both at once."""
    names = ("mail-worker", "mail-store")
    room.client.post("/containers/mail-store/restart")
    assert room["store"].files("/letters/done")
    for action in ("stop", "start"):
        for name in names:
            room.client.post(f"/containers/{name}/{action}")
    assert room["store"].files("/letters/done") == {}


@pytest.mark.slow
def test_letters_that_waited_are_printed_when_the_press_is_back(room: Mailroom) -> None:
    """The worker comes again; nothing is lost."""
    room.client.post("/containers/mail-press/kill")
    number = room.journey().number
    room.client.post("/containers/mail-press/start")
    assert wait.until(lambda: number in room["press"].log, what="the letter")


def test_a_station_that_is_not_there_is_told_and_raises_nothing(room: Mailroom) -> None:
    """Whoever removes containers still gets a journey."""
    for station, stuck in (("press", "press"), ("gate", "visitor"), ("visitor", "visitor")):
        room.client.delete(f"/containers/mail-{station}", params={"force": True})
        assert room.journey(patience=0.5).stuck == stuck


@pytest.mark.slow
def test_nothing_is_left(engine: Engine) -> None:
    """Also what somebody made there under the mailroom's name is gone; a neighbour stays."""
    with Mailroom.open(engine.raw, "mail-2") as neighbour:
        before = _things(engine)
        with Mailroom.open(engine.raw, "mails"):
            body = {"Image": "busybox"}
            engine.raw.post("/containers/create", params={"name": "mails-extra"}, json=body)
        assert _things(engine) == before
        assert neighbour.journey().arrived


@pytest.mark.slow
def test_one_is_opened_in_place_of_another_of_its_name(engine: Engine) -> None:
    """A notebook's cell can be run again, and has a new mailroom with a new secret."""
    with Mailroom.open(engine.raw, "again") as first:
        first.client.post("/containers/again-press/kill")
        with Mailroom.open(engine.raw, "again") as second:
            assert second.journey().arrived
            assert second.stamp != first.stamp
