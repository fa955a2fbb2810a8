"""Numbers in cells of columns with a role."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.cell_checks import loss_of, numbers
from mutransfer_cli.fit.tables.content.run_table import table_of_records

CELLS = ["1", "2.5", "", "nan", "OOM", "0", "-1", "x", "2 ± 1"]
TABLE = table_of_records("f", [{"a": cell} for cell in CELLS], [f"f:{i}" for i in range(9)])


def test_numbers() -> None:
    assert numbers(TABLE, TABLE.columns[0], range(5), "a") == [1.0, 2.5, None, None, None]
    assert numbers(TABLE, TABLE.columns[0], [5, 6], "a", positive=False) == [0.0, -1.0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (5, r"f:5: a \(lr\): expected a positive number, found '0' \(0 has no logarithm; .*'a>0'"),
        (6, "f:6: .*found '-1'"),
        (7, "f:7: .*found 'x'"),
        (8, "f:8: .*found '2 ± 1'"),
    ],
)
def test_what_is_no_number_is_refused(row: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        numbers(TABLE, TABLE.columns[0], [row], "lr")


def test_whole_numbers() -> None:
    with pytest.raises(InputError, match=r"f:1: a: expected a whole number, found '2\.5'"):
        numbers(TABLE, TABLE.columns[0], [1], "a", integer=True)


def test_losses() -> None:
    found = [loss_of(TABLE, TABLE.columns[0], row) for row in (0, 2, 3, 4, 6, 8)]
    assert found == [
        (1.0, None, ""), (None, None, "no loss"), (None, None, ""), (None, None, "loss is OOM"),
        (-1.0, None, ""), (2.0, 1.0, ""),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"f:7: a \(loss\): expected a number, nan or diverged"):
        loss_of(TABLE, TABLE.columns[0], 7)
