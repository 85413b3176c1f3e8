"""The panels of images, networks and volumes, headless, on a real engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit import wait
from labkit.engine.engine import Engine
from labkit.errors import BadForm, LabError
from labkit.live.progress import PullProgress
from labkit.panels import ImagesPanel, NetworksPanel, VolumesPanel
from labkit.panels.jobview import bars


@pytest.mark.engine
def test_networks(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """A network is created, shows who is in it, can't be removed then, and can be afterwards."""
    with NetworksPanel(engine.endpoint) as panel:
        assert panel.create(name, subnet="10.87.0.0/24", internal=True).status == 201
        row = wait.until(lambda: panel.find(name), what="the panel to follow")
        assert (row.subnets, row.internal) == (("10.87.0.0/24",), True)
        hand.run(f"{name}-c", HostConfig={"NetworkMode": name})
        wait.until(lambda: panel.used_by(name) == [f"{name}-c"], what="the panel to follow")
        panel.button(name, "remove").click()
        assert "active endpoints" in page(panel)
        assert "remove its containers first" in page(panel)
        hand.client.delete(f"/containers/{name}-c", params={"force": True})
        wait.until(lambda: panel.used_by(name) == [], what="the panel to follow")
        panel.button(name, "remove").click()
        wait.until(lambda: panel.find(name) is None, what="the panel to follow")


@pytest.mark.engine
def test_networks_of_the_engine_stay(engine: Engine) -> None:
    """Bridge, host and none can be inspected, and not be removed."""
    with NetworksPanel(engine.endpoint) as panel:
        for own in ("bridge", "host", "none"):
            assert panel.button(own, "remove").disabled
            assert not panel.button(own, "inspect").disabled


@pytest.mark.engine
def test_network_form(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """A field that can't be read is marked and named, and nothing is sent."""
    with NetworksPanel(engine.endpoint) as panel:
        panel.openers["New"].value = True
        panel.form.fill({"name": name, "subnet": "10.9.0.1/24"})
        panel.form.button.click()
        assert "&#x27;10.9.0.1/24&#x27; is no subnet." in page(panel)
        assert panel.form.wrong_field == "subnet"
        assert panel.find(name) is None
        panel.form.fill({"subnet": "10.88.0.0/24"})
        panel.form.button.click()
        assert not panel.form.wrong_field
        wait.until(lambda: panel.find(name), what="the panel to follow")
        assert panel.openers["New"].value is False
    assert hand


@pytest.mark.engine
def test_volumes(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """A volume is created, shows who uses it, can't be removed then, and can be afterwards."""
    with VolumesPanel(engine.endpoint) as panel:
        assert panel.create(name).status == 201
        wait.until(lambda: panel.find(name), what="the panel to follow")
        mount = {"Type": "volume", "Source": name, "Target": "/data"}
        hand.create(f"{name}-c", HostConfig={"Mounts": [mount]})
        wait.until(lambda: panel.used_by(name) == [f"{name}-c"], what="the panel to follow")
        assert panel.remove(name).status == 409
        assert "Remove the containers that use it first." in page(panel)
        hand.client.delete(f"/containers/{name}-c")
        assert panel.remove(name).ok
        wait.until(lambda: panel.find(name) is None, what="the panel to follow")


@pytest.mark.engine
def test_search_and_inspect(engine: Engine, hand: Any, name: str, page: Any) -> None:
    """The search leaves what has the words, and an inspect opens the table that all panels have."""
    for number in ("one", "two", "three"):
        hand.client.post("/volumes/create", json={"Name": f"{name}-{number}"})
    with VolumesPanel(engine.endpoint) as panel:
        panel.search = f"{name} one"
        assert [row.name for row in panel.rows] == [f"{name}-one"]
        with pytest.raises(LabError, match="shows no"):
            panel.button(f"{name}-two", "inspect")
        panel.button(f"{name}-one", "inspect").click()
        assert "Mountpoint" in page(panel)
        panel.search = "no such words"
        assert "No volume has these words." in page(panel)


@pytest.mark.engine
def test_build(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """A build shows a bar a step and what the steps say, and its image appears and goes."""
    with ImagesPanel(engine.endpoint) as panel:
        panel.openers["Build"].value = True
        dockerfile = "FROM busybox\nRUN echo '<b>hello</b>'\n"
        panel.build_form.fill({"tag": f"{name}:1", "dockerfile": dockerfile})
        panel.build_form.button.click()
        assert panel.job
        assert panel.job.wait(30)
        wait.until(lambda: panel.find(f"{name}:1"), what="the panel to follow")
        wait.until(lambda: f"Built {name}:1." in page(panel), what="the end to be told")
        shown = page(panel)
        assert shown.count("<progress") == 3, "all of it, and two steps"
        assert 'aria-label="Step 2"' in shown
        assert "&lt;b&gt;hello&lt;/b&gt;" in shown
        assert "<b>hello</b>" not in shown
        assert panel.remove(f"{name}:1").ok
        wait.until(lambda: panel.find(f"{name}:1") is None, what="the panel to follow")
    assert hand


@pytest.mark.engine
def test_failed_build(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """A step that fails is named, with what the engine says."""
    with ImagesPanel(engine.endpoint) as panel:
        panel.build(f"{name}:1", "FROM busybox\nRUN exit 7\n").wait(30)
        wait.until(lambda: "returned a non-zero code: 7" in page(panel), what="the error")
        assert "(failed)" in page(panel)
    assert hand


@pytest.mark.engine
def test_cancel(engine: Engine, hand: Any, name: str, page: Callable[[Any], str]) -> None:
    """A build that takes long is given up by its button; meanwhile no second one begins."""
    with ImagesPanel(engine.endpoint) as panel:
        job = panel.build(f"{name}:1", "FROM busybox\nRUN sleep 1000\n")
        wait.until(lambda: "Step 2" in page(panel), what="the step that takes long")
        with pytest.raises(LabError, match="not done yet"):
            panel.build(f"{name}:2", "FROM busybox\n")
        panel.job_view.cancel.click()
        assert job.wait(10)
        wait.until(lambda: "Cancelled." in page(panel), what="the panel to say so")
        assert panel.find(f"{name}:1") is None
    assert hand


@pytest.mark.engine
def test_close_cancels(engine: Engine, hand: Any, name: str) -> None:
    """A panel that is closed gives up what it has begun."""
    with ImagesPanel(engine.endpoint) as panel:
        job = panel.build(f"{name}:1", "FROM busybox\nRUN sleep 1000\n")
        wait.until(lambda: len(job.progress.parts) > 1, what="the step that takes long")
    assert job.wait(10)
    assert job.error
    assert hand


@pytest.mark.engine
def test_pull_form(engine: Engine, page: Callable[[Any], str]) -> None:
    """A name that can't be one is said at the field; an image that can't be had, by the engine."""
    with ImagesPanel(engine.endpoint) as panel:
        panel.openers["Pull"].value = True
        panel.pull_form.fill({"image": "two words"})
        panel.pull_form.button.click()
        assert "is no name of an image" in page(panel)
        with pytest.raises(BadForm):
            panel.pull("two words")
        panel.pull("127.0.0.1:1/nothing").wait(30)
        wait.until(lambda: "127.0.0.1:1/nothing:latest: " in page(panel), what="the error")


@pytest.mark.engine
def test_image_in_use(engine: Engine, hand: Any, name: str) -> None:
    """An image with two names, or a container, is removed by force only; who uses it is shown."""
    hand.create(name)
    with ImagesPanel(engine.endpoint) as panel:
        wait.until(lambda: name in panel.used_by("busybox"), what="the panel to follow")
        refused = panel.remove("busybox")
        assert (refused.status, refused.forcible) == (409, True)
        assert panel.find("busybox")


def test_bars_of_a_pull() -> None:
    """Each layer has a bar with its size, and a bar whose end is not known has no value."""
    progress = PullProgress("web:1")
    detail = {"current": 500_000, "total": 2_000_000}
    progress.feed({"id": "<a>", "status": "Downloading", "progressDetail": detail})
    progress.feed({"id": "b", "status": "Waiting", "progressDetail": {}})
    shown = bars(progress)
    assert 'value="0.125" aria-label="&lt;a&gt;"' in shown
    assert "Downloading 500.0 kB of 2.0 MB" in shown
    assert '<progress max="1" aria-label="b">' in shown
