"""States of runs."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.run_states import endings, is_state_column
from mutransfer_cli.fit.tables.content.run_table import TableColumn, table_of_records


def test_words_of_tools() -> None:
    words = ["finished", "COMPLETE", "FINISHED", "TERMINATED", "crashed", "FAIL", "Running"]
    words += ["PRUNED", "diverged", "", "✅ done", "[failed]"]
    table = table_of_records("f", [{"state": w} for w in words], [f"f:{w}" for w in words])
    assert [ending for ending, _ in endings(table, table.columns)] == [
        *["finished"] * 4, *["failed"] * 3, "pruned", "diverged", "finished", "finished", "failed",
    ]  # fmt: skip


def test_the_worst_of_two_columns_counts() -> None:
    rows: list[dict[str, object]] = [{"state": "COMPLETE", "outcome": "diverged"}]
    table = table_of_records("f", rows, ["f:1"])
    assert endings(table, table.columns) == [("diverged", "diverged")]


def test_unknown_words_are_refused() -> None:
    table = table_of_records("f", [{"state": "finished"}, {"state": "odd"}], ["f:1", "f:2"])
    with pytest.raises(InputError, match=r"f:2: state: expected a state such as finished"):
        endings(table, table.columns)


def test_a_column_without_states_is_none() -> None:
    assert is_state_column(TableColumn("status", ["finished", "odd"]))
    assert not is_state_column(TableColumn("status", ["0", "1", 2, None]))
