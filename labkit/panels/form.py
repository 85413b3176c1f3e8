"""Forms: fields of text with a label each, a button, and a word on the field that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

import ipywidgets

from labkit.errors import BadForm
from labkit.live.actions import Outcome
from labkit.panels.frame import box, see

__all__ = ["CreateForm", "Form", "opener", "unsent"]

_RESTART = ("no", "on-failure", "on-failure:3", "unless-stopped", "always")


class Form:
    """Fields with labels and a button that sends them.

    :param fields: the input of each field, by name; its description is the label.
    :param send: is called when the button is pressed.
    :param options: what stands beside the button.

    ``wrong_field`` is the name of the field that is marked as wrong, if one is.
    """

    def __init__(
        self,
        fields: Mapping[str, Any],
        word: str,
        icon: str,
        send: Callable[[], object],
        *,
        options: Iterable[Any] = (),
    ) -> None:
        self.fields = fields
        self.button = ipywidgets.Button(description=word, icon=icon, button_style="primary")
        self.button.on_click(lambda _: send())
        self._wrong = box(ipywidgets.HTML(), "lk-wrong-why")
        grid = box(ipywidgets.Box(list(fields.values())), "lk-fields")
        end = box(ipywidgets.HBox([self.button, *options, self._wrong]), "lk-form-end")
        self.widget = box(ipywidgets.VBox([grid, end]), "lk-form")
        self.right()

    @property
    def values(self) -> dict[str, str]:
        """What stands in the fields."""
        return {name: str(field.value) for name, field in self.fields.items()}

    def fill(self, values: Mapping[str, str]) -> None:
        """Write into fields."""
        for name, value in values.items():
            self.fields[name].value = value

    def wrong(self, error: BadForm) -> None:
        """Mark the field that can't be read, and say why."""
        self.right()
        self.wrong_field = error.field
        if error.field in self.fields:
            self.fields[error.field].add_class("lk-wrong")
        why = f"<b>{escape(error.message)}</b> {escape(error.hint)}"
        self._wrong.value = f'<div class="lk-said lk-bad" role="alert">{why}</div>'
        see(self._wrong, on=True)

    def right(self) -> None:
        """Take the mark away."""
        self.wrong_field = ""
        for field in self.fields.values():
            field.remove_class("lk-wrong")
        see(self._wrong, on=False)


class CreateForm(Form):
    """Creates a container: the fields of :data:`labkit.live.creation.FIELDS`."""

    def __init__(self, send: Callable[[], object]) -> None:
        self.start = box(
            ipywidgets.Checkbox(value=True, description="start it", indent=False), "lk-option"
        )
        self.image = ipywidgets.Combobox(description="Image", placeholder="busybox:latest")
        fields = {
            "image": self.image,
            "name": _text("Name", "one is made up when empty"),
            "command": _text("Command", "sh -c 'echo hello; sleep 60'"),
            "ports": _text("Ports", "8080:80, 127.0.0.1:5353:53/udp"),
            "mounts": _text("Mounts", "data:/var/lib/data:ro"),
            "restart": ipywidgets.Dropdown(description="Restart", options=_RESTART),
            "env": ipywidgets.Textarea(
                description="Variables", placeholder="KEY=value, one a line", rows=2
            ),
        }
        super().__init__(fields, "Create", "plus", send, options=[self.start])


def unsent(request: str, error: BadForm) -> Outcome:
    """Return what came of a request that was not sent, for a field of it can't be read."""
    return Outcome(f"{request} (not sent)", 0, error.message, error.hint)


def opener(word: str, icon: str, form: Any, tooltip: str) -> Any:
    """A toggle that opens and closes a form."""
    toggle = ipywidgets.ToggleButton(description=word, icon=icon, tooltip=tooltip)
    toggle.observe(lambda change: see(form, on=bool(change["new"])), "value")
    see(form, on=False)
    return box(toggle, "lk-opener")


def _text(description: str, placeholder: str) -> Any:
    return ipywidgets.Text(description=description, placeholder=placeholder)
