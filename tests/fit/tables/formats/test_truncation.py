"""Numbers that the end of a file cut short."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.formats.delimited import read_delimited
from mutransfer_cli.fit.tables.formats.truncation import cut_short

EQUAL = ["3.1204", "3.0412", "2.9871", "2.9550"]
OF_FLOATS = ["3.120411234567", "3.04", "2.98715512345", "2.9551234512345", "2.94512345123"]
RATES = ["0.001", "0.002", "0.004", "0.001", "0.002", "0.004"]


@pytest.mark.parametrize(
    ("cell", "others"),
    [
        ("3.0", EQUAL),
        ("3.041", EQUAL),
        ("3.", EQUAL),
        ("3", EQUAL),
        ("2.1", [cell for cell in OF_FLOATS if cell != "3.04"]),
        ("1.2e-0", ["1.5e-05", "2.5e-04", "1.2e-03"]),
        ("1.2e-", ["1.5e-05", "2.5e-04", "1.2e-03"]),
        ("1.2", ["1.5e-05", "2.5e-04", "1.2e-03"]),
        ("3,0", ["3,1204", "3,0412", "2,9871"]),
        ("0.00", RATES),
        ("fini", ["finished", "crashed", "finished", "finished"]),
    ],
)
def test_a_cell_that_was_cut(cell: str, others: list[str]) -> None:
    assert cut_short(cell, others)


@pytest.mark.parametrize(
    ("cell", "others"),
    [
        ("3.0127", EQUAL),
        ("2.98", OF_FLOATS),  # another float is as short
        ("2.98715512", OF_FLOATS),
        ("0.001", RATES),
        ("0.008", RATES),
        ("3.0", EQUAL[:2]),  # too few to tell
        ("", EQUAL),
        ("diverged", EQUAL),
        ("finished", ["finished", "crashed", "finished", "finished"]),
    ],
)
def test_a_cell_that_was_not(cell: str, others: list[str]) -> None:
    assert not cut_short(cell, others)


def table(end: str) -> str:
    rows = [f"64,{2.0**-k},{loss}" for k, loss in enumerate(EQUAL)]
    return "\n".join(["width,lr,loss", *rows, f"64,0.5,3.0{end}"])


def test_the_row_is_left_out_and_told() -> None:
    read = read_delimited("runs.csv", table(""))
    assert len(read.positions) == 4
    (row,) = read.ignored
    assert row.position == "runs.csv:6"
    assert row.reason == "truncated: the file ends inside its last cell, '3.0'"


def test_with_a_line_break_it_is_a_number() -> None:
    read = read_delimited("runs.csv", table("\n"))
    assert len(read.positions) == 5 and read.ignored == ()


def test_the_fuzzed_reader_takes_any_end(tmp_path: Path) -> None:
    """Every prefix of a table is read or refused, none fails otherwise."""
    text = table("\n")
    for end in range(len(text)):
        try:
            read_delimited("runs.csv", text[:end])
        except InputError:
            continue
