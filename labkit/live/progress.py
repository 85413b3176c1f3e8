"""How far a pull or a build is, read from the messages that the engine streams meanwhile.

Nothing here touches a socket: messages go in, what there is to show comes out.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

__all__ = ["BuildProgress", "Output", "Part", "Progress", "PullProgress", "Step"]

JSON = Mapping[str, Any]

_KEPT = 1000
_LONGEST = 4096
# ECMA-48: a control sequence, a string such as a window's title, or one letter after the escape.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
_LOADED = {"Download complete", "Verifying Checksum", "Extracting"}
_DONE = {"Pull complete", "Already exists"}


@dataclass(frozen=True)
class Part:
    """One bar: a layer of a pull, or a step of a build.

    ``text`` says what is going on with it. ``current`` of ``total`` bytes are done just now, in
    this phase; both are 0 where the engine does not tell. ``done`` says that all of it is.
    """

    id: str
    text: str = ""
    current: int = 0
    total: int = 0
    done: bool = False

    @property
    def fraction(self) -> float:
        """How much of it is done, from 0 to 1: for a layer, half is the download."""
        if self.done:
            return 1.0
        portion = min(self.current / self.total, 1.0) if self.total else 0.0
        if self.text in _LOADED:
            return 0.5 + portion / 2 if self.text == "Extracting" else 0.5
        return portion / 2

    def take(self, message: JSON) -> Part:
        """Return what this layer is after one more message about it."""
        text, detail = str(message.get("status", "")), message.get("progressDetail") or {}
        current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
        known = bool(total) and detail.get("units", "") != "s"  # containerd counts seconds
        return replace(
            self,
            text=text,
            current=current if known else 0,
            total=total if known else 0,
            done=text in _DONE,
        )


class Output:
    """The latest lines of a text that comes in pieces, without colours and other escapes.

    :param limit: how many lines that have ended are kept.
    """

    def __init__(self, *, limit: int = _KEPT) -> None:
        self._ended: deque[str] = deque(maxlen=limit)
        self._open = ""

    def write(self, text: str) -> None:
        """Take the next piece, cut anywhere."""
        *ends, rest = (self._open + text).split("\n")
        self._ended.extend(map(_shown, ends))
        self._open = rest[-_LONGEST:]

    @property
    def lines(self) -> list[str]:
        """What is kept, oldest first, a line that has not ended yet too."""
        begun = _shown(self._open)
        return [*self._ended, begun] if begun else list(self._ended)


def _shown(line: str) -> str:
    """Return what a terminal would still show: of a line written over and over, the last."""
    plain = _ESCAPES.sub("", line).rstrip("\r")
    return plain.rpartition("\r")[2][:_LONGEST]


class Progress:
    """What a pull and a build have in common; :class:`PullProgress` and :class:`BuildProgress`.

    ``kind`` is ``"pull"`` or ``"build"``, ``title`` the image's name, ``error`` what went wrong,
    in the engine's own words, and ``done`` whether it has come to its end, good or bad.
    """

    kind = ""

    def __init__(self, title: str) -> None:
        self.title = title
        self.error = ""
        self.done = False
        self._output = Output()
        self._layers: dict[str, Part] = {}

    @property
    def parts(self) -> list[Part]:
        """The bars, in the order in which they came."""
        return list(self._layers.values())

    @property
    def output(self) -> list[str]:
        """The latest lines to read, a thousand at most."""
        return self._output.lines

    @property
    def fraction(self) -> float | None:
        """How much is done, from 0 to 1; None while that is not known."""
        if self.done and not self.error:
            return 1.0
        parts = self.parts
        return sum(part.fraction for part in parts) / len(parts) if parts else None

    def feed(self, message: JSON) -> None:
        """Take one message of the engine's answer."""
        if failure := _error(message):
            self.fail(failure)
        elif "status" in message:
            self._take_status(message)

    def finish(self) -> None:
        """Say that no more messages come."""
        self.done = True

    def fail(self, error: str) -> None:
        """Say that it has ended, and why."""
        self.error = self.error or error
        self.done = True

    def as_json(self) -> dict[str, Any]:
        """Return what a page needs to show it."""
        return {
            "kind": self.kind,
            "title": self.title,
            "parts": [asdict(part) for part in self.parts],
            "output": self.output,
            "done": self.done,
            "error": self.error,
            "fraction": self.fraction,
        }

    def _take_status(self, message: JSON) -> None:
        """Take a message of a pull; about a layer, if it names one, or about all of it."""
        layer, status = str(message.get("id") or ""), str(message["status"])
        if not layer or status.startswith("Pulling from "):  # that one names the tag
            self._output.write(f"{layer}: {status}\n" if layer else f"{status}\n")
        else:
            self._layers[layer] = self._layers.get(layer, Part(layer)).take(message)


def _error(message: JSON) -> str:
    """Return the engine's error; a message has it once or twice, in the old and the new form."""
    detail = message.get("errorDetail") or {}
    return str(detail.get("message") or message.get("error") or "")


class PullProgress(Progress):
    """A pull: feed it the messages of ``POST /images/create``; its parts are the layers.

    :param title: the image's name.
    """

    kind = "pull"

    @property
    def digest(self) -> str:
        """The digest of what was pulled, ``sha256:…``, once it is known."""
        found = [line for line in self.output if line.startswith("Digest: ")]
        return found[-1].removeprefix("Digest: ") if found else ""


@dataclass
class Step:
    """One instruction of a Dockerfile while it is built; its number counts from one."""

    number: int
    text: str
    cached: bool = False
    done: bool = False
    failed: bool = False
    output: Output = field(default_factory=Output)

    @property
    def part(self) -> Part:
        """The step as a bar."""
        how = " (failed)" if self.failed else " (cached)" if self.cached else ""
        return Part(f"Step {self.number}", self.text + how, int(self.done), 1, done=self.done)


class BuildProgress(Progress):
    """A build: feed it the messages of ``POST /build``, as the classic builder sends them.

    Its parts are the steps, and the layers of an image that is pulled for a step, after it.
    ``image`` is the id of what was built; ``total`` is how many steps there are.

    :param title: the tag of the image.
    """

    kind = "build"

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.steps: list[Step] = []
        self.total = 0
        self.image = ""
        self._places: dict[str, int] = {}  # of a layer: after how many steps it came

    @property
    def parts(self) -> list[Part]:
        """The steps so far, each with the layers that were pulled for it."""
        found: list[Part] = []
        layers = list(self._layers.items())  # at once: the messages come on another thread
        for step in list(self.steps):
            found.append(step.part)
            found += [part for name, part in layers if self._places.get(name) == step.number]
        return found

    @property
    def fraction(self) -> float | None:
        """How many of the steps are done, from 0 to 1; None before the first."""
        if self.done and not self.error:
            return 1.0
        return sum(step.done for step in list(self.steps)) / self.total if self.total else None

    def feed(self, message: JSON) -> None:
        """Take one message of the engine's answer."""
        super().feed(message)
        if built := (message.get("aux") or {}).get("ID"):
            self.image = str(built)  # a stage has ended, the last one perhaps
            self._end_step()
        if text := str(message.get("stream") or ""):
            self._take_text(text)

    def finish(self) -> None:
        """Say that no more messages come; the last step is done."""
        super().finish()
        self._end_step()

    def fail(self, error: str) -> None:
        """Say that it has ended, and why; in which step, if one was being done."""
        if self.steps and not self.steps[-1].done and not self.error:
            self.steps[-1].failed = True
            error = f"Step {self.steps[-1].number}/{self.total}: {error}"
        super().fail(error)

    def as_json(self) -> dict[str, Any]:
        """Return what a page needs to show it."""
        return super().as_json() | {"image": self.image, "total": self.total}

    def _take_status(self, message: JSON) -> None:
        super()._take_status(message)
        for name in self._layers:
            self._places.setdefault(name, len(self.steps))

    def _take_text(self, text: str) -> None:
        self._output.write(text)
        begun = _STEP.fullmatch(text)  # it comes alone; the output of a command ends in a newline
        if begun and int(begun[1]) == len(self.steps) + 1:
            self._end_step()
            self.total = int(begun[2])
            self.steps.append(Step(int(begun[1]), begun[3].strip()))
        elif self.steps and not self.steps[-1].done:
            self.steps[-1].cached |= text == " ---> Using cache\n"
            self.steps[-1].output.write(text)

    def _end_step(self) -> None:
        if self.steps and not self.error:
            self.steps[-1].done = True
