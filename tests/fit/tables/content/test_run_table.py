"""Tables: columns, positions, rows that are kept."""

from __future__ import annotations

from mutransfer_cli.fit.tables.content.run_table import IgnoredRow, table_of_records


def test_records_become_columns() -> None:
    table = table_of_records("f", [{"a": 1, "b": "2^3"}, {"b": None, "c": "x"}], ["f:1", "f:2"])
    assert table.names == ["a", "b", "c"]
    assert [column.values for column in table.columns] == [[1.0, None], [8.0, None], [None, "x"]]


def test_selected_rows_keep_their_positions() -> None:
    table = table_of_records("f", [{"a": i} for i in range(3)], ["f:1", "f:2", "f:3"])
    some = table.select([2, 0], [IgnoredRow("f:2", "why")])
    assert (some.columns[0].values, some.positions) == ([2.0, 0.0], ["f:3", "f:1"])
    assert some.ignored == (IgnoredRow("f:2", "why"),)
    assert table.ignored == ()
