"""The line that tells what was understood."""

from __future__ import annotations

from mutransfer_cli.fit.tables.content.run_table import IgnoredRow
from mutransfer_cli.fit.tables.content.understanding import (
    IgnoredColumn,
    Understanding,
    alternatives,
    joined,
)


def test_one_line() -> None:
    read = Understanding(
        used={"width": "d_model", "lr": "lr", "loss": "val_loss"},
        columns=(IgnoredColumn("runtime", "time"),),
    )
    assert (
        read.line == "width from d_model, loss from val_loss, lr by name; ignored: runtime (time)"
    )
    assert Understanding(used={"lr": "lr", "loss": "loss"}).line == "lr and loss by name"
    assert Understanding(used={"lr": "eta"}).line == "lr from eta"


def test_rows_by_reason() -> None:
    rows = [IgnoredRow(f"f:{i}", "crashed") for i in range(5)] + [IgnoredRow("f:9", "no loss")]
    assert Understanding(rows=tuple(rows)).row_lines == [
        "ignored 5 rows: crashed (f:0, f:1, f:2, …)",
        "ignored 1 row: no loss (f:9)",
    ]


def test_phrases() -> None:
    assert [joined(["a"]), joined(["a", "b", "c"])] == ["a", "a, b and c"]
    assert alternatives(["a", "b"]) == "'a' or 'b'"
