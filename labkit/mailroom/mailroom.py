"""A mailroom on an engine: laid out by its plan, sent letters, taken away again."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from typing import Self

from labkit import wait
from labkit.archives import File, Folder
from labkit.errors import APIError
from labkit.mailroom import papers
from labkit.mailroom.journey import Journey, send
from labkit.mailroom.plan import IMAGE, STAMP, STATIONS, TLS, plan
from labkit.mailroom.station import Station
from labkit.raw import Client
from labkit.security.certificates import Authority

__all__ = ["Mailroom"]


class Mailroom:
    """Six containers, made by :meth:`open`.

    ``plan`` says what belongs to it, ``stamp`` is its secret, ``authority`` signs its certificates.
    """

    def __init__(
        self, client: Client, name: str, *, labels: Mapping[str, str] | None = None
    ) -> None:
        self.client = client
        self.name = name
        self.stamp = secrets.token_hex(12)
        self.authority = Authority(f"The authority of {name}")
        self.plan = plan(name, stamp=self.stamp, labels=labels)

    @classmethod
    def open(
        cls, client: Client, name: str = "mail", *, labels: Mapping[str, str] | None = None
    ) -> Self:
        """Lay out a mailroom on an engine, and return when its first letter is printed.

        An earlier one of that name is taken away.

        :param name: what all its names begin with.
        :param labels: labels for everything in it.
        :raises WaitTimeout: no letter comes through.
        """
        made = cls(client, name, labels=labels)
        try:
            made.renew()
        except BaseException:
            made.close()
            raise
        return made

    def __getitem__(self, station: str) -> Station:
        """The container of a station, such as ``gate``."""
        return Station(self.client, f"{self.name}-{station}")

    def lay_out(self) -> None:
        """Make what the plan says, and wait for the first letter to be printed.

        :raises WaitTimeout: no letter comes through.
        """
        for kind in ("networks", "volumes"):
            for name, body in self.plan[kind].items():
                self.client.post(f"/{kind}/create", json={"Name": name, **body})
        for station in STATIONS:
            self.make(station)
        wait.until(lambda: self.journey().arrived, what="the first letter", timeout=30)

    def make(self, station: str) -> None:
        """Make one of the containers, with its cables and its files, and start it."""
        name = f"{self.name}-{station}"
        body = self.plan["containers"][name]
        self.client.post("/containers/create", params={"name": name}, json=body)
        for network in self.plan["cables"][name][1:]:
            self.client.post(f"/networks/{network}/connect", json={"Container": name})
        if files := self._files(station):
            self[station].put(*files)
        self.client.post(f"/containers/{name}/start")

    def renew(self) -> None:
        """Take it away, with all its letters, and lay it out anew."""
        self.close()
        self.plan["containers"][f"{self.name}-press"]["Image"] = IMAGE
        self.lay_out()

    def journey(self, *, patience: float = 4.0) -> Journey:
        """Send a letter, and see how far it comes.

        :param patience: seconds that it may take from the store to the press.
        """
        return send(self.name, self.__getitem__, patience=patience)

    def close(self) -> None:
        """Take everything away whose name begins with the mailroom's."""
        ours = f"{self.name}-"
        for row in self.client.get("/containers/json", params={"all": True}).json():
            if any(name[1:].startswith(ours) for name in row["Names"]):
                self._remove(f"/containers/{row['Id']}", force=True, v=True)
        for network in self.client.get("/networks").json():
            if network["Name"].startswith(ours):
                self._remove(f"/networks/{network['Id']}")
        for volume in self.client.get("/volumes").json()["Volumes"] or []:
            if volume["Name"].startswith(ours):
                self._remove(f"/volumes/{volume['Name']}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Mailroom {self.name}>"

    def _remove(self, path: str, **params: bool) -> None:
        with contextlib.suppress(APIError):
            self.client.delete(path, params=params)

    def _files(self, station: str) -> list[File | Folder]:
        """What the plan does not say, for it is secret, or made anew each time."""
        host = f"{self.name}-gate"
        if station == "visitor":
            return [Folder(TLS[1:]), File(f"{TLS[1:]}/ca.pem", self.authority.pem)]
        if station == "gate":
            right = papers.filed(self.authority.server(host))
            return [*right, *papers.trays(self.authority, host)]
        if station == "clerk":
            return [Folder("run/secrets"), File(STAMP[1:], self.stamp.encode(), 0o400)]
        return []
