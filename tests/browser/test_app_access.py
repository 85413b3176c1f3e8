"""The web app for everybody: names for screen readers, contrast, narrow screens, both themes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from labkit.app.serve import App

if TYPE_CHECKING:
    from tests.browser.conftest import Run, Screen

pytestmark = pytest.mark.engine

CONTRAST = Path(__file__).with_name("contrast.js").read_text()
VIEWS = ("Containers", "Stats", "Images", "Networks", "Volumes", "Events", "Requests")
NAMED = {
    *("button", "checkbox", "combobox", "dialog", "img", "link", "listbox", "log", "navigation"),
    *("progressbar", "radio", "searchbox", "spinbutton", "table", "textbox"),
}
DIALOGS = (("Containers", "Create"), ("Images", "Pull"), ("Images", "Build"), ("Volumes", "Create"))
TABS = {"Logs": ".line", "Inspect": "td.key", "Stats": "figure .big"}
Visit = Callable[[Callable[[str], None]], None]


@pytest.fixture
def visit(screen: Screen, run: Run) -> Visit:
    """Return what goes through all views and dialogs, and does something at each."""
    run("web", "sh", "-c", "echo hello; echo oh >&2; sleep 600")
    run("off", "true", running=False)

    def through(look: Callable[[str], None]) -> None:
        for view in VIEWS:
            screen.view(view)
            look(view)
        for view, button in DIALOGS:
            screen.view(view)
            screen.press(button)
            expect(screen.dialog).to_be_visible()
            look(f"{view}: {button}")
            screen.page.keyboard.press("Escape")
        screen.view("Containers")
        screen.row("web").get_by_role("link", name="web").click()
        for tab, content in TABS.items():
            screen.page.get_by_label("About this container").get_by_role("link", name=tab).click()
            expect(screen.page.locator(content).first).to_be_visible()
            look(f"web: {tab}")

    return through


def nameless(page: Page) -> list[str]:
    """What a screen reader could only call by its kind, as the browser itself computes names."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [_role(node) for node in nodes if _role(node) in NAMED and not _name(node)]


def _role(node: dict[str, Any]) -> str:
    return "" if node["ignored"] else str(node["role"]["value"])


def _name(node: dict[str, Any]) -> str:
    return str(node.get("name", {}).get("value", "")).strip()


def test_everything_has_a_name(screen: Screen, visit: Visit) -> None:
    """Each button, field, link, table and dialog says what it is."""
    found: dict[str, list[str]] = {}
    visit(lambda place: found.update({place: nameless(screen.page)}))
    assert {place: names for place, names in found.items() if names} == {}


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_everything_can_be_read(screen: Screen, visit: Visit, theme: str) -> None:
    """All text has a contrast of 4.5 at least, in both themes."""
    screen.page.emulate_media(color_scheme="light" if theme == "light" else "dark")
    expect(screen.page.locator(f"html[data-theme={theme}]")).to_be_visible()
    found: dict[str, list[str]] = {}
    visit(lambda place: found.update({place: screen.page.evaluate(CONTRAST)}))
    assert {place: texts for place, texts in found.items() if texts} == {}


@pytest.mark.slow
def test_a_narrow_screen_is_enough(screen: Screen, visit: Visit) -> None:
    """At 360 pixels nothing sticks out of the page, and buttons are where a thumb gets them."""
    screen.page.set_viewport_size({"width": 360, "height": 740})
    wide = "document.documentElement.scrollWidth"
    found: dict[str, int] = {}
    visit(lambda place: found.update({place: screen.page.evaluate(wide)}))
    assert {place: width for place, width in found.items() if width > 360} == {}
    screen.view("Containers")
    screen.press("Stop web")
    expect(screen.said).to_contain_text("Stopped web.")


def test_the_theme_can_be_chosen(blank: Screen, app: App) -> None:
    """The button goes from the system's choice to light and to dark, and a reload keeps it."""
    screen = blank.open(app)
    html = screen.page.locator("html")
    toggle = screen.page.get_by_role("button", name="Colours")
    expect(toggle).to_have_accessible_name("Colours: As the system. Press to change.")
    toggle.click()
    toggle.click()
    expect(html).to_have_attribute("data-theme", "dark")
    screen.page.reload()
    expect(html).to_have_attribute("data-theme", "dark")
    expect(toggle).to_have_accessible_name("Colours: Dark. Press to change.")


def test_the_place_is_told(screen: Screen, run: Run) -> None:
    """The open view is marked, the title names it and the engine, and Back goes back."""
    run("web")
    views = screen.page.get_by_label("Views")
    expect(views.get_by_role("link", name="Containers")).to_have_attribute("aria-current", "page")
    screen.view("Images")
    expect(views.locator("[aria-current]")).to_contain_text("Images")
    assert screen.page.title().startswith("Images · Docker ")
    screen.page.go_back()
    screen.row("web").get_by_role("link", name="web").click()
    expect(screen.page.get_by_role("heading", level=1)).to_be_focused()
    assert screen.page.title().startswith("web · Docker ")
