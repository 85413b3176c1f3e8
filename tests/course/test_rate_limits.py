"""What only the lesson on rate limits needs: its hub, and the rehearsal of a client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import labkit
from labkit.course.exercise import Lesson
from labkit.course.given import GivenEngine, GivenHub
from labkit.course.judge import Judge, beside
from labkit.course.learner import answer
from labkit.course.outfit import start
from labkit.course.rehearsal import MOST, Clock, read, rehearsed
from labkit.endpoint import Endpoint
from labkit.engine import fleet, host
from labkit.engine.engine import Engine
from labkit.engine.spec import owner
from labkit.errors import CourseError, EngineError
from labkit.hub.hub import Hub

NOWHERE = Endpoint(unix=Path("/nowhere"))


def play(client: Callable[..., Any], *script: Any, patience: float = 100.0) -> Any:
    """Rehearse a client with this script, for two images."""
    with rehearsed(client, NOWHERE) as rehearsal:
        return rehearsal(["a", "b"], script, patience)


def test_a_script_is_played_on_a_clock_of_its_own() -> None:
    """Answers come in order, the last one for ever; an hour's sleep takes no time."""

    def client(images: list[str], send: Any, clock: Any, patience: float) -> Any:
        seen = []
        for image in (*images, "c"):
            reply = send(image)
            seen.append((reply.status_code, reply.headers.get("RETRY-AFTER")))
            clock.sleep(3600)
        return [seen, patience]

    began = time.monotonic()
    said = play(client, (429, {"Retry-After": "7"}), (200, {}))
    assert time.monotonic() - began < 60
    assert said["ended"] == "returned"
    assert said["returned"] == [[[429, "7"], [200, None], [200, None]], 100.0]
    assert [image for image, _ in said["sent"]] == ["a", "b", "c"]
    assert [said["sent"][1][1] - said["sent"][0][1], said["now"] - said["sent"][0][1]] == [
        3600,
        10800,
    ]


def test_giving_up_is_told_from_never_ending() -> None:
    """TimeoutError is one end; a client that sends for ever is stopped, whatever it catches."""

    def tired(*_: Any) -> None:
        raise TimeoutError

    def endless(images: list[str], send: Any, *_: Any) -> None:
        while True:
            try:
                send(images[0])
            except Exception:  # noqa: BLE001, S112  # as beginners do
                continue

    assert play(tired, (429, {}))["ended"] == "gave up"
    said = play(endless, (429, {}))
    assert said["ended"] == "endless"
    assert len(said["sent"]) == MOST + 1


def test_other_errors_are_the_learners() -> None:
    """What else is raised goes through, so that it is shown as it is."""
    with pytest.raises(ZeroDivisionError):
        play(lambda *_: 1 / 0, (200, {}))


def test_the_clock_is_as_strict_as_time() -> None:
    """A negative sleep is a ValueError, as with time.sleep."""
    with pytest.raises(ValueError, match="non-negative"):
        Clock().sleep(-1)


def test_a_parser_may_refuse() -> None:
    """ValueError, or labkit's own error, is an answer; any other error is not."""
    with read(lambda headers: int(headers["n"]), NOWHERE) as parse:
        assert parse({"n": "5"}) == {"answer": 5}
        assert parse({"n": "many"}) == {"refused": True}
        with pytest.raises(KeyError):
            parse({})


def test_a_lent_hub_is_not_ours_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where engine and hub are lent, nothing is started and nothing is changed."""
    monkeypatch.setenv("LABKIT_SOCKET", "/nowhere/docker.sock")
    monkeypatch.setenv("LABKIT_HUB", "http://127.0.0.1:9/")
    engine, hub = start(Lesson("05-rate-limits", hub={"limit": 1}), None, {})
    assert isinstance(engine, GivenEngine)
    assert isinstance(hub, GivenHub)
    assert hub.url == "http://127.0.0.1:9"
    with pytest.raises(EngineError, match="given"):
        hub.change(limit=5)
    hub.stop()
    monkeypatch.delenv("LABKIT_HUB")
    assert start(Lesson("05-rate-limits", hub={"limit": 1}), None, {})[1] is None


@pytest.fixture
def own_lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Open the lesson's lab, as its first cell does."""
    monkeypatch.delenv("LABKIT_SOCKET", raising=False)
    with labkit.lab("05-rate-limits") as lab:
        yield lab


def hubs() -> set[str]:
    """Return the ids of this process's hubs: neighbours have theirs."""
    with host.find().client() as client:
        return {one.id for one in fleet.companions(client) if one.owner == owner()}


@pytest.mark.engine
def test_the_lesson_brings_a_hub_that_its_engine_knows(own_lab: Any) -> None:
    """An engine pulls by the hub's name; a reset keeps that; the end takes the hub away."""
    hub = own_lab.hub
    assert isinstance(hub, Hub)
    [image] = hub.publish("app", 1)
    assert own_lab.docker.images.pull(image).tags == [image]
    own_lab.reset()
    assert own_lab.docker.images.pull(image).tags == [image]
    assert hub.container_id in hubs()
    own_lab.close()
    assert hub.container_id not in hubs()


@pytest.mark.engine
def test_an_engine_that_does_not_start_leaves_no_hub() -> None:
    """When the engine fails, the hub that was started for it is taken away again."""
    lesson = Lesson("05-rate-limits", hub={"limit": 1})
    before = hubs()
    with pytest.raises(EngineError):
        start(lesson, "0.1", {})
    assert hubs() <= before


@pytest.mark.engine
def test_other_lessons_have_no_hub() -> None:
    """Asking for it says how to start one."""
    with labkit.lab("00-start-here") as lab, pytest.raises(CourseError, match=r"Hub\.start"):
        lab.hub  # noqa: B018  # asking is the test


@pytest.mark.engine
def test_a_judge_without_a_hub_says_so(engine: Engine) -> None:
    """The check is refused with the reason, and nothing breaks."""
    with beside(Judge("05-rate-limits", engine.endpoint)) as connection:
        verdict = answer(connection, "remaining", lambda _: 1)
    assert not verdict.passed
    assert "no" in verdict.saw
    assert "hub" in verdict.saw
