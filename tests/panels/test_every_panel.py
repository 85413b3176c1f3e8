"""What is true of every panel, on a real engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

import labkit.panels
from labkit import wait
from labkit.endpoint import Endpoint
from labkit.engine.engine import Engine
from labkit.errors import LabError
from labkit.panels import (
    ContainersPanel,
    EventsPanel,
    GaugePanel,
    ImagesPanel,
    LogsPanel,
    NetworksPanel,
    StatsPanel,
    SwarmPanel,
    VolumesPanel,
    WirePanel,
)

FOLLOWING = (
    ContainersPanel,
    EventsPanel,
    ImagesPanel,
    LogsPanel,
    NetworksPanel,
    StatsPanel,
    VolumesPanel,
)
EVIL = "<img src=x onerror=alert(1)>\"'&"


def opened(kind: Any, engine: Engine) -> Any:
    """Open a panel of that kind on an engine."""
    return WirePanel(engine.raw) if kind is WirePanel else kind(engine.endpoint)


def says_away(panel: Any, page: Callable[[Any], str]) -> bool:
    """Whether a panel shows that its engine is away."""
    return "The engine is away" in page(panel)


def listeners(engine: Engine) -> int:
    """Return how many clients read the engine's events."""
    return int(engine.raw.get("/info").json()["NEventsListener"])


def test_the_menu_is_sorted_and_true() -> None:
    """The package offers each panel by name, in order."""
    assert sorted(labkit.panels.__all__) == labkit.panels.__all__
    assert {getattr(labkit.panels, name) for name in labkit.panels.__all__} >= {
        *FOLLOWING,
        GaugePanel,
        SwarmPanel,
        WirePanel,
    }


@pytest.mark.engine
@pytest.mark.parametrize("kind", [*FOLLOWING, WirePanel])
def test_close_leaves_nothing(
    kind: Any, engine: Engine, hand: Any, name: str, sockets: Any
) -> None:
    """A closed panel leaves no thread, no socket, and of its widgets the picture alone."""
    hand.run(name)
    hand.client.get("/version")
    threads, open_sockets, widgets = set(threading.enumerate()), sockets(), set(_instances)
    panel = opened(kind, engine)
    mine = set(threading.enumerate()) - threads
    assert mine
    assert all(one.name.startswith("labkit-") for one in mine)
    panel.close()
    panel.close()
    wait.until(lambda: set(threading.enumerate()) <= threads, what="the threads to end")
    assert sockets() <= open_sockets
    assert len(set(_instances) - widgets) == 5, "the root, the picture, their layouts and a style"


@pytest.mark.engine
@pytest.mark.parametrize("kind", [*FOLLOWING, WirePanel])
def test_text_is_stable(kind: Any, engine: Engine, hand: Any, name: str) -> None:
    """What nbval compares is the same whatever happens, and the view is a widget's."""
    with opened(kind, engine) as panel:
        before = repr(panel)
        hand.run(name)
        bundle = panel._repr_mimebundle_()
        assert bundle["text/plain"] == repr(panel) == before
        assert before.startswith(f"{kind.__name__}: ")
        view = bundle["application/vnd.jupyter.widget-view+json"]
        assert view["model_id"] == panel.widget.model_id


@pytest.mark.engine
@pytest.mark.parametrize("kind", FOLLOWING)
def test_one_stream(kind: Any, engine: Engine, hand: Any, name: str) -> None:
    """A panel reads the engine's events once, however many kinds of things it shows."""
    hand.run(name)
    wait.until(lambda: listeners(engine) == 0, what="the other tests' streams to end")
    with opened(kind, engine):
        wait.until(lambda: listeners(engine), what="its stream to begin")
        assert listeners(engine) == 1
    wait.until(lambda: listeners(engine) == 0, what="the stream to end")


@pytest.mark.engine
def test_engine_goes_and_comes(fresh_engine: Engine, page: Callable[[Any], str]) -> None:
    """While the engine is away each panel says so; reset, it is live again without a press."""
    with ExitStack() as stack:
        panels = [stack.enter_context(kind(fresh_engine.endpoint)) for kind in FOLLOWING]

        def live() -> bool:
            return all(not panel.away and "live · " in page(panel) for panel in panels)

        assert live()
        fresh_engine.reset()
        wait.until(live, what="the panels to be live")
        fresh_engine.stop()
        for panel in panels:
            wait.until(partial(says_away, panel, page), what="the panel to say so")


@pytest.mark.parametrize("kind", FOLLOWING)
def test_no_engine(kind: Any, tmp_path: Path, page: Callable[[Any], str]) -> None:
    """A panel for an engine that is not there opens, says so, and closes."""
    threads = set(threading.enumerate())
    with kind(Endpoint(unix=tmp_path / "docker.sock")) as panel:
        assert "there is no such socket" in page(panel)
    wait.until(lambda: set(threading.enumerate()) <= threads, what="the threads to end")


@pytest.mark.engine
@pytest.mark.parametrize("kind", FOLLOWING)
def test_hostile_text(kind: Any, engine: Engine, hand: Any, name: str, page: Any) -> None:
    """Labels, commands, variables and log lines are text on the page, never HTML."""
    script = f"printf '%s\\n' '{EVIL.replace(chr(39), '')}'; sleep 1000"
    labels = {EVIL: EVIL}
    hand.run(name, "sh", "-c", script, Labels=labels, Env=[f"EVIL={EVIL}"])
    hand.client.post("/networks/create", json={"Name": f"{name}-n", "Labels": labels})
    hand.client.post("/volumes/create", json={"Name": f"{name}-v", "Labels": labels})
    with kind(engine.endpoint) as panel:
        if kind in (NetworksPanel, VolumesPanel, ContainersPanel):
            suffix = {NetworksPanel: "-n", VolumesPanel: "-v"}.get(kind, "")
            assert panel.inspect(f"{name}{suffix}").ok
            assert "&lt;img" in page(panel)
        if kind is LogsPanel:
            panel.open(name)
            wait.until(lambda: "&lt;img" in page(panel), what="the line")
        hand.client.post(f"/containers/{name}/pause")
        wait.until(lambda: "live · " in page(panel), what="the panel to be live")
        assert "<img" not in page(panel)
    assert "<img" not in page(panel), "nor in the picture that is left"


@pytest.mark.engine
@pytest.mark.parametrize("kind", [*FOLLOWING, WirePanel])
def test_closed_panels_refuse(kind: Any, engine: Engine) -> None:
    """What would act on a closed panel says that it is closed."""
    panel = opened(kind, engine)
    panel.close()
    assert panel.closed
    acts: dict[Any, Callable[[], object]] = {
        ContainersPanel: lambda: panel.start("web"),
        ImagesPanel: lambda: panel.pull("busybox"),
        LogsPanel: lambda: panel.open("web"),
        NetworksPanel: lambda: panel.create("shop"),
        VolumesPanel: lambda: panel.remove("data"),
        WirePanel: lambda: panel.record(engine.docker),
    }
    if kind in acts:
        with pytest.raises(LabError, match="closed"):
            acts[kind]()


@pytest.mark.engine
@pytest.mark.parametrize("kind", [*FOLLOWING, WirePanel])
def test_everything_has_a_name(kind: Any, engine: Engine, hand: Any, name: str) -> None:
    """Each button and field has a word or a tooltip, for those who don't see its icon."""
    hand.run(name)

    def nameless(widget: Any) -> list[Any]:
        field = isinstance(widget, ipywidgets.Button | ipywidgets.ToggleButton | ipywidgets.Text)
        mine = [widget] if field and not (widget.description or widget.tooltip) else []
        return mine + [one for child in getattr(widget, "children", ()) for one in nameless(child)]

    with opened(kind, engine) as panel:
        assert nameless(panel.widget) == []
