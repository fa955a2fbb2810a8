"""Blank cells below merged ones, as spreadsheets export them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.table_runs import TableRuns, read_runs

HEADER = "batch,width,seed,lr,loss\n"
MERGED = "32,64,0,0.1,3.0\n,,,0.2,2.9\n,128,0,0.1,2.8\n,,,0.2,2.7\n"


def read(folder: Path, rows: str, header: str = HEADER) -> TableRuns:
    path = folder / "runs.csv"
    path.write_text(header + rows)
    return read_runs(str(path))


def test_each_row_of_a_block_has_its_value(tmp_path: Path) -> None:
    """Also a seed, whose blocks begin with the same value, and a size with longer blocks."""
    found = read(tmp_path, MERGED + MERGED.replace("32", "48"))
    assert [(o.size("batch"), o.size("width"), o.seed, o.lr) for o in found.observations] == [
        (batch, width, 0, lr) for batch in (32, 48) for width in (64, 128) for lr in (0.1, 0.2)
    ]
    assert any("blank cells of batch, width, seed" in note for note in found.understanding.notes)


def test_a_value_inside_its_block_is_refused(tmp_path: Path) -> None:
    centered = ",0.1,3.0\n64,0.2,2.9\n,0.4,3.1\n,0.1,2.8\n128,0.2,2.7\n,0.4,2.9\n"
    with pytest.raises(InputError, match=r"runs.csv:2: width is blank, and in 4 of 6 rows: where"):
        read(tmp_path, centered, "width,lr,loss\n")


@pytest.mark.parametrize(
    "rows",
    [
        "64,0.1,3.0\n,,2.9\n128,0.1,2.8\n,,2.7\n",  # runs whose configuration was lost
        "64,0.1,3.0\n,0.2,2.9\n64,0.2,2.8\n,0.4,2.7\n",  # the same width again: no block
        "64,0.1,3.0\n64,0.2,2.9\n,0.4,2.8\n128,0.1,2.7\n",  # one blank among values
    ],
)
def test_other_blank_cells_stay_missing(rows: str, tmp_path: Path) -> None:
    found = read(tmp_path, rows, "width,lr,loss\n")
    missing = sum(row.startswith(",") for row in rows.splitlines())
    assert len(found.observations) == 4 - missing
    assert not any("blank" in note for note in found.understanding.notes)
