"""What a plugin could do to the engine's machine once it is enabled, as the engine describes it.

A request to enable one names it and no more, so the authorization plugin looks it up. It runs this
module inside the engine's container, so it needs nothing but Python itself.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

__all__ = ["of", "refusal"]

_ENABLE = re.compile(r"(?:/v[0-9.]+)?/plugins/(.+)/enable")
_TIMEOUT = 5.0  # seconds
_HARMLESS = {"", "none", "null", "bridge"}


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(str(self._path))


def refusal(path: str, engine: Path) -> str:
    """Why a request that enables a plugin may not pass; empty where it may, or is another one.

    :param path: of the request, without its query.
    :param engine: the engine's own socket.
    """
    found = _ENABLE.fullmatch(unquote(path))
    if not found:
        return ""
    connection = _Connection(engine)
    try:
        connection.request("GET", f"/plugins/{quote(found[1])}/json")
        answer = connection.getresponse()
        described = json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"nobody could tell what the plugin may do: {error}"
    finally:
        connection.close()
    if answer.status != http.client.OK:  # there is no such plugin: the engine says so itself
        return ""
    powers = of(described)
    return f"the plugin has power over its host: {', '.join(powers)}" if powers else ""


def of(described: dict[str, Any]) -> list[str]:
    """What power a plugin has over its host, by ``GET /plugins/{name}/json`` (API 1.25+)."""
    config, settings = described.get("Config") or {}, described.get("Settings") or {}
    linux = config.get("Linux") or {}
    kind = (config.get("Network") or {}).get("Type") or ""
    mounts = [*(config.get("Mounts") or []), *(settings.get("Mounts") or [])]
    found = {
        "capabilities": linux.get("Capabilities"),
        "devices": linux.get("AllowAllDevices") or linux.get("Devices") or settings.get("Devices"),
        f"the network {kind}": kind not in _HARMLESS,
        "the host's processes": config.get("PidHost"),
        "the host's IPC": config.get("IpcHost"),
        "mounts": [one for one in mounts if one.get("Type") != "tmpfs"],
    }
    return [name for name, there in found.items() if there]
