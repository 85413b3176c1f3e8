"""The live panel of an engine's volumes: which containers use them, create, remove."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar

import ipywidgets

from labkit.endpoint import Endpoint
from labkit.live import actions
from labkit.live.actions import Outcome
from labkit.live.container import ContainerRow
from labkit.live.things import VolumeRow, volumes
from labkit.panels.form import Form
from labkit.panels.rows import Line, cell, cells
from labkit.panels.things import Kind, ThingsPanel

__all__ = ["VolumesPanel"]


class VolumesPanel(ThingsPanel[VolumeRow]):
    """The volumes of an engine, live, and the containers that use each; create and remove.

    :param endpoint: where the engine listens.
    """

    text: ClassVar[str] = "VolumesPanel: the volumes of this engine, live"
    kind: ClassVar[Kind] = Kind(
        "volume",
        ("Name", "Driver", "Created", "Used by"),
        used="Remove the containers that use it first.",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        fields = {
            "name": ipywidgets.Text(description="Name", placeholder="one is made up when empty"),
            "driver": ipywidgets.Text(description="Driver", value="local"),
        }
        self.form = Form(fields, "Create", "plus", self._press_create)
        super().__init__(endpoint, volumes(), forms=[("New", "plus", self.form)])

    def create(self, name: str = "", *, driver: str = "local") -> Outcome:
        """Create a volume: ``POST /volumes/create``; one that is there already is no error."""
        body = {"Name": name.strip(), "Driver": driver.strip() or "local"}
        ask = partial(actions.ask, self._endpoint, "POST", "/volumes/create", json=body)
        return self._do("Creating a volume…", partial(ask, done=f"Created {name or 'a volume'}."))

    def _press_create(self) -> None:
        if self.create(**self.form.values).ok:
            self.openers["New"].value = False
            self.form.fill({"name": ""})

    def _uses(self, container: ContainerRow, row: VolumeRow) -> bool:
        return row.name in container.volumes

    def _line(self, row: VolumeRow, users: Sequence[str]) -> Line:
        created = datetime.fromtimestamp(row.created).astimezone() if row.created else None
        written = cells(
            (
                cell(row.name, kind="lk-name", title=f"{row.name} at {row.mountpoint}"),
                cell(row.driver),
                cell(f"{created:%Y-%m-%d %H:%M}" if created else "", kind="lk-quiet"),
                cell(", ".join(users)),
            )
        )
        return Line(row.id, row.name, written, frozenset({"inspect", "remove"}))
