"""Lesson 04 in the browser: the learner's own app and panel do what their buttons say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import LabServer, Notebook

pytestmark = [pytest.mark.engine, pytest.mark.slow]

LESSON = "04-management-app"
SOLVED = Path(__file__).parents[2] / "notebooks" / f"{LESSON}.ipynb"


def solve(mine: Path) -> None:
    """Write the answers into a learner's copy, as somebody does who has worked on it before."""
    answers = {cell["id"]: cell["source"] for cell in json.loads(SOLVED.read_text())["cells"]}
    lesson = json.loads(mine.read_text())
    for cell in lesson["cells"]:
        if cell["id"].startswith("solution-"):
            cell["source"] = answers[cell["id"]]
    mine.write_text(json.dumps(lesson))


@pytest.fixture(scope="module")
def lesson(running_lab: LabServer, open_lesson: Callable[[str], Notebook]) -> Notebook:
    """The lesson with a learner's answers in it, run to its end but for the last cell."""
    solve(running_lab.workspace / f"{LESSON}.ipynb")
    lesson = open_lesson(LESSON)
    lesson.run_to("panel")
    expect(lesson.cell("panel").locator(".lk-row")).to_have_count(2)
    return lesson


def own_row(lesson: Notebook, name: str) -> Locator:
    """A row of the learner's own panel."""
    return lesson.cell("see-panel").locator(".widget-hbox").filter(has_text=name)


def test_every_exercise_passes(lesson: Notebook) -> None:
    """With right answers each check says well done."""
    for check in ("list-route", "action-routes", "error-statuses", "own-panel", "guard"):
        expect(lesson.cell(f"check-{check}")).to_contain_text(f"✓ {check}")


def test_a_press_in_ones_own_panel(lesson: Notebook) -> None:
    """Start and Stop act on the container; the own panel and labkit's both say so."""
    live = lesson.cell("panel").locator(".lk-row", has_text="worker")
    expect(own_row(lesson, "worker")).to_contain_text("worker exited")
    own_row(lesson, "worker").get_by_role("button", name="Start").click()
    expect(own_row(lesson, "worker")).to_contain_text("worker running")
    expect(live.locator('[data-state="running"]')).to_be_visible()
    own_row(lesson, "worker").get_by_role("button", name="Stop").click()
    expect(own_row(lesson, "worker")).to_contain_text("worker exited")
    expect(live.locator('[data-state="exited"]')).to_be_visible()


def test_the_guarded_app_in_a_browser(lesson: Notebook, new_page: Callable[[], Page]) -> None:
    """The address that the lesson shows leads to the learner's own app, which wants its token."""
    lesson.cell("serve-list").scroll_into_view_if_needed()
    address = lesson.cell("serve-list").get_by_role("link", name="/containers", exact=True)
    page = new_page()
    answer = page.goto(str(address.get_attribute("href")))
    assert answer
    assert answer.status == 401
    expect(page.locator("body")).to_contain_text("Tell the token")
