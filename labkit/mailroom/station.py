"""One container of a mailroom, from outside: its state, its log, its files, and programs in it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from labkit import archives, streams
from labkit.errors import NotFound
from labkit.raw import Client

__all__ = ["Station"]


@dataclass(frozen=True)
class Station:
    """A container, by its name; it need not be there."""

    client: Client
    name: str

    @property
    def state(self) -> dict[str, Any]:
        """``State`` of its inspect; empty where there is no such container."""
        with contextlib.suppress(NotFound):
            return dict(self.client.get(f"/containers/{self.name}/json").json()["State"])
        return {}

    @property
    def log(self) -> str:
        """What it has said so far, on both streams."""
        with contextlib.suppress(NotFound):
            params = {"stdout": True, "stderr": True}
            answer = self.client.get(f"/containers/{self.name}/logs", params=params)
            return _text(answer.content)
        return ""

    def run(self, script: str) -> str:
        """Have a shell in it do something, and return what it says.

        :raises APIError: it is not there, or does not run.
        """
        body = {"Cmd": ["sh", "-c", script], "AttachStdout": True, "AttachStderr": True}
        made = self.client.post(f"/containers/{self.name}/exec", json=body).json()["Id"]
        return _text(self.client.post(f"/exec/{made}/start", json={}).content)

    def files(self, path: str) -> dict[str, bytes]:
        """The plain files in a folder of it, by path; none where there is no such folder."""
        with contextlib.suppress(NotFound):
            params = {"path": f"{path}/."}
            tar = self.client.get(f"/containers/{self.name}/archive", params=params).content
            return {
                name.removeprefix("./"): content for name, content in archives.unpack(tar).items()
            }
        return {}

    def put(self, *entries: archives.File | archives.Folder) -> None:
        """Put files into it; their names begin at its root.

        :raises APIError: it is not there.
        """
        tar, params = archives.pack(entries), {"path": "/"}
        self.client.put(f"/containers/{self.name}/archive", params=params, data=tar)


def _text(content: bytes) -> str:
    return b"".join(frame.data for frame in streams.frames([content])).decode(errors="replace")
