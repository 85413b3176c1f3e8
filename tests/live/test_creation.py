"""The create form: text in, the body of the request out."""

from __future__ import annotations

from contextlib import suppress
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.engine.engine import Engine
from labkit.errors import BadForm
from labkit.live import actions, creation


def test_all_fields() -> None:
    """Each field arrives where the API wants it."""
    form = {
        "image": " busybox ",
        "name": "web",
        "command": "sh -c 'echo hello'",
        "ports": "8080:80, 127.0.0.1:5353:53/udp\n9000",
        "env": "A=1\nB=two words=yes\n",
        "mounts": "data:/data:ro\n/srv:/host",
        "restart": "on-failure:3",
    }
    assert creation.name(form) == "web"
    assert creation.body(form) == {
        "Image": "busybox",
        "Cmd": ["sh", "-c", "echo hello"],
        "Env": ["A=1", "B=two words=yes"],
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "9000/tcp": {}},
        "HostConfig": {
            "PortBindings": {
                "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
                "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
                "9000/tcp": [{"HostIp": "", "HostPort": ""}],
            },
            "Mounts": [
                {"Type": "volume", "Source": "data", "Target": "/data", "ReadOnly": True},
                {"Type": "bind", "Source": "/srv", "Target": "/host", "ReadOnly": False},
            ],
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
        },
    }


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("image", ""),
        ("image", "two words"),
        ("name", "-web"),
        ("name", "x"),
        ("name", "a/b"),
        ("command", "sh -c 'echo"),
        ("ports", "http"),
        ("ports", "80:0"),
        ("ports", "99999:80"),
        ("ports", "80/http"),
        ("ports", "٨٠:80"),
        ("env", "KEY"),
        ("env", "=value"),
        ("mounts", "data"),
        ("mounts", "data:relative"),
        ("mounts", "data:/x:rx"),
        ("restart", "sometimes"),
    ],
)
def test_a_bad_field_is_named(field: str, text: str) -> None:
    """What can't be read is refused with the field's name and how to write it."""
    with pytest.raises(BadForm) as error:
        creation.body({"image": "busybox", field: text})
    assert error.value.field == field
    assert error.value.hint


@given(st.dictionaries(st.sampled_from(creation.FIELDS), st.text()))
def test_any_text_is_read_or_refused(form: dict[str, str]) -> None:
    """Whatever is typed, there is a body or a clear refusal, never another error."""
    with suppress(BadForm):
        assert creation.body(form)["Image"]


@pytest.mark.engine
def test_the_engine_takes_it(engine: Engine) -> None:
    """A real engine makes the container that the form describes."""
    name = f"form-{uuid4().hex[:8]}"
    form = {
        "image": "busybox", "name": name, "command": "sleep 600", "ports": "80\n[::1]:0:81",
        "env": "A=1", "mounts": f"{name}:/data", "restart": "always",
    }  # fmt: skip
    outcome = actions.create(engine.endpoint, form)
    assert outcome.ok, outcome
    assert outcome.attrs
    container = engine.docker.containers.get(outcome.attrs["Id"])
    try:
        assert container.name == name
        assert container.attrs["Config"]["Cmd"] == ["sleep", "600"]
        assert container.attrs["Mounts"][0]["Name"] == name
        assert container.attrs["HostConfig"]["RestartPolicy"]["Name"] == "always"
    finally:
        container.remove(force=True)
        engine.docker.volumes.get(name).remove()


@pytest.mark.engine
def test_a_refusal_is_told(engine: Engine) -> None:
    """An image that is not there is told in Docker's words; a bad form is not even sent."""
    missing = actions.create(engine.endpoint, {"image": "nobody/has:this"})
    assert (missing.status, missing.ok) == (404, False)
    assert "nobody/has:this" in missing.text
    bad = actions.create(engine.endpoint, {"image": "busybox", "ports": "x"})
    assert (bad.status, bad.ok) == (0, False)
    assert "not sent" in bad.request
