"""What a lab changes in the kernel that it runs in, and changes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython

# DOCKER_HOST is ours to set; the others would turn docker.from_env() or the CLI elsewhere.
POINTERS = (
    "DOCKER_HOST",
    "DOCKER_SOCK",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "DOCKER_CONTEXT",
    "DOCKER_API_VERSION",
    "LABKIT_HOST",
    "LABKIT_CERT_PATH",
)

Environment = dict[str, str | None]
Explainer = Callable[[BaseException], None]
_hooked: list[Callable[[Any], None]] = []


def point_at(socket: Path) -> Environment:
    """Point this process, and what it starts, at an engine; what stood there before."""
    before = {name: os.environ.get(name) for name in POINTERS}
    restore(variables(socket))
    return before


def variables(socket: Path) -> Environment:
    """The environment that points Docker's clients at an engine, the host engine still known."""
    host = os.environ.get("LABKIT_HOST") or os.environ.get("DOCKER_HOST")
    certificates = os.environ.get("LABKIT_CERT_PATH") or os.environ.get("DOCKER_CERT_PATH")
    unset: Environment = dict.fromkeys(POINTERS)
    return unset | {
        "DOCKER_HOST": f"unix://{socket}",
        "DOCKER_SOCK": str(socket),
        "LABKIT_HOST": host,
        "LABKIT_CERT_PATH": certificates if host else None,
    }


def restore(environment: Environment) -> None:
    """Set or unset variables of this process."""
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def on_error(explain: Explainer | None) -> None:
    """Have ``explain`` called after a cell that raised; None ends that. Nothing outside IPython."""
    shell = get_ipython()
    if shell is None:
        return
    for hooked in _hooked:
        shell.events.unregister("post_run_cell", hooked)
    _hooked.clear()
    if explain is not None:

        def after(result: Any) -> None:
            if result.error_in_exec is not None:
                explain(result.error_in_exec)

        shell.events.register("post_run_cell", after)
        _hooked.append(after)
