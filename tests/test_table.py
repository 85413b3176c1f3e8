"""A DataFrame that is shown in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from labkit.table import Table


def _table() -> Table:
    now = datetime.now(UTC)
    return Table(
        {
            "name": ["tea", "coffee"],
            "size": [4_200_000, 900],
            "created": [now - timedelta(minutes=3, seconds=5), now - timedelta(hours=2, minutes=1)],
        }
    )


def test_sizes_and_times_are_shown_in_words() -> None:
    """Bytes and times are humanised in text and in HTML."""
    for shown in (repr(_table()), _table()._repr_html_()):
        for words in ("4.2 MB", "900 Bytes", "3 minutes ago", "2 hours ago"):
            assert words in shown


def test_text_is_aligned_without_an_index() -> None:
    """The text has a header and a line a row, and no meaningless numbers in front."""
    lines = repr(_table()[["name", "size"]]).splitlines()
    assert lines == ["name         size", "tea        4.2 MB", "coffee  900 Bytes"]


def test_filtering_and_sorting_give_a_table_of_the_same_dtypes() -> None:
    """What is filtered, sorted or selected is still shown in words, and still sorts."""
    table = _table()
    small = table[table["size"] < 1000].sort_values("created")[["name", "size", "created"]]
    assert isinstance(small, Table)
    assert small.dtypes.equals(table.dtypes)
    assert table.sort_values("size")["name"].tolist() == ["coffee", "tea"]
    assert "900 Bytes" in repr(small)


def test_meaningful_index_is_shown() -> None:
    """An index that the learner has set is shown as the first column."""
    assert repr(_table().set_index("name")).splitlines()[1].startswith("tea ")
    assert repr(_table().set_index(["name", "size"])).splitlines()[2].startswith("coffee  900 ")
    assert "name" in repr(_table().set_index("name", drop=False))


def test_what_a_container_says_is_text_and_no_more() -> None:
    """HTML is escaped, and control characters reach neither page nor terminal."""
    table = Table({"<b>": ["<script>alert(1)</script>", "\x1b[31mred\r\n", "$x$"]})
    html = table._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "mathjax_ignore" in html
    assert not {"\x1b", "\r"} & set(repr(table) + html)


def test_ids_are_shown_whole_and_long_text_is_cut() -> None:
    """An id of 64 digits and a log's path are never cut; endless text is."""
    path = f"/var/lib/docker/containers/{'a' * 64}/{'a' * 64}-json.log"
    table = Table({"value": [path, "x" * 5000]})
    for shown in (repr(table), table._repr_html_()):
        assert path in shown
        assert "x…" in shown
        assert "x" * 300 not in shown


def test_long_tables_are_cut() -> None:
    """Of a long table the first rows are shown, and how many more there are."""
    table = Table({"n": range(100)})
    assert repr(table).splitlines()[-1] == "… and 40 more rows"
    assert table._repr_html_().endswith("<p>… and 40 more rows</p>")


def test_empty_table_names_its_columns() -> None:
    """A table without rows says so."""
    assert repr(_table().head(0)) == "No rows; the columns are name, size, created."
    assert "<th>created</th>" in _table().head(0)._repr_html_()


def test_missing_cells_are_dashes() -> None:
    """Whatever kind of nothing a cell holds, a dash is shown."""
    table = Table(
        {
            "text": pd.Series(["a", None], dtype="str"),
            "size": pd.Series([1, None], dtype="Int64"),
            "created": pd.Series([datetime.now(UTC), pd.NaT]),
            "any": [["a", "list"], None],
        }
    )
    assert repr(table).splitlines()[2].split() == ["—"] * 4


def test_twin_columns_are_both_shown() -> None:
    """Columns of the same name, as a concat may give, do not hide each other."""
    table = pd.concat([Table({"a": [1]}), Table({"a": [2]})], axis=1)
    assert repr(Table(table)).splitlines() == ["a  a", "1  2"]


def test_search_looks_everywhere_in_any_case() -> None:
    """The search finds text in every column, and takes it literally."""
    table = Table({"key": ["Env[0]", "Path"], "value": ["PATH=/bin", None], "n": [1, 2]})
    assert table.search("path")["n"].tolist() == [1, 2]
    assert table.search("[0]")["n"].tolist() == [1]
    assert table.search("nan").empty
    assert list(table.search("nothing of it").columns) == ["key", "value", "n"]
    assert isinstance(table.head(0).search("x"), Table)
