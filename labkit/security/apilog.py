"""dockerd's own record of API calls: what it writes with ``--debug``, read line by line.

Up to Docker 27 a line says ``Calling GET /path``, later ``handling GET request`` with fields.
What a client sent as body is in the log, too; it is left there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["calls"]

_FIELD = re.compile(r'([\w-]+)=("(?:[^"\\]|\\.)*"|\S*)')
_CALLING = re.compile(r"Calling ([A-Z]+) (\S+)$")
_HANDLING = re.compile(r"handling [A-Z]+ request$")
_FAILED = re.compile(r"Handler for ([A-Z]+) (\S+) returned error: (.*)", re.DOTALL)
_ANSWERED = re.compile(r"error response for [A-Z]+ request$")


def calls(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Read each API call: time (RFC 3339), method, path, and error and status where it failed.

    A call comes out when the next one like it begins, or at the end; lines that are something
    else, or that are broken off, are passed over.
    """
    open_calls: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        fields = {name: _plain(value) for name, value in _FIELD.findall(line)}
        said = fields.get("msg", "")
        if begun := _begun(said, fields):
            if before := open_calls.pop(begun, None):
                yield before
            method, path = begun
            open_calls[begun] = {
                "time": fields.get("time", ""), "method": method, "path": path,
                "error": "", "status": None,
            }  # fmt: skip
        elif failed := _FAILED.match(said):
            if call := open_calls.get((failed[1], failed[2])):
                call["error"] = failed[3]
        elif _ANSWERED.match(said):
            call = open_calls.get((fields.get("method", ""), fields.get("request-url", "")))
            if call and fields.get("status", "").isdecimal():
                call["status"] = int(fields["status"])
    yield from open_calls.values()


def _begun(said: str, fields: dict[str, str]) -> tuple[str, str] | None:
    if found := _CALLING.match(said):
        return found[1], found[2]
    if _HANDLING.match(said):
        return fields.get("method", ""), fields.get("request-url", "")
    return None


def _plain(value: str) -> str:
    """A field without its quotes; Go's few escapes that JSON lacks stay as they are written."""
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value[1:-1]
