"""A mailroom's picture: well-formed, and it says where the letter is."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from labkit.mailroom import picture
from labkit.mailroom.plan import STATIONS


def _texts(said: dict[str, str], stuck: str) -> list[str]:
    root = ET.fromstring(picture.draw("mail", said, stuck=stuck))  # noqa: S314  # our own
    return [one.text or "" for one in root.iter() if one.tag.endswith("text")]


@pytest.mark.parametrize("stuck", ["", *STATIONS])
def test_it_marks_what_is_passed_and_where_the_letter_is_stuck(stuck: str) -> None:
    """A sign stands at each station that the letter came to, and none at the others."""
    reached = STATIONS[: STATIONS.index(stuck) + 1] if stuck else STATIONS
    texts = _texts(dict.fromkeys(reached, "words"), stuck)
    for station in STATIONS:
        sign = " ✗" if station == stuck else " ✓" if station in reached else ""
        assert f"{station}{sign}" in texts


def test_words_of_a_container_are_text_and_no_markup() -> None:
    """What a station says can't break the picture."""
    texts = _texts({"visitor": "<script>&amp;"}, "visitor")
    assert "Stuck at the visitor: <script>&amp;" in texts
