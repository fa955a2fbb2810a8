"""Tables: columns, positions, rows that are kept."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.run_table import (
    MOST_COLUMNS,
    IgnoredRow,
    RunTable,
    TableColumn,
    table_of_records,
)


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


def test_a_table_of_too_many_columns_is_refused() -> None:
    def table(count: int) -> RunTable:
        columns = tuple(TableColumn(f"c{i}", ["1"]) for i in range(count))
        return RunTable("t.csv", "t.csv:1", columns, ["t.csv:2"])

    assert len(table(MOST_COLUMNS).names) == MOST_COLUMNS
    with pytest.raises(InputError, match=r"t\.csv: 10001 columns; a table may have 10000"):
        table(MOST_COLUMNS + 1)
