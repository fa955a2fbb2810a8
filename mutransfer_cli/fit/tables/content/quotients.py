"""Columns that divide one column of the table by another, such as `D/N` beside `D` and `N`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isnan

from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn

STATED_TO = 0.01  # relative difference of a quotient that was written with few digits (assumption)
_DIVIDED = re.compile(r"\s*(?:/|_per_|_over_|\bper\b|\bover\b|:|_)\s*")


def quotient_of(table: RunTable, column: TableColumn) -> str | None:
    """The quotient that a column holds, as `D divided by N`; None where it holds none.

    Its name must state both columns, and every row that has all three numbers must agree.

    Args:
        table: The table.
        column: One of its columns.
    """
    by_name = {other.name.strip(): other for other in table.columns if other is not column}
    for separator in _DIVIDED.finditer(column.name):
        above, below = column.name[: separator.start()], column.name[separator.end() :]
        if {above.strip(), below.strip()} <= by_name.keys() and divides(
            column, above.strip(), below.strip(), by_name
        ):
            return f"{above.strip()} divided by {below.strip()}"
    return None


def divides(
    column: TableColumn, above: str, below: str, by_name: Mapping[str, TableColumn]
) -> bool:
    """Whether a column is the quotient of two others in every row that has all three numbers.

    Args:
        column: The column.
        above: Name of the dividend.
        below: Name of the divisor.
        by_name: The columns by name.
    """
    compared = 0
    columns = (column, by_name[above], by_name[below])
    for quotient, dividend, divisor in zip(*(c.values for c in columns), strict=True):
        if not (isinstance(quotient, float) and isinstance(dividend, float)):
            continue
        if not isinstance(divisor, float) or isnan(quotient * divisor - dividend):
            continue
        if abs(quotient * divisor - dividend) > STATED_TO * abs(dividend):
            return False
        compared += 1
    return compared > 0
