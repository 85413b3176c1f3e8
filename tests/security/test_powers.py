"""What a plugin could do to its host, and that nobody enables one that could."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labkit import raw
from labkit.archives import File, Folder, pack
from labkit.engine.engine import Engine
from labkit.errors import APIError
from labkit.security import powers
from labkit.security.guard import Guard
from labkit.security.plugin import TOKEN

JSON = dict[str, Any]
HARMLESS: JSON = {
    "Config": {
        "Network": {"Type": "bridge"}, "Linux": {"Capabilities": None, "Devices": None},
        "Mounts": [{"Type": "tmpfs", "Destination": "/scratch"}], "PropagatedMount": "/data",
    },
    "Settings": {"Mounts": [], "Devices": []},
}  # fmt: skip
POWERFUL: dict[str, JSON] = {
    "capabilities": {"Config": {"Linux": {"Capabilities": ["CAP_SYS_ADMIN"]}}},
    "devices": {"Config": {"Linux": {"AllowAllDevices": True}}},
    "the network host": {"Config": {"Network": {"Type": "host"}}},
    "the host's processes": {"Config": {"PidHost": True}},
    "the host's IPC": {"Config": {"IpcHost": True}},
    "mounts": {"Settings": {"Mounts": [{"Type": "bind", "Source": "/"}]}},
}
POLICY = """
unix = "learner"
[tokens]
secret = "judge"
[roles.judge]
allow = ["* /**"]
trusted = true
[roles.learner]
allow = ["GET /**", "POST /plugins/**/enable"]
"""


def test_a_plugin_that_wants_nothing_has_no_power() -> None:
    """A propagated mount and memory of its own are no power over the host."""
    assert powers.of(HARMLESS) == []
    assert powers.of({}) == []


@pytest.mark.parametrize("power", POWERFUL)
def test_each_power_is_named(power: str) -> None:
    """Whatever reaches the host is told by its name."""
    assert powers.of(POWERFUL[power]) == [power]


def _create(engine: raw.Client, name: str, **more: Any) -> None:
    config = {
        "description": "A test", "entrypoint": ["/nothing"],
        "interface": {"types": ["docker.volumedriver/1.0"], "socket": "x.sock"}, **more,
    }  # fmt: skip
    body = pack([
        File("config.json", json.dumps(config).encode()), Folder("rootfs", 0o755),
        File("rootfs/seed", name.encode()),
    ])  # fmt: skip
    kind = {"Content-Type": "application/x-tar"}
    engine.post("/plugins/create", params={"name": name}, data=body, headers=kind)


@pytest.mark.engine
def test_who_tells_the_secret_may_and_who_does_not_enables_no_power(fresh_engine: Engine) -> None:
    """The guard looks a plugin up before it is enabled; a token gives its role, a guess none."""
    engine = fresh_engine
    Guard.on(engine, POLICY)
    with raw.Client(engine.endpoint) as judge, raw.Client(engine.endpoint) as learner:
        judge.session.headers[TOKEN] = "secret"
        learner.session.headers[TOKEN] = "guessed"
        _create(judge, "mild")
        _create(judge, "strong", linux={"capabilities": ["CAP_SYS_ADMIN"]})
        with pytest.raises(APIError, match="no rule for POST /plugins/create"):
            _create(learner, "mine")
        with pytest.raises(APIError) as refused:
            learner.post("/plugins/strong/enable", params={"timeout": 5})
        assert refused.value.status == 403
        assert "power over its host: capabilities" in refused.value.explanation
        with pytest.raises(APIError) as tried:  # it has no program, as the engine finds out itself
            learner.post("/plugins/mild/enable", params={"timeout": 5})
        assert tried.value.status != 403
        with pytest.raises(APIError) as missing:
            learner.post("/plugins/nobody/enable", params={"timeout": 5})
        assert missing.value.status == 404
