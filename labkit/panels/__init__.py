"""ipywidgets control panels, one file a panel.

The menu. Each is given an endpoint (the wire log: clients), shows itself as the last line of a
cell, and can be driven without a browser: ``panel.stop("web")`` does what the button does.
"""

from labkit.panels.containers import ContainersPanel
from labkit.panels.events import EventsPanel
from labkit.panels.gauge import GaugePanel
from labkit.panels.images import ImagesPanel
from labkit.panels.logs import LogsPanel
from labkit.panels.networks import NetworksPanel
from labkit.panels.progress import ProgressPanel
from labkit.panels.stats import StatsPanel
from labkit.panels.swarm import SwarmPanel
from labkit.panels.terminal import TerminalPanel
from labkit.panels.volumes import VolumesPanel
from labkit.panels.wire import WirePanel

__all__ = [
    "ContainersPanel",
    "EventsPanel",
    "GaugePanel",
    "ImagesPanel",
    "LogsPanel",
    "NetworksPanel",
    "ProgressPanel",
    "StatsPanel",
    "SwarmPanel",
    "TerminalPanel",
    "VolumesPanel",
    "WirePanel",
]
