"""Private keys stay in their files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from labkit import raw, sdk, wire
from labkit.engine.engine import Engine
from labkit.security.certificates import Authority

ROOT = Path(__file__).parents[2]
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(\\n|\s)+[A-Za-z0-9+/]{40}")


def test_no_key_is_in_the_project() -> None:
    """No file of the repository, notebooks' outputs among them, has a private key in it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    assert len(files) > 100
    assert KEY.search(b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 64), "the pattern finds one"
    assert [file for file in files if file.is_file() and KEY.search(file.read_bytes())] == []


@pytest.mark.engine
def test_no_key_is_in_the_wire_log(tmp_path: Path) -> None:
    """What went over the wire is shown with the key's file name at most, by raw and by SDK."""
    authority = Authority()
    server = authority.server("localhost", "127.0.0.1")
    with Engine.start(server=server) as engine:
        endpoint = engine.reached_with(authority.client("rita").write(tmp_path / "rita"))
        client = sdk.client(endpoint)
        with raw.Client(endpoint) as by_hand, wire.record(by_hand, client) as log:
            by_hand.get("/version")
            client.ping()
        client.close()
        said = log.table().to_csv() + log.as_curl(0) + repr(log) + repr(endpoint)
    assert "/version" in said
    assert "PRIVATE" not in said
    secret = (tmp_path / "rita" / "key.pem").read_text().splitlines()[1]
    assert secret not in said
