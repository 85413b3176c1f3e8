"""Known holes by version, and what real engines show their plugins."""

from __future__ import annotations

import pytest

from labkit.engine.engine import Engine
from labkit.errors import LabError
from labkit.security import updates


@pytest.mark.parametrize(
    ("version", "known", "mended"),
    [
        ("20.10.24", {"CVE-2024-41110", "CVE-2024-24557"}, {"CVE-2023-28840", "CVE-2024-32473"}),
        ("20.10.23", {"CVE-2023-28840"}, set()),
        ("23.0.15", set(), {"CVE-2024-41110", "CVE-2023-28840"}),
        ("24.0.9", {"CVE-2024-41110", "CVE-2024-29018"}, {"CVE-2024-24557"}),
        ("25.0.7", set(), {"CVE-2024-41110", "CVE-2024-29018"}),
        ("26.0.1", {"CVE-2024-32473", "CVE-2024-41110"}, {"CVE-2024-29018"}),
        ("26.1.5+dfsg1", {"CVE-2026-34040"}, {"CVE-2024-41110", "CVE-2025-54388"}),
        ("27.0.3", {"CVE-2024-41110"}, set()),
        ("28.3.2", {"CVE-2025-54388"}, {"CVE-2024-41110"}),
        ("28.1.1", set(), {"CVE-2025-54388"}),
        ("29.3.1", set(), {hole.cve for hole in updates.HOLES}),
        ("30.0.0-rc.1", set(), {hole.cve for hole in updates.HOLES}),
    ],
)
def test_a_hole_is_open_until_its_line_is_mended(
    version: str, known: set[str], mended: set[str]
) -> None:
    """A version has the holes that its own line of releases, or a later one, has yet to mend."""
    found = {hole.cve for hole in updates.holes(version)}
    assert known <= found
    assert not mended & found


def test_what_is_no_version_is_refused() -> None:
    """A word gives a clear error."""
    with pytest.raises(LabError, match="no Docker version"):
        updates.holes("latest")


def test_the_table_has_a_column_for_each_version() -> None:
    """Its first row is the API version, the others are the holes."""
    table = updates.table()
    assert table.iloc[0].tolist() == ["1.41", "1.45", "1.51"]
    assert len(table) == 1 + len(updates.HOLES)
    assert set(table.iloc[1:].to_numpy().ravel()) == {"", "open"}


@pytest.mark.engine
@pytest.mark.parametrize("version", ["26.1", *(
    pytest.param(one, marks=pytest.mark.slow) for one in ("20.10", "28.5")
)])  # fmt: skip
def test_an_engine_is_the_version_it_is_said_to_be(version: str) -> None:
    """The table's upstream versions are those that the kit's engine images really have."""
    with Engine.start(version=version) as engine:
        said = engine.raw.get("/version").json()["Version"]
    assert said.startswith(updates.SHIPPED[version])


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.parametrize("version", ["20.10", "26.1", "28.5"])
def test_what_was_not_shown_is_refused(version: str) -> None:
    """Every body that the plugin was shown passes, and every other one is refused."""
    table = updates.shown(version)
    assert table["shown"].tolist()[:3] == ["yes"] * 3
    assert table["answer"].tolist() == [201 if one == "yes" else 403 for one in table["shown"]]
    if version == "20.10":  # nobody has mended it there
        assert table["shown"].tolist()[3:] == ["no", "no"]
