"""What containers use: reckoned from samples, and asked from a real engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from labkit import wait
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import NotFound
from labkit.live.stats import History, StatsFeed, Usage, usage
from labkit.raw import Client
from labkit.streams import json_lines

Make = Callable[[str], str]

MIB = 1024 * 1024


def sample(used: int, passed: int, **more: Any) -> dict[str, Any]:
    cpu = {"cpu_usage": {"total_usage": used}, "system_cpu_usage": passed, "online_cpus": 4}
    return {"cpu_stats": cpu} | more


# What Engine 26.1 answers for a container that does not run.
STOPPED: dict[str, Any] = {
    "read": "0001-01-01T00:00:00Z",
    "pids_stats": {},
    "blkio_stats": {"io_service_bytes_recursive": None},
    "cpu_stats": {"cpu_usage": {"total_usage": 0}, "throttling_data": {"periods": 0}},
    "memory_stats": {},
}


def test_cpu() -> None:
    """The percentage is the container's part of what passed on all CPUs, times their number."""
    assert usage(sample(300, 1000), sample(200, 600)).cpu == 100
    assert usage(sample(200, 1000), sample(200, 600)).cpu == 0


def test_cpu_of_an_old_engine() -> None:
    """Where nobody says how many CPUs there are, those that were used are counted."""
    old = sample(300, 1000)
    del old["cpu_stats"]["online_cpus"]
    old["cpu_stats"]["cpu_usage"]["percpu_usage"] = [100, 200]
    assert usage(old, sample(200, 600)).cpu == 50


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (sample(300, 1000), None),
        (STOPPED, sample(300, 1000)),
        (sample(300, 1000), STOPPED),
        (sample(10, 1400), sample(300, 1000)),
        (sample(300, 1000), sample(300, 1000)),
    ],
)
def test_no_cpu(now: dict[str, Any], before: dict[str, Any] | None) -> None:
    """Without two samples of one life of the container, or time between them, it is not known."""
    assert usage(now, before).cpu is None


def test_stopped() -> None:
    """A container that does not run uses nothing."""
    assert usage(STOPPED) == Usage()
    assert usage(STOPPED).memory_percent == 0


@pytest.mark.parametrize("counter", ["total_inactive_file", "inactive_file"])
def test_memory(counter: str) -> None:
    """The pages of files that can be dropped do not count, unless they are more than all."""
    memory = {"usage": 8 * MIB, "limit": 64 * MIB, "stats": {counter: 4 * MIB}}
    found = usage({"memory_stats": memory})
    assert (found.memory, found.limit, found.memory_percent) == (4 * MIB, 64 * MIB, 6.25)
    memory["stats"] = {counter: 9 * MIB}
    assert usage({"memory_stats": memory}).memory == 8 * MIB


def test_networks() -> None:
    """The bytes of all networks are summed up; a container may have none."""
    networks = {
        "eth0": {"rx_bytes": 1, "tx_bytes": 10},
        "eth1": {"rx_bytes": 2, "tx_bytes": 20},
    }
    found = usage({"networks": networks})
    assert (found.rx, found.tx) == (3, 30)
    assert usage({"networks": None}).rx == 0


@pytest.mark.parametrize("names", [("Read", "Write", "Total"), ("read", "write", "discard")])
def test_blocks(names: tuple[str, str, str]) -> None:
    """What was read from and written to all disks is summed up, in the words of either version."""
    disks = [{"op": op, "value": 10**n} for _ in range(2) for n, op in enumerate(names)]
    found = usage({"blkio_stats": {"io_service_bytes_recursive": disks}})
    assert (found.read, found.written) == (2, 20)


def test_json() -> None:
    """As JSON it has what a page shows."""
    found = Usage(cpu=1.5, memory=1, limit=4, pids=2).as_json()
    assert found["cpu"] == 1.5
    assert found["memory_percent"] == 25
    assert set(found) >= {"rx", "tx", "read", "written", "pids", "limit"}


def test_history() -> None:
    """A history has the latest, oldest first, and no more than its limit."""
    history = History(limit=3)
    for pids in range(5):
        history.add(Usage(pids=pids))
    assert [one.pids for one in history.usages] == [2, 3, 4]


@pytest.fixture
def make(engine: Engine) -> Iterator[Make]:
    """Yield what runs a shell command in a container with half a CPU, and returns its id."""
    ids: list[str] = []
    with Client(engine.endpoint) as client:

        def run(command: str) -> str:
            limits = {"NanoCpus": 500_000_000, "Memory": 64 * MIB}
            body = {"Image": "busybox", "Cmd": ["sh", "-c", command], "HostConfig": limits}
            name = f"stats-{uuid4().hex[:8]}"
            made = client.post("/containers/create", params={"name": name}, json=body)
            ids.append(str(made.json()["Id"]))
            client.post(f"/containers/{ids[-1]}/start")
            return ids[-1]

        yield run
        for one in ids:
            with suppress(NotFound):
                client.delete(f"/containers/{one}", params={"force": True})


class Listener:
    """What a feed has told."""

    def __init__(self, endpoint: Endpoint, *ids: str) -> None:
        self.ids = list(ids)
        self.rounds: list[dict[str, Usage]] = []
        self.feed = StatsFeed(endpoint, lambda: self.ids, self.rounds.append, interval=0.2)

    def until(self, probe: Callable[[dict[str, Usage]], object]) -> dict[str, Usage]:
        """Wait until a round is told that is so."""
        seen = len(self.rounds)
        found = wait.until(
            lambda: [one for one in self.rounds[seen:] if probe(one)],
            what=f"a round of stats, after {self.rounds[-3:]}",
            timeout=20,
        )
        return found[0]


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    """Yield what starts a feed, which is closed at the end."""
    started: list[Listener] = []

    def start(*options: Any) -> Listener:
        started.append(Listener(*options))
        return started[-1]

    yield start
    for one in started:
        one.feed.close()


@pytest.mark.engine
def test_as_the_engine_reckons(engine: Engine, make: Make, listen: Any) -> None:
    """Half a busy CPU is about 50 %, and about what the engine's own pairs of samples say."""
    busy = make("while :; do :; done")
    listener = listen(engine.endpoint, busy)
    with Client(engine.endpoint) as client, client.stream("GET", _stats(busy)) as stream:
        samples = json_lines(stream)
        next(samples)  # the first has nothing before it
        theirs = [next(samples) for _ in range(3)]
    their = [usage(one, {"cpu_stats": one["precpu_stats"]}) for one in theirs]
    ours = [one[busy].cpu for one in listener.rounds if busy in one]
    known = [cpu for cpu in ours if cpu is not None]
    average = sum(known) / len(known)
    assert 5 < average < 80
    assert abs(average - sum(one.cpu or 0 for one in their) / 3) < 25
    last = listener.rounds[-1][busy]
    assert (last.limit, last.pids) == (their[-1].limit, their[-1].pids) == (64 * MIB, 1)
    assert 0 < last.memory < 64 * MIB


def _stats(container: str) -> str:
    return f"/containers/{container}/stats?stream=true"


@pytest.mark.engine
def test_comes_and_goes(engine: Engine, make: Make, listen: Any) -> None:
    """A container that ends uses nothing, one that is removed is left out, a new one comes in."""
    first, second = make("exec sleep 60"), make("sleep 60 & sleep 60")
    listener = listen(engine.endpoint, first)
    listener.until(lambda found: found[first].cpu is not None)
    listener.ids.append(second)
    assert listener.until(lambda found: second in found and found[second].pids > 1)
    engine.docker.containers.get(first).kill()
    listener.until(lambda found: found[first] == Usage())
    engine.docker.containers.get(first).remove()
    assert set(listener.until(lambda found: first not in found)) == {second}


@pytest.mark.engine
def test_one_connection(engine: Engine, make: Make, listen: Any) -> None:
    """Many containers are asked for on one connection, by one thread."""
    ids = [make("exec sleep 60") for _ in range(4)]
    threads, sockets = threading.active_count(), _sockets()
    listener = listen(engine.endpoint, *ids)
    listener.until(lambda found: set(found) == set(ids))
    assert threading.active_count() == threads + 1
    assert _sockets() == sockets + 1
    listener.feed.close()
    assert (threading.active_count(), _sockets()) == (threads, sockets)


def _sockets() -> int:
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    targets = []
    for link in links:
        with suppress(OSError):
            targets.append(str(link.readlink()))
    return sum(target.startswith("socket:") for target in targets)


@pytest.mark.engine
def test_silent_after_close(engine: Engine, make: Make) -> None:
    """Closing is at once, also from the one who is told; nothing is told after it."""
    threads = threading.active_count()
    busy = make("exec sleep 60")
    for _ in range(10):
        listener = Listener(engine.endpoint, busy)
        listener.feed.close()
        listener.feed.close()
        told = len(listener.rounds)
        assert threading.active_count() == threads
        assert len(listener.rounds) == told
    feeds: list[StatsFeed] = []
    ready = threading.Event()

    def told_once(_: dict[str, Usage]) -> None:
        ready.wait(5)
        feeds[0].close()

    feeds.append(StatsFeed(engine.endpoint, lambda: [busy], told_once, interval=60))
    ready.set()
    wait.until(lambda: threading.active_count() == threads, what="the end of the thread")


@pytest.mark.engine
def test_engine_comes_back(fresh_engine: Engine, listen: Any) -> None:
    """While the engine is away nothing is used; when it is back, it is asked again."""
    docker = fresh_engine.docker
    made = docker.containers.run("busybox", "sleep 60", name="one", detach=True)
    listener = listen(fresh_engine.endpoint, str(made.id))
    listener.until(lambda found: made.id in found)
    fresh_engine.reset()
    listener.until(lambda found: not found)
    again = fresh_engine.docker.containers.run("busybox", "sleep 60", name="one", detach=True)
    listener.ids = [str(again.id)]
    listener.until(lambda found: again.id in found and found[str(again.id)].cpu is not None)


def test_no_engine(tmp_path: Path, listen: Any) -> None:
    """Where no engine is, the feed says that nothing is known, and goes on."""
    listener = listen(Endpoint(unix=tmp_path / "none.sock"), "web")
    for _ in range(2):
        assert listener.until(lambda found: found == {}) == {}
