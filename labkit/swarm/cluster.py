"""A cluster: several engines on one network, each a node of a Swarm.

The nodes are real engines. What they say to each other goes over a network of the cluster's own,
where a node can be cut off and brought back.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Self

from labkit import wait
from labkit.engine import drivers, fleet, image
from labkit.engine.driver import Network
from labkit.engine.engine import Engine
from labkit.errors import EngineError, LabError
from labkit.hub.hub import Hub
from labkit.raw import Client
from labkit.swarm import mesh, tables
from labkit.table import Table

__all__ = ["Cluster"]

PORT = 2377
HEARTBEAT = 1_000_000_000  # nanoseconds; a Swarm's own 5 s would have a lesson wait for 15
_FIRST = 10  # the last number of the first node's address
# A node asks the registry for a task's image, also for one that it has. Where there is no hub, it
# is told at once that nobody is there, and takes its own; else it would spend Docker Hub's limit.
_NO_REGISTRY = {"registry-1.docker.io": "127.0.0.1"}

Begin = Callable[..., Engine]


class Cluster:
    """Engines that can form a Swarm; made by :meth:`start`, best as a context manager."""

    def __init__(self, name: str, nodes: Mapping[str, Engine], network: Network) -> None:
        self.name = name
        self.nodes = dict(nodes)
        self._network = network

    @classmethod
    def start(
        cls,
        *,
        managers: int = 1,
        workers: int = 2,
        version: str = image.DEFAULT,
        versions: Mapping[str, str] | None = None,
        joined: bool = True,
        hub: Hub | None = None,
        name: str | None = None,
        keep: bool = False,
        fenced: bool = False,
    ) -> Self:
        """Start engines side by side, and have them form a Swarm.

        :param version: the Docker version of the nodes.
        :param versions: other versions, by the node's name: ``{"worker-2": "20.10"}``.
        :param joined: False leaves ``POST /swarm/init`` and ``/swarm/join`` (API 1.24+) to you.
        :param hub: whom the nodes ask for images, as a mirror of Docker Hub too; without one, they
            have the course's images and ask nobody.
        :param name: its name, the beginning of its engines' names; made up where there is none.
        :param keep: outlive this process, until ``labkit down``.
        :param fenced: bound what the nodes use; they reach each other and nothing else.
        :raises EngineError: a node did not come up; nothing is left behind.
        """
        name = fleet.valid_name(name or f"swarm-{secrets.token_hex(2)}")
        roles = [("manager", managers), ("worker", workers)]
        wanted = [f"{role}-{number + 1}" for role, count in roles for number in range(count)]
        chosen = {node: (versions or {}).get(node, version) for node in wanted}
        driver = drivers.choose(say=print)
        for one in sorted(set(chosen.values())):
            driver.prepare(one, say=print)
        cluster = cls(name, {}, driver.network(name, keep=keep, internal=fenced))
        try:
            alone = partial(Engine.start, hosts=_NO_REGISTRY)
            begin = partial(hub.engine, mirror=True) if hub else alone
            cluster._start_nodes(chosen, begin, keep=keep, fenced=fenced)
            if joined and managers:
                cluster.form()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    def _start_nodes(
        self, versions: Mapping[str, str], begin: Begin, *, keep: bool, fenced: bool
    ) -> None:
        with ThreadPoolExecutor(len(versions) or 1) as pool:
            starts = {
                node: pool.submit(
                    begin,
                    version=one, name=f"{self.name}-{node}", cluster=self.name, keep=keep,
                    fenced=fenced,
                )
                for node, one in versions.items()
            }  # fmt: skip
        failed = [one.exception() for one in starts.values() if one.exception()]
        self.nodes = {node: one.result() for node, one in starts.items() if not one.exception()}
        for error in failed:
            if error:
                raise error
        for node in self.nodes:
            self._connect(node)
            if fenced:
                self.nodes[node].body.disconnect("bridge")

    def form(self) -> None:
        """Have the first manager begin a Swarm and all other nodes join it, in their roles."""
        first, *others = self.nodes
        begin = {
            "ListenAddr": f"0.0.0.0:{PORT}",
            "AdvertiseAddr": self.address(first),
            "Spec": {"Dispatcher": {"HeartbeatPeriod": round(wait.paced(HEARTBEAT))}},
        }
        self.nodes[first].raw.post("/swarm/init", json=begin)
        tokens = self.nodes[first].raw.get("/swarm").json()["JoinTokens"]
        managers = [node for node in others if node.startswith("manager")]
        for node in managers:  # one by one: each changes what a majority is
            self.join(node, tokens["Manager"])
        with ThreadPoolExecutor(len(others) or 1) as pool:
            workers = [node for node in others if node not in managers]
            list(pool.map(partial(self.join, token=tokens["Worker"]), workers))
        wait.until(
            lambda: self._ready() == len(self.nodes),
            what=f"the {len(self.nodes)} nodes of {self.name} to be ready",
            timeout=30,
        )

    def join(self, node: str, token: str) -> None:
        """Have a node join the first manager's Swarm (``POST /swarm/join``, API 1.24+)."""
        told = {
            "ListenAddr": f"0.0.0.0:{PORT}",
            "AdvertiseAddr": self.address(node),
            "RemoteAddrs": [f"{self.address(next(iter(self.nodes)))}:{PORT}"],
            "JoinToken": token,
        }
        self.nodes[node].raw.post("/swarm/join", json=told)

    def _ready(self) -> int:
        nodes = self.manager.raw.get("/nodes").json()
        return sum(node["Status"]["State"] == "ready" for node in nodes)

    def address(self, node: str) -> str:
        """The node's address on the cluster's network, the same for all its life."""
        return f"{self._network.subnet}.{_FIRST + list(self.nodes).index(node)}"

    @property
    def manager(self) -> Engine:
        """A manager that can act for the cluster.

        :raises EngineError: there is none: no majority of the managers can be reached.
        """
        said = "none of its engines runs"
        for engine in self.managers.values():
            try:
                with Client(engine.endpoint, timeout=wait.paced(3)) as client:
                    client.get("/nodes")
            except LabError as refused:
                said = refused.message
            else:
                return engine
        raise EngineError(
            f"No manager of {self.name} can act for it: {said}",
            hint="bring_back() what was stopped; a Swarm needs more than half of its managers.",
        )

    @property
    def can_act(self) -> bool:
        """Whether some manager can act for the cluster: a majority of them lives."""
        try:
            return bool(self.manager)
        except EngineError:
            return False

    @property
    def managers(self) -> dict[str, Engine]:
        """The nodes that were started as managers."""
        return {name: one for name, one in self.nodes.items() if name.startswith("manager")}

    @property
    def workers(self) -> dict[str, Engine]:
        """The nodes that were started as workers."""
        return {name: one for name, one in self.nodes.items() if name.startswith("worker")}

    def stop_node(self, node: str) -> None:
        """Kill a node's engine, as a power cut does; what it has on its disk stays."""
        with self._node(node) as engine:
            engine.body.kill()

    def cut_off(self, node: str) -> None:
        """Take a node off the cluster's network; its own API still answers at its socket."""
        with self._node(node) as engine:
            engine.body.disconnect(self._network.id)

    def bring_back(self, node: str) -> None:
        """Start a node that was stopped, connect one that was cut off: at its old address."""
        with self._node(node) as engine:
            self._connect(node)
            if not engine.body.running:
                engine.body.start()
                Engine.attach(engine.name)

    def _connect(self, node: str) -> None:
        self.nodes[node].body.connect(self._network.id, self.address(node))

    @contextlib.contextmanager
    def _node(self, node: str) -> Iterator[Engine]:
        if node not in self.nodes:
            raise EngineError(
                f"{self.name} has no node {node!r}.", hint=f"Its nodes: {', '.join(self.nodes)}"
            )
        try:
            yield self.nodes[node]
        except EngineError as failed:
            raise EngineError(f"{node} is not in that state: {failed.message}") from failed

    @property
    def routing_mesh(self) -> bool:
        """Whether published ports answer at every node, which needs IPVS in the kernel."""
        return mesh.is_there(self.nodes.values())

    @property
    def about_mesh(self) -> str:
        """What that means, in words."""
        return mesh.about(there=self.routing_mesh)

    def tasks(self, service: str = "") -> Table:
        """The tasks, of one service or of all, see :func:`labkit.swarm.tables.tasks`."""
        return tables.tasks(self.manager.raw, service)

    def converged(self, service: str, *, timeout: float = 60) -> None:
        """Wait until as many tasks of a service run as are wanted, and no update is under way.

        :param timeout: seconds.
        :raises WaitTimeout: it does not come to that.
        """
        wait.until(
            lambda: self._has_converged(service),
            what=f"the service {service} to converge",
            timeout=timeout,
            hint="cluster.tasks() shows what its tasks are doing, and why not.",
        )

    def _has_converged(self, service: str) -> bool:
        with contextlib.suppress(LabError):  # a manager may be gone, another comes
            return tables.has_converged(self.manager.raw, service)
        return False

    def stop(self) -> None:
        """Throw all of it away: nodes, services, network."""
        with ThreadPoolExecutor(len(self.nodes) or 1) as pool:
            list(pool.map(Engine.stop, self.nodes.values()))
        self._network.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Cluster {self.name}: {', '.join(self.nodes)}>"
