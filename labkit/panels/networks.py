"""The live panel of an engine's networks: which containers are in them, create, remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from ipaddress import ip_network
from typing import Any, ClassVar

import ipywidgets

from labkit.endpoint import Endpoint
from labkit.errors import BadForm
from labkit.live import actions
from labkit.live.actions import Outcome
from labkit.live.container import ContainerRow
from labkit.live.things import NetworkRow, networks
from labkit.panels.form import Form, unsent
from labkit.panels.frame import box
from labkit.panels.rows import Line, cell, cells
from labkit.panels.things import Kind, ThingsPanel

__all__ = ["NetworksPanel"]

_DRIVERS = ("bridge", "macvlan", "ipvlan", "overlay")


class NetworksPanel(ThingsPanel[NetworkRow]):
    """The networks of an engine, live, and the containers in each; create and remove.

    :param endpoint: where the engine listens.
    """

    text: ClassVar[str] = "NetworksPanel: the networks of this engine, live"
    kind: ClassVar[Kind] = Kind(
        "network",
        ("Name", "Driver", "Subnet", "Internal", "Containers"),
        used="Disconnect or remove its containers first.",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self.internal = box(
            ipywidgets.Checkbox(description="internal: no way out", indent=False), "lk-option"
        )
        fields = {
            "name": ipywidgets.Text(description="Name", placeholder="shop"),
            "driver": ipywidgets.Dropdown(description="Driver", options=_DRIVERS),
            "subnet": ipywidgets.Text(description="Subnet", placeholder="10.9.0.0/24, or empty"),
        }
        self.form = Form(fields, "Create", "plus", self._press_create, options=[self.internal])
        super().__init__(endpoint, networks(), forms=[("New", "plus", self.form)])

    def create(
        self, name: str, *, driver: str = "bridge", subnet: str = "", internal: bool = False
    ) -> Outcome:
        """Create a network: ``POST /networks/create``.

        :param subnet: such as ``10.9.0.0/24``; the engine chooses one when it is empty.
        :param internal: without a way to the outside.
        """
        try:
            body = _body(name.strip(), driver, subnet.strip(), internal=internal)
        except BadForm as error:
            return self._refuse(error, {"name": name, "driver": driver, "subnet": subnet})
        self.form.right()
        ask = partial(actions.ask, self._endpoint, "POST", "/networks/create", json=body)
        return self._do(f"Creating {name}…", partial(ask, done=f"Created {name}."))

    def _refuse(self, error: BadForm, form: Mapping[str, str]) -> Outcome:
        """Say at the field what is wrong with it; nothing was sent."""
        with self._lock:
            self._require_open()
            self.outcome = unsent("POST /networks/create", error)
            self.openers["New"].value = True
            self.form.fill(form)
            self.form.wrong(error)
            return self.outcome

    def _press_create(self) -> None:
        if self.create(**self.form.values, internal=self.internal.value).ok:
            self.openers["New"].value = False
            self.form.fill({"name": "", "subnet": ""})

    def _uses(self, container: ContainerRow, row: NetworkRow) -> bool:
        return row.name in container.networks

    def _line(self, row: NetworkRow, users: Sequence[str]) -> Line:
        written = cells(
            (
                cell(row.name, kind="lk-name", title=f"{row.name}, id {row.id[:12]}"),
                cell(row.driver),
                cell(", ".join(row.subnets)),
                cell("internal" if row.internal else "", kind="lk-quiet"),
                cell(", ".join(users), kind="" if row.own else "lk-quiet"),
            )
        )
        enabled = {"inspect", "remove"} if row.own else {"inspect"}
        return Line(row.id, row.name, written, frozenset(enabled))


def _body(name: str, driver: str, subnet: str, *, internal: bool) -> dict[str, Any]:
    if not name:
        raise BadForm("A network needs a name.", field="name", hint="Such as shop.")
    body: dict[str, Any] = {
        "Name": name, "Driver": driver, "Internal": internal,
        "CheckDuplicate": True,  # before API 1.44 a second one of the same name is made otherwise
    }  # fmt: skip
    if not subnet:
        return body
    try:
        ip_network(subnet)
    except ValueError as cause:
        hint = "Such as 10.9.0.0/24, and no bit set behind the 24."
        raise BadForm(f"{subnet!r} is no subnet.", field="subnet", hint=hint) from cause
    return body | {"IPAM": {"Config": [{"Subnet": subnet}]}}
