"""The gauge panel, headless, on a real lab hub."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

from labkit import wait
from labkit.errors import LabError
from labkit.hub.hub import Hub
from labkit.hub.settings import ANONYMOUS
from labkit.panels.gauge import GaugePanel
from labkit.ratelimit import Limit

pytestmark = pytest.mark.engine

TEXT = "GaugePanel: what is left of this registry's pull limit, live"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """Start a hub with a small budget, and an account."""
    with Hub.start(limit=10, window="6h", accounts={"student": 40}, prefix=16) as hub:
        yield hub


@pytest.fixture(autouse=True)
def _nothing_spent(hub: Hub) -> None:
    hub.change(limit=10, window="6h")


def spend(hub: Hub, pulls: int) -> None:
    """Get a manifest so many times."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {hub.accounts[ANONYMOUS].token}"
        for _ in range(pulls):
            session.get(f"{hub.url}/v2/library/busybox/manifests/latest", timeout=20)


def shown(panel: GaugePanel) -> str:
    """Return all HTML on the panel."""
    found: list[str] = []

    def collect(widget: Any) -> None:
        found.append(str(getattr(widget, "value", "")))
        for child in getattr(widget, "children", ()):
            collect(child)

    collect(panel.widget)
    return " ".join(found)


def test_it_shows_what_is_left_and_for_whom(hub: Hub) -> None:
    """Number, limit, window and source are on the page; looking costs nothing."""
    spend(hub, 3)
    with GaugePanel(hub.url, interval=0) as panel:
        for _ in range(5):
            panel.look()
        assert panel.limit is not None
        assert (panel.limit.limit, panel.limit.remaining, panel.limit.window) == (10, 7, 21600)
        html = shown(panel)
        assert 'aria-label="7 of 10 left"' in html
        assert "6 hours" in html
        assert panel.limit.source in html
        assert panel.looks == 6


def test_it_follows_by_itself(hub: Hub) -> None:
    """What somebody else pulls is seen within an interval; the colour says how serious it is."""
    with GaugePanel(hub.url, interval=0.1) as panel:
        assert "lk-good" in shown(panel)
        spend(hub, 10)
        wait.until(
            lambda: 'aria-label="0 of 10 left"' in shown(panel), what="the gauge to be empty"
        )
        assert 'class="lk-bad"' in shown(panel)


def test_its_button_looks_at_once(hub: Hub) -> None:
    """The button does what look() does."""
    with GaugePanel(hub.url, interval=0) as panel:
        spend(hub, 1)
        panel.button.click()
        assert panel.limit is not None
        assert panel.limit.remaining == 9


def test_an_account_has_a_gauge_of_its_own(hub: Hub) -> None:
    """With name and password it shows the account's budget."""
    login = ("student", hub.accounts["student"].password)
    with GaugePanel(hub.url, account=login, interval=0) as panel:
        assert panel.limit == Limit(40, 40, 21600, "student")


def test_no_header_means_no_limit(hub: Hub) -> None:
    """A registry without a limit is shown as such."""
    hub.change(limit=None)
    with GaugePanel(hub.url, interval=0) as panel:
        assert panel.limit is None
        assert "no limit" in shown(panel)


def test_a_registry_that_is_away_is_waited_for() -> None:
    """While nobody answers, the panel says so; it keeps what it knew, and goes on asking."""
    hub = Hub.start(limit=5)
    with GaugePanel(hub.url, interval=0.1) as panel:
        try:
            assert panel.away == ""
        finally:
            hub.stop()
        wait.until(lambda: "The registry is away" in shown(panel), what="the panel to say so")
        assert panel.away
        assert panel.limit is not None
        assert panel.limit.remaining == 5


def test_what_a_registry_says_is_escaped() -> None:
    """The source is anybody's text."""
    evil = "<script>alert(1)</script>"
    with _hostile(evil) as url, GaugePanel(url, interval=0) as panel:
        assert panel.limit == Limit(5, 5, 60, evil)
        assert "<script>" not in shown(panel)
        assert "&lt;script&gt;" in shown(panel)


@contextlib.contextmanager
def _hostile(source: str) -> Iterator[str]:
    """Serve a registry that counts for somebody with a strange name."""

    class Registry(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:  # http.server's name
            self.send_response(200)
            self.send_header("ratelimit-limit", "5;w=60")
            self.send_header("ratelimit-remaining", "5;w=60")
            self.send_header("docker-ratelimit-source", source)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_its_text_never_changes(hub: Hub) -> None:
    """What nbval compares is the same, whatever is left."""
    with GaugePanel(hub.url, interval=0) as panel:
        assert repr(panel) == TEXT
        assert panel._repr_mimebundle_()["text/plain"] == TEXT
    assert repr(panel) == TEXT


def test_closing_ends_its_thread_and_leaves_a_picture(hub: Hub) -> None:
    """After close no thread is left, the last state stays on the page, and nothing is asked."""
    threads = set(threading.enumerate())
    panel = GaugePanel(hub.url, interval=0.05)
    assert any(one.name == "labkit-gauge" for one in threading.enumerate())
    panel.close()
    panel.close()
    assert set(threading.enumerate()) == threads
    assert 'aria-label="10 of 10 left"' in shown(panel)
    with pytest.raises(LabError, match="closed"):
        panel.look()
