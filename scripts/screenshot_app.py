"""Take the README's picture of the management app, with a few containers on a fresh engine.

Usage: .venv/bin/python scripts/screenshot_app.py [docs/app.png]
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from labkit.app.serve import App
from labkit.engine.engine import Engine

PICTURE = Path(__file__).parents[1] / "docs" / "app.png"
SLEEP = ["sleep", "600"]


def furnish(engine: Engine) -> None:
    """Run what is worth a look: healthy, paused, ended, never started."""
    health = {"test": ["CMD", "true"], "interval": 10**9}
    some: dict[str, dict[str, Any]] = {
        "web": {"ports": {"80/tcp": 8080}, "healthcheck": health},
        "db": {"volumes": ["data:/var/lib/db"]},
        "cache": {},
        "report": {"command": ["sh", "-c", "exit 3"]},
        "worker": {},
    }
    run = engine.docker.containers.run
    for name, options in some.items():
        run("busybox", **{"command": SLEEP, "name": name, "detach": True, **options})
    engine.docker.containers.get("cache").pause()
    engine.docker.containers.create("hello-world", name="hello")


def main() -> None:
    """Take the picture."""
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    with (
        Engine.start() as engine,
        App(engine.endpoint) as app,
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        ) as browser,
    ):
        furnish(engine)
        page = browser.new_page(viewport={"width": 1200, "height": 640})
        page.goto(app.url)
        expect(page.locator("main tbody tr")).to_have_count(6)
        expect(page.get_by_text("healthy", exact=True)).to_be_visible()
        page.screenshot(path=picture, animations="disabled")
        engine.docker.containers.get("cache").unpause()
    print(f"{picture}: {picture.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
