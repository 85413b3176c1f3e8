"""What a person types into a form to create a container, as the body of the API's request.

Each field is text, as the options of ``docker run`` are: what stands on lines of its own, or
between commas, is several.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from labkit.errors import BadForm

__all__ = ["FIELDS", "body", "name"]

FIELDS = ("image", "name", "command", "ports", "env", "mounts", "restart")
"""The fields of the form; all but ``image`` may be empty."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_PORT = re.compile(
    r"(?:(?:(?P<ip>[\d.]+|\[[\da-fA-F:]+\]):)?(?P<outside>\d*):)?(?P<inside>\d+)(?:/(?P<proto>\w+))?",
    re.ASCII,
)
_MOUNT = re.compile(r"(?P<source>[^:]+):(?P<target>/[^:]*)(?::(?P<mode>ro|rw))?")
_RESTART = re.compile(
    r"(?P<name>no|always|unless-stopped|on-failure)(?::(?P<count>\d+))?", re.ASCII
)
_PROTOCOLS = ("tcp", "udp", "sctp")
_HIGHEST_PORT = 65535


def name(form: Mapping[str, str]) -> str:
    """Return the name that a form asks for, or "" to let the engine make one up.

    :raises BadForm: no container can have such a name.
    """
    wanted = form.get("name", "").strip()
    if wanted and not (_NAME.fullmatch(wanted) and len(wanted) > 1):
        hint = "Use two or more letters, digits, dots, dashes and underscores; begin with no sign."
        raise BadForm(f"A container can't be called {wanted!r}.", field="name", hint=hint)
    return wanted


def body(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of ``POST /containers/create`` (API 1.25+) that a form asks for.

    :param form: text by field, of :data:`FIELDS`:
        ``command`` as in a shell; ``ports`` such as ``8080:80`` or ``127.0.0.1:5353:53/udp``;
        ``env`` such as ``KEY=value``; ``mounts`` such as ``data:/var/lib/data:ro``;
        ``restart`` such as ``on-failure:3``.
    :raises BadForm: a field can't be read; says which, and how it is written.
    """
    image = form.get("image", "").strip()
    if not re.fullmatch(r"\S+", image):
        raise BadForm("Which image?", field="image", hint="Such as busybox or busybox:latest.")
    name(form)
    ports = [_port(one) for one in _several(form, "ports")]
    mounts = [_mount(one) for one in _several(form, "mounts")]
    made: dict[str, Any] = {
        "Image": image,
        "Env": [_variable(one) for one in _lines(form, "env")],
        "ExposedPorts": {inside: {} for inside, _ in ports},
        "HostConfig": {
            "PortBindings": _bindings(ports),
            "Mounts": mounts,
            "RestartPolicy": _restart(form.get("restart", "")),
        },
    }
    if command := _command(form.get("command", "")):
        made["Cmd"] = command
    return made


def _lines(form: Mapping[str, str], field: str) -> list[str]:
    return [line.strip() for line in form.get(field, "").splitlines() if line.strip()]


def _several(form: Mapping[str, str], field: str) -> list[str]:
    return [one for one in re.split(r"[,\s]+", form.get(field, "").strip()) if one]


def _command(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as cause:
        hint = "A quotation mark that begins must end: sh -c 'echo hello'."
        raise BadForm(f"The command can't be read: {cause}.", field="command", hint=hint) from cause


def _port(text: str) -> tuple[str, dict[str, str]]:
    found = _matched(_PORT, text, "ports", "Write OUTSIDE:INSIDE, such as 8080:80, or 53:53/udp.")
    protocol = (found["proto"] or "tcp").lower()
    numbers = [int(found["inside"]), int(found["outside"] or 0)]
    if protocol not in _PROTOCOLS or not numbers[0] or max(numbers) > _HIGHEST_PORT:
        hint = f"Ports are 1 to {_HIGHEST_PORT}, protocols {', '.join(_PROTOCOLS)}."
        raise BadForm(f"There is no port {text!r}.", field="ports", hint=hint)
    outside = {"HostIp": (found["ip"] or "").strip("[]"), "HostPort": found["outside"] or ""}
    return f"{numbers[0]}/{protocol}", outside


def _bindings(ports: list[tuple[str, dict[str, str]]]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for inside, outside in ports:
        found.setdefault(inside, []).append(outside)
    return found


def _variable(text: str) -> str:
    return _matched(re.compile(r"[^=\s]+=.*"), text, "env", "Write KEY=value, one a line.")[0]


def _mount(text: str) -> dict[str, Any]:
    hint = "Write VOLUME:/folder or /folder/outside:/folder, with :ro at the end for read-only."
    found = _matched(_MOUNT, text, "mounts", hint)
    source = found["source"]
    return {
        "Type": "bind" if source.startswith("/") else "volume",
        "Source": source,
        "Target": found["target"],
        "ReadOnly": found["mode"] == "ro",
    }


def _restart(text: str) -> dict[str, Any]:
    hint = "Write no, always, unless-stopped or on-failure:3."
    found = _matched(_RESTART, text.strip() or "no", "restart", hint)
    return {"Name": found["name"], "MaximumRetryCount": int(found["count"] or 0)}


def _matched(pattern: re.Pattern[str], text: str, field: str, hint: str) -> re.Match[str]:
    if found := pattern.fullmatch(text):
        return found
    raise BadForm(f"{field}: {text!r} can't be read.", field=field, hint=hint)
