"""A hint, as a notebook shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hint:
    """One step of a ladder of hints."""

    text: str
    number: int
    of: int

    def __repr__(self) -> str:
        more = "the last one" if self.number == self.of else "call again for the next"
        return f"Hint {self.number} of {self.of} ({more}): {self.text}"
