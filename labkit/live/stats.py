"""What containers use of the machine, reckoned as ``docker stats`` reckons it.

A sample is what ``GET /containers/{id}/stats`` answers. Counters such as the CPU time only grow:
a percentage comes from two samples.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.errors import APIError, LabError
from labkit.live.topic import ask

__all__ = ["History", "StatsFeed", "Usage", "usage"]

JSON = Mapping[str, Any]

_TIMEOUT, _GRACE = 5.0, 1.0


@dataclass(frozen=True)
class Usage:
    """What a container uses.

    ``cpu`` is in percent of one CPU: two busy CPUs are 200; None where it is not known yet.
    ``memory`` and its ``limit`` are bytes. ``rx`` and ``tx`` are the bytes received and sent on all
    networks, ``read`` and ``written`` those from and to disks, all four since the container was
    started. ``pids`` counts processes and threads.
    """

    cpu: float | None = None
    memory: int = 0
    limit: int = 0
    rx: int = 0
    tx: int = 0
    read: int = 0
    written: int = 0
    pids: int = 0

    @property
    def memory_percent(self) -> float:
        """How much of its limit the memory is, in percent."""
        return self.memory / self.limit * 100 if self.limit else 0.0

    def as_json(self) -> dict[str, float | int | None]:
        """Return all of it by name, ``memory_percent`` too."""
        return asdict(self) | {"memory_percent": self.memory_percent}


def usage(sample: JSON, before: JSON | None = None) -> Usage:
    """Reckon what a container uses.

    :param sample: an answer of ``GET /containers/{id}/stats``; of a container that does not run,
        everything is zero.
    :param before: an earlier sample of the same container, for the CPU.
    """
    memory = sample.get("memory_stats") or {}
    networks = (sample.get("networks") or {}).values()
    read, written = _blocks(sample.get("blkio_stats") or {})
    return Usage(
        cpu=_cpu(sample, before) if before else None,
        memory=_memory(memory),
        limit=int(memory.get("limit") or 0),
        rx=sum(int(one.get("rx_bytes") or 0) for one in networks),
        tx=sum(int(one.get("tx_bytes") or 0) for one in networks),
        read=read,
        written=written,
        pids=int((sample.get("pids_stats") or {}).get("current") or 0),
    )


def _cpu(sample: JSON, before: JSON) -> float | None:
    """Return the container's part of the time that all CPUs had between the samples."""
    (used, passed), (used_before, passed_before) = _times(sample), _times(before)
    if not passed or not passed_before or used < used_before:
        return None  # it does not run, or has been started again meanwhile
    now = sample["cpu_stats"]
    cpus = now.get("online_cpus") or len(now["cpu_usage"].get("percpu_usage") or [])
    passed -= passed_before
    return (used - used_before) / passed * cpus * 100 if passed > 0 else None


def _times(sample: JSON) -> tuple[int, int]:
    """Return the CPU time of the container and of the machine, in nanoseconds."""
    cpu = sample.get("cpu_stats") or {}
    used = (cpu.get("cpu_usage") or {}).get("total_usage") or 0
    return int(used), int(cpu.get("system_cpu_usage") or 0)


def _memory(memory: JSON) -> int:
    """Return what is used without the pages of files that the kernel can drop at any time.

    Their counter is called otherwise in version 1 of the kernel's cgroups.
    """
    used, stats = int(memory.get("usage") or 0), memory.get("stats") or {}
    for counter in ("total_inactive_file", "inactive_file"):
        if counter in stats and stats[counter] < used:
            return used - int(stats[counter])
    return used


def _blocks(blocks: JSON) -> tuple[int, int]:
    """Return the bytes read and written; version 1 of cgroups says Read, version 2 read."""
    sums = {"read": 0, "write": 0}
    for one in blocks.get("io_service_bytes_recursive") or []:
        if (operation := str(one.get("op", "")).lower()) in sums:
            sums[operation] += int(one.get("value") or 0)
    return sums["read"], sums["write"]


class History:
    """The latest usages of one container, oldest first, for a plot.

    :param limit: how many are kept.
    """

    def __init__(self, *, limit: int = 60) -> None:
        self._usages: deque[Usage] = deque(maxlen=limit)

    def add(self, latest: Usage) -> None:
        """Keep one more; the oldest goes when there are too many."""
        self._usages.append(latest)

    @property
    def usages(self) -> list[Usage]:
        """What is kept."""
        return list(self._usages)


class StatsFeed:
    """One thread that asks what containers use, again and again, on one connection.

    It sends ``GET /containers/{id}/stats?stream=false&one-shot=true`` (API 1.41+) for each. The
    other ways cost more: a stream holds a connection, a thread here and one in the engine for each
    container, and without ``one-shot`` the engine takes a second for its own two samples. Two
    answers of our own give the same percentage.

    :param endpoint: where the engine listens.
    :param ids: is asked before each round which containers to look at, on the feed's own thread.
    :param told: is given what each of them uses, by the id that was asked for, on the same thread;
        those that are gone are left out, and all are when the engine does not answer.
    :param interval: seconds from the end of one round to the next.

    Nothing is told any more once :meth:`close` has returned.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        ids: Callable[[], Iterable[str]],
        told: Callable[[dict[str, Usage]], None],
        interval: float = 1.0,
    ) -> None:
        self._endpoint = endpoint
        self._ids = ids
        self._told = told
        self._interval = interval
        self._before: dict[str, JSON] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="labkit-stats", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and its connection; safe to call twice, and from the feed's own thread.

        Only an engine that hangs keeps the thread for longer than a moment: until its request
        times out, after five seconds at most, of which this waits one.
        """
        self._closing.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(_GRACE)

    def _run(self) -> None:
        with raw.Client(self._endpoint, timeout=_TIMEOUT) as client:
            while not self._closing.is_set():
                found = self._round(client)
                if not self._closing.is_set():
                    self._told(found)
                self._closing.wait(self._interval)

    def _round(self, client: raw.Client) -> dict[str, Usage]:
        """Ask for each container; without an engine there is nothing to tell."""
        try:
            samples = {one: sample for one in self._ids() if (sample := self._sample(client, one))}
        except LabError:
            samples = {}
        found = {one: usage(sample, self._before.get(one)) for one, sample in samples.items()}
        self._before = samples
        return found

    def _sample(self, client: raw.Client, container: str) -> JSON | None:
        """Ask for one container; None when the engine says that there is none, or no stats."""
        if self._closing.is_set():
            return None
        path = f"/containers/{quote(container, safe='')}/stats?stream=false&one-shot=true"
        try:
            sample: JSON = ask(client, path)
        except APIError:
            return None
        return sample
