"""The panels of one notebook, opened by name and closed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from docker import DockerClient

from labkit import raw
from labkit.endpoint import Endpoint
from labkit.errors import CourseError
from labkit.panels.containers import ContainersPanel
from labkit.panels.events import EventsPanel
from labkit.panels.gauge import GaugePanel
from labkit.panels.images import ImagesPanel
from labkit.panels.logs import LogsPanel
from labkit.panels.networks import NetworksPanel
from labkit.panels.panel import Panel
from labkit.panels.progress import ProgressPanel
from labkit.panels.stats import StatsPanel
from labkit.panels.swarm import SwarmPanel
from labkit.panels.terminal import TerminalPanel
from labkit.panels.volumes import VolumesPanel
from labkit.panels.wire import WirePanel

__all__ = ["Engine", "Shelf"]


class Engine(Protocol):
    """What the panels look at: where it listens, and the clients whose requests can be shown."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        ...

    @property
    def docker(self) -> DockerClient:
        """The notebook's SDK client."""
        ...

    @property
    def raw(self) -> raw.Client:
        """The notebook's raw client."""
        ...


_PANELS: dict[str, Callable[..., Panel]] = {
    "containers": ContainersPanel,
    "events": EventsPanel,
    "images": ImagesPanel,
    "logs": LogsPanel,
    "networks": NetworksPanel,
    "stats": StatsPanel,
    "terminal": TerminalPanel,
    "volumes": VolumesPanel,
}


class Shelf:
    """Opens panels of an engine, and closes all of them at the end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: list[Panel] = []

    def open(self, name: str, **options: Any) -> Panel:
        """Open a panel by its name: containers, events, images, logs, networks and so on.

        :param options: what that panel takes, such as ``container="web"`` for the logs.
        :raises CourseError: there is no such panel.
        """
        if name == "wire":
            panel: Panel = WirePanel(self._engine.docker, self._engine.raw)
        elif name == "gauge":  # of a registry, whose url is among the options
            panel = GaugePanel(**options)
        elif name == "progress":  # of the course, not of an engine; the options tell how far it is
            panel = ProgressPanel(**options)
        elif name == "swarm":  # of a cluster, whose managers may be among the options
            panel = SwarmPanel(**{"managers": [self._engine.endpoint], **options})
        elif name in _PANELS:
            panel = _PANELS[name](self._engine.endpoint, **options)
        else:
            known = ", ".join(sorted({*_PANELS, "gauge", "progress", "swarm", "wire"}))
            raise CourseError(f"There is no panel {name!r}.", hint=f"There are: {known}.")
        self._open = [one for one in self._open if not one.closed] + [panel]
        return panel

    def refresh(self) -> None:
        """After a reset the clients are others: record those, too."""
        for panel in self._open:
            if isinstance(panel, WirePanel) and not panel.closed:
                panel.record(self._engine.docker, self._engine.raw)

    def close(self) -> None:
        """Close all panels."""
        for panel in self._open:
            panel.close()
        self._open.clear()
