"""Columns as the numbers that are meant: units, logarithms, what was maximized."""

from __future__ import annotations

import math
from dataclasses import replace

from mutransfer_cli.fit.tables.columns.column_names import ColumnName
from mutransfer_cli.fit.tables.content.cells import Spread, Value
from mutransfer_cli.fit.tables.content.run_table import TableColumn


def transformed(column: TableColumn, name: ColumnName) -> TableColumn:
    """A column in units: with the factor or the logarithm that its name states undone."""
    if name.base is not None:
        return exponentials(column, name.base)
    if name.scale != 1:
        return replace(column, cells=[scaled(value, name.scale) for value in column.values])
    return column


def scaled(value: Value, factor: float) -> Value:
    """A number, or a mean with its deviation, times a factor."""
    if isinstance(value, Spread):
        return Spread(value.mean * factor, value.deviation * factor)
    return value * factor if isinstance(value, float) else value


def exponentials(column: TableColumn, base: float) -> TableColumn:
    """The column whose logarithms a column holds."""
    return replace(column, cells=[base**v if isinstance(v, float) else v for v in column.values])


def logarithms(column: TableColumn) -> TableColumn:
    """The natural logarithms of a column: losses from perplexities."""

    def log(value: Value) -> Value:
        if isinstance(value, Spread):
            positive = value.mean > 0
            return Spread(math.log(value.mean), value.deviation / value.mean) if positive else None
        if isinstance(value, float):
            return math.log(value) if value > 0 else math.nan
        return value

    return replace(column, name=f"log({column.name})", cells=list(map(log, column.values)))


def subtracted(column: TableColumn, best: float) -> TableColumn:
    """A loss from a column that was maximized: the best possible value less the column.

    Args:
        column: The column.
        best: Its best possible value; 0 where there is none.
    """

    def loss(value: Value) -> Value:
        if isinstance(value, Spread):
            return Spread(best - value.mean, value.deviation)
        return best - value if isinstance(value, float) else value

    name = f"{best:g} - {column.name}" if best else f"-{column.name}"
    return replace(column, name=name, cells=list(map(loss, column.values)))
