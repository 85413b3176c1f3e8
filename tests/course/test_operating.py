"""A learner's panel, operated by the buttons in its rows."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import pytest

from labkit.course.operating import operated, press, row
from labkit.engine.engine import Engine
from labkit.errors import CourseError


def _row(*texts: str, buttons: tuple[str, ...] = ("Start", "Stop", "Remove")) -> widgets.HBox:
    labels = [widgets.Label(text) for text in texts]
    return widgets.HBox([*labels, *(widgets.Button(description=one) for one in buttons)])


def test_a_row_is_the_smallest_box_with_the_name_and_one_remove_button() -> None:
    """However deep it lies, and whatever else the panel says about that container."""
    web, worker = _row("web", "running"), _row("worker")
    message = widgets.HBox([widgets.Label("started web"), widgets.Button(description="Refresh")])
    panel = widgets.VBox([message, widgets.VBox([widgets.HBox([web]), worker])])
    assert row(panel, "web") is not None
    assert row(panel, "worker") is worker
    assert row(panel, "we") is None
    assert row(panel, "done") is None


def test_a_name_is_found_as_a_whole() -> None:
    """The row of web-2 is not that of web; tags around a name do not count."""
    longer = _row("web-2")
    tagged = widgets.HBox(
        [widgets.HTML("<b>web</b><i>up</i>"), widgets.Button(tooltip="Remove it", icon="trash")]
    )
    panel = widgets.VBox([longer, tagged])
    assert row(panel, "web") is tagged
    assert row(panel, "web-2") is longer


def test_buttons_are_pressed_by_what_they_say() -> None:
    """The description, or the tooltip where there is only a picture, in any letter case."""
    pressed: list[str] = []
    web = _row("web", buttons=("START", "Remove"))
    web.children[1].on_click(lambda button: pressed.append(button.description))
    panel = widgets.VBox([web])
    press(panel, "web", "start")
    assert pressed == ["START"]
    with pytest.raises(CourseError, match="no button Stop") as missing:
        press(panel, "web", "stop")
    assert "?" in missing.value.hint
    with pytest.raises(CourseError, match="no row for worker"):
        press(panel, "worker", "stop")


@pytest.mark.engine
def test_a_panel_is_made_once_with_a_client_that_is_closed(engine: Engine) -> None:
    """The judge asks several times about one panel; nothing is made before it asks."""
    clients: list[Any] = []

    def make_panel(client: Any) -> Any:
        clients.append(client)
        return widgets.VBox([_row("web", client.version()["ApiVersion"])])

    with operated(make_panel, engine.endpoint) as ask:
        assert clients == []
        assert ask("web")["row"].startswith("web 1.")
        assert ask("worker") == {"row": None}
        assert "no row" in ask("worker", "start")["unfit"]
    assert len(clients) == 1


@pytest.mark.engine
def test_what_is_no_panel_is_refused_in_a_tutors_words(engine: Engine) -> None:
    """It is an answer to the judge, not an exception."""
    with operated(lambda _: "panel", engine.endpoint) as ask:
        refused = ask("web")
    assert "no widget" in refused["unfit"]
    assert "?" in refused["question"]
