"""Numbers in the cells of a column that has a role, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.cells import Failure, Spread, Value, absent
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn


def numbers(
    table: RunTable,
    column: TableColumn,
    rows: Sequence[int],
    name: str,
    *,
    integer: bool = False,
    positive: bool = True,
    zero: bool = False,
) -> list[float | None]:
    """The numbers of a column in some rows; None for missing cells.

    Args:
        table: The table, for positions.
        column: The column.
        rows: The rows.
        name: What the numbers are, for messages.
        integer: Whether they have to be whole.
        positive: Whether they have to be positive.
        zero: Whether they may be zero nevertheless, as a weight decay that is off.

    Raises:
        InputError: A cell holds something else.
    """
    values = column.values
    found: list[float | None] = []
    for row in rows:
        value = values[row]
        if absent(value):
            found.append(None)
            continue
        usable = isinstance(value, float) and not (positive and (value < 0 if zero else value <= 0))
        if not usable or (integer and isinstance(value, float) and not value.is_integer()):
            refuse(table, column, row, name, integer=integer)
        assert isinstance(value, float)
        found.append(value)
    return found


def has_no_logarithm(name: str) -> str:
    """Why a row is ignored: such as a learning rate of 0, of a model that was not trained."""
    return f"{name} is 0, which has no logarithm"


def logarithm_hint(name: str) -> str:
    """What to pass where a column of negative rates holds their logarithms."""
    return f"; for logarithms pass --columns 'lr=10^{name}' or 'lr=2^{name}'"


def refuse(table: RunTable, column: TableColumn, row: int, name: str, *, integer: bool) -> None:
    """Refuse a cell.

    Args:
        table: The table, for the position.
        column: The column of the cell.
        row: The row of the cell.
        name: What its number is.
        integer: Whether that has to be whole.

    Raises:
        InputError: Always.
    """
    expected = "a whole number" if integer else "a positive number"
    cell = str(column.cells[row]).strip()
    hint = ""
    value = column.values[row]
    if name == "lr" and isinstance(value, float) and value < 0:
        hint = logarithm_hint(column.name)
    if value == 0.0:
        hint = f" (0 has no logarithm; leave these rows out with --where '{column.name}>0')"
    named = name if name == column.name else f"{column.name} ({name})"
    raise InputError(f"{table.positions[row]}: {named}: expected {expected}, found {cell!r}{hint}")


def loss_of(
    table: RunTable, column: TableColumn, row: int
) -> tuple[float | None, float | None, str]:
    """The loss of a run, the deviation beside it, and the reason if the run has no result.

    Returns:
        The loss, None if the run diverged or has no result; the standard deviation, where the
        cell states one; why there is no result, or an empty text.

    Raises:
        InputError: The cell holds neither a number nor a word for a run without one.
    """
    value: Value = column.values[row]
    if value is None:
        return None, None, "no loss"
    if isinstance(value, Failure):
        return None, None, f"loss is {value}"
    if isinstance(value, Spread):
        return value.mean, value.deviation, ""
    if isinstance(value, float):
        return (None if math.isnan(value) else value), None, ""
    named = "loss" if column.name == "loss" else f"{column.name} (loss)"
    raise InputError(
        f"{table.positions[row]}: {named}: expected a number, nan or diverged, found "
        f"{value.strip()!r}"
    )
