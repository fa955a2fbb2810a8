"""Losses that count as diverged and are no usual mark of it are named with their rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.fit.tables.table_runs import read_runs


def notes(folder: Path, cells: list[str]) -> list[str]:
    path = folder / "runs.csv"
    rows = "".join(f"64,{2.0**-i},{cell}\n" for i, cell in enumerate(cells))
    path.write_text(f"width,lr,loss\n{rows}")
    return [note.replace(f"{folder}/", "") for note in read_runs(str(path)).understanding.notes]


@pytest.mark.parametrize("cell", ["-inf", "-nan", "infinity", "1e400", "-1e400"])
def test_the_rows_are_named(tmp_path: Path, cell: str) -> None:
    found = notes(tmp_path, ["2.5", cell, "2.4", cell])
    assert found == [f"2 runs count as diverged: the loss is {cell} (runs.csv:3, runs.csv:5)"]


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "diverged", "2.6"])
def test_usual_marks_of_divergence_need_no_note(tmp_path: Path, cell: str) -> None:
    assert notes(tmp_path, ["2.5", cell, "2.4"]) == []


def test_at_most_three_rows_are_named(tmp_path: Path) -> None:
    (found,) = notes(tmp_path, ["2.5", *["-inf"] * 3, "1e400"])
    assert found == (
        "4 runs count as diverged: the loss is -inf and 1e400 (runs.csv:3, runs.csv:4, "
        "runs.csv:5, …)"
    )
