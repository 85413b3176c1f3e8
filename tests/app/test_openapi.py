"""The OpenAPI document is true: whatever it allows or forbids is asked of the running app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import docker.errors
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode

from labkit.app.serve import App
from labkit.engine.engine import Engine

pytestmark = pytest.mark.engine

# A stream never ends, and a pull asks the network.
LEFT_OUT = ("/api/live", "/api/stats/stream", "/api/containers/{id}/logs/stream")
LEFT_OUT += ("/api/jobs/{job}/stream", "/api/images/pull")
THERE = "there"

# 502: Docker itself answered 500, as it does when the kernel lacks a driver for a network.
ALLOWED = {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", 502]}}

# Not all that a form's text has to be can be said in a schema: what it is not, is a 400.
UNTRUE = [schemathesis.checks.positive_data_acceptance]


@pytest.fixture(scope="module")
def doomed() -> Iterator[Engine]:
    """An engine where anything may be created and removed."""
    with Engine.start() as engine:
        yield engine


@pytest.fixture(scope="module")
def operations(doomed: Engine) -> Iterator[list[Any]]:
    """Every operation of the document, with the app that it describes."""
    with App(doomed.endpoint) as app:
        headers = {"Authorization": f"Bearer {app.token}"}
        config = schemathesis.Config.from_dict({"checks": ALLOWED})
        address = f"{app.origin}/openapi.json"
        schema = schemathesis.openapi.from_url(address, headers=headers, config=config)
        found = [one.ok() for one in schema.get_all_operations()]
        assert len(found) > 20
        yield [(app, one) for one in found if one.path not in LEFT_OUT]


def _put_back(engine: Engine) -> None:
    """Have a container, a network and a volume of one name, for what needs one that is there."""
    api = engine.docker.api
    with suppress(docker.errors.APIError):
        host = api.create_host_config(init=True)
        api.create_container("busybox", "sleep 1000", name=THERE, host_config=host)
        api.start(THERE)
    with suppress(docker.errors.APIError):
        api.create_network(THERE, check_duplicate=True)
    api.create_volume(THERE)


def _try(
    app: App, strategy: Any, *, examples: int, before: Callable[[], None] = lambda: None
) -> None:
    """Ask what the strategy makes up, and check each answer against the document."""

    @seed(3)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: Any) -> None:
        before()
        headers = {"Authorization": f"Bearer {app.token}"}
        case.call_and_validate(headers=headers, timeout=60, excluded_checks=UNTRUE)

    ask()


def _modes(operation: Any) -> list[GenerationMode]:
    """What is wrong can be asked only where something can be wrong."""
    takes = operation.path_parameters or operation.query or operation.body
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes else [])]


def test_what_is_there_is_answered_as_documented(operations: list[Any], doomed: Engine) -> None:
    """No made-up request about what is there, in whatever state, gets what is not documented."""
    for app, operation in operations:
        names = {one.name for one in operation.path_parameters} & {"id", "name"}
        if names and not operation.path.startswith("/api/images"):
            fixed = dict.fromkeys(names, THERE)
            strategy = operation.as_strategy(path_parameters=fixed)
            _try(app, strategy, examples=3, before=lambda: _put_back(doomed))


@pytest.mark.slow
def test_whatever_is_asked_for_long(operations: list[Any], doomed: Engine) -> None:
    """No made-up request, right or wrong, gets a 500, or what the document does not have."""
    for app, operation in operations:
        for mode in _modes(operation):
            _try(app, operation.as_strategy(mode), examples=50)
            _put_back(doomed)


def test_every_route_is_documented(operations: list[Any]) -> None:
    """Each route under /api is in the document, with a summary, and needs the token."""
    app, _ = operations[0]
    schema = app.wsgi.api_doc
    rules = {
        (method, rule.rule.replace("<path:", "{").replace("<", "{").replace(">", "}"))
        for rule in app.wsgi.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api")
    }
    documented = {
        (method.upper(), path)
        for path, item in schema["paths"].items()
        for method, one in item.items()
        if one["summary"] and "401" in one["responses"]
    }
    assert documented == rules
    assert schema["security"] == [{"token": []}]
