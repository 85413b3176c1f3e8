"""Take the README's picture: a lesson in JupyterLab, run as far as its live panel.

Usage: .venv/bin/python scripts/screenshot.py [docs/lesson.png]
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from labkit import wait

ROOT = Path(__file__).parents[1]
LESSON = ROOT / "notebooks" / "01-list-containers.ipynb"
TOP, PANEL = "about-table-sorts", "panel"  # the cells that the picture begins and ends with
PATIENCE = 60.0  # seconds


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """Start the lab with a workspace and a home folder of its own; the URL of the lesson."""
    log = folder / "server.log"
    labkit = str(Path(sys.executable).with_name("labkit"))
    command = [labkit, "lab", f"--workspace={folder}/workspace", f"--course={LESSON.parent}"]
    with log.open("w") as said:
        server = subprocess.Popen(
            [*command, "--no-browser", "--port=0"],
            env={**os.environ, "HOME": str(folder)},
            stderr=said,
        )
    try:
        url = wait.until(
            lambda: re.search(r"http://\S+token=\w+", log.read_text()),
            what="JupyterLab's URL",
            timeout=PATIENCE,
        )
        yield re.sub(r"[\w-]+\.ipynb", LESSON.name, url.group())
    finally:
        server.terminate()
        server.wait(PATIENCE)


def run(page: Page) -> None:
    """Run the lesson as far as the panel, stop a container there, and scroll to the picture."""
    ids = [cell["id"] for cell in json.loads(LESSON.read_text())["cells"]]
    expect(page.locator(".jp-Cell")).to_have_count(len(ids))
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle")
    top, panel = (page.locator(".jp-Cell").nth(ids.index(name)) for name in (TOP, PANEL))
    panel.scroll_into_view_if_needed()
    panel.locator(".cm-line").first.click()
    for name in ("Run", "Run All Above Selected Cell"):
        page.get_by_role("menuitem", name=name, exact=True).click()
    panel.locator(".cm-line").first.click()
    page.keyboard.press("Control+Enter")
    worker = panel.locator(".lk-row", has_text="worker")
    worker.get_by_role("button", name="Stop").click()
    expect(worker.locator('[data-state="exited"]')).to_be_visible()
    top.evaluate("cell => cell.scrollIntoView({block: 'start'})")
    expect(panel.locator(".lk-outcome")).to_be_in_viewport(ratio=1)


def main() -> None:
    """Take the picture."""
    picture = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "lesson.png")
    expect.set_options(timeout=PATIENCE * 1000)
    with (
        tempfile.TemporaryDirectory() as folder,
        lab(Path(folder)) as url,
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        ) as browser,
    ):
        page = browser.new_page(viewport={"width": 1400, "height": 1020})
        page.goto(url)
        run(page)
        page.screenshot(path=picture, animations="disabled")
    print(f"{picture}: {picture.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
