"""What a look at a machine has found: the doctor's word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["RATINGS", "Finding", "Rating"]

Rating = Literal["good", "warning", "bad"]
RATINGS: tuple[Rating, ...] = ("good", "warning", "bad")


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands, what was seen, and what to do if it is not good."""

    check: str
    rating: Rating
    seen: str
    remedy: str = ""
