"""What is said of a table that lacks a column."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.tables.columns.missing_column import no_column
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn


def table(*names: str) -> RunTable:
    columns = tuple(TableColumn(name, ["1"]) for name in names)
    return RunTable("runs.csv", "runs.csv:1", columns, ["runs.csv:2"])


def test_a_pivoted_table_is_recognized() -> None:
    """Losses of widths side by side, as a pivot table has them."""
    message = str(no_column(table("lr", "64", "128", "256"), "width"))
    assert "the columns 64, 128, 256 look like values of one: expected one run per row" in message


@pytest.mark.parametrize("names", [("lr", "loss"), ("lr", "64", "loss")])
def test_any_other_table_lists_its_columns(names: tuple[str, ...]) -> None:
    message = str(no_column(table(*names), "width"))
    assert f"no column 'width'; found {', '.join(names)}" in message
    assert "pass --columns width=COLUMN" in message


def test_a_column_that_was_maximized_is_no_loss_of_its_own() -> None:
    message = str(no_column(table("lr", "width", "eval/acc"), "loss"))
    assert "eval/acc is better where it is higher: pass --columns 'loss=1-eval/acc'" in message
    assert "higher" not in str(no_column(table("lr", "width", "runtime"), "loss"))


def test_compute_alone_is_for_laws() -> None:
    hint = "laws in compute alone need neither: mutransfer law runs.csv --form optimum"
    assert hint in str(no_column(table("C", "lr", "loss"), "width", "params"))
    assert "laws" not in str(no_column(table("lr", "loss"), "width", "params"))


def test_a_column_of_text_is_named_by_its_cell() -> None:
    """`learning_rate` is there: that it holds no number is the fault."""
    columns = (TableColumn("learning_rate", ["0.01 (peak)"]), TableColumn("loss", ["3.1"]))
    remarks = RunTable("runs.csv", "runs.csv:1", columns, ["runs.csv:2"])
    message = "runs.csv:2: learning_rate (lr): expected a number, found '0.01 (peak)'"
    assert str(no_column(remarks, "lr")) == message
    assert "no column 'width'" in str(no_column(remarks, "width"))
