"""The numbers of a table's rows by what they are: hyperparameters, sizes, seeds, deviations."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.alike_models import alike_models
from mutransfer_cli.fit.tables.cell_checks import numbers
from mutransfer_cli.fit.tables.columns.column_roles import ColumnRoles
from mutransfer_cli.fit.tables.columns.known_names import ROLES
from mutransfer_cli.fit.tables.content.run_table import IgnoredRow, RunTable, TableColumn
from mutransfer_cli.fit.tables.content.understanding import IgnoredColumn
from mutransfer_cli.fit.tables.rung_sizes import PARAMETERS, ROUNDED, independent_sizes, merged


def hyperparameters_of(
    table: RunTable, searched: dict[str, TableColumn]
) -> tuple[list[int], dict[str, list[float]], list[IgnoredRow]]:
    """The rows in which all searched hyperparameters stand, their values, and the other rows."""
    everything = range(len(table.positions))
    values = {name: numbers(table, c, everything, name, zero=True) for name, c in searched.items()}
    rows, ignored = [], []
    for row in everything:
        missing = next((name for name, column in values.items() if column[row] is None), None)
        if missing is None:
            rows.append(row)
        else:
            ignored.append(IgnoredRow(table.positions[row], f"no {missing}"))
    if not rows:
        raise InputError(f"{table.source}: no run has all of {', '.join(searched)}")
    params = {name: certain([column[row] for row in rows]) for name, column in values.items()}
    return rows, params, ignored


def sizes_of(
    table: RunTable, roles: ColumnRoles, rows: Sequence[int], named: Collection[str] = ()
) -> tuple[dict[str, list[float]], tuple[IgnoredColumn, ...], list[str]]:
    """The sizes that tell rungs apart, those that follow from them, and what was rounded.

    Args:
        table: The table, for positions.
        roles: The roles of its columns.
        rows: The rows.
        named: The sizes that a target names.

    Raises:
        InputError: Models of almost the same parameters are told apart by another column.
    """
    sizes: dict[str, list[float]] = {}
    notes = []
    for name, column in roles.sizes.items():
        integer = ROLES[name].integer
        values = certain(numbers(table, column, rows, name, integer=integer))
        if name == "steps" and not all(value.is_integer() for value in values):
            values = [float(round(value)) for value in values]
            notes.append("steps are rounded to whole numbers")
        if name == PARAMETERS:
            refuse_alike_models(table, roles, rows, values)
        if name in ROUNDED:
            stands_for, groups = merged(values)
            values = [stands_for[value] for value in values]
            if groups:
                shown = ", ".join(f"{low:.15g} to {high:.15g}" for low, high in groups[:3])
                notes.append(f"{name} that differ by rounding are one size: {shown}")
        sizes[name] = values
    kept, dropped = independent_sizes(sizes, named)
    columns = tuple(
        IgnoredColumn(roles.columns[name].name, reason) for name, reason in dropped.items()
    )
    return {name: sizes[name] for name in kept}, columns, notes


def refuse_alike_models(
    table: RunTable, roles: ColumnRoles, rows: Sequence[int], params: Sequence[float]
) -> None:
    """Refuse models of almost the same parameters that another column tells apart.

    Args:
        table: The table, for positions.
        roles: The roles of its columns.
        rows: The rows.
        params: The parameters of each of them.

    Raises:
        InputError: There are such models.
    """
    shapes = [roles.columns[name] for name in ("width", "depth") if name in roles.columns]
    others = {c.name: [c.values[row] for row in rows] for c in (*roles.others, *shapes)}
    found = alike_models(params, others)
    if found is not None:
        raise InputError(f"{table.header}: {found}")


def seeds_of(table: RunTable, roles: ColumnRoles, rows: Sequence[int]) -> list[int] | None:
    """The seed of each row; None if the table has none. Names of seeds are numbered."""
    column = roles.columns.get("seed")
    if column is None:
        return None
    values = [column.values[row] for row in rows]
    if all(isinstance(value, float) and value.is_integer() for value in values):
        return [int(value) for value in values if isinstance(value, float)]
    numbered = {value: i for i, value in enumerate(dict.fromkeys(map(str, values)))}
    return [numbered[str(value)] for value in values]


def deviations_of(
    table: RunTable, roles: ColumnRoles, rows: Sequence[int], stated: Sequence[float | None]
) -> list[tuple[float | None, int]]:
    """The standard deviation of the runs behind each row, and their number.

    Args:
        table: The table, for positions.
        roles: The roles of its columns.
        rows: The rows.
        stated: The deviation that the cell of each row's loss states.
    """

    def column(role: str) -> list[float | None]:
        if role not in roles.columns:
            return [None] * len(rows)
        integer = ROLES[role].integer
        return numbers(table, roles.columns[role], rows, role, integer=integer, positive=integer)

    counts, spreads, errors = column("runs"), column("loss_sd"), column("loss_stderr")
    found = []
    for i in range(len(rows)):
        runs, spread, error = int(counts[i] or 1), spreads[i], errors[i]
        if spread is None and error is not None:
            spread = error * runs**0.5
        found.append((stated[i] if spread is None else spread, runs))
    return found


def certain(values: Sequence[float | None]) -> list[float]:
    """Numbers of which none is missing."""
    assert None not in values
    return [value for value in values if value is not None]
