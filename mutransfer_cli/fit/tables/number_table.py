"""From a table of runs to named columns of numbers, for laws."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.tables.cell_checks import loss_of
from mutransfer_cli.fit.tables.columns.code_and_data import code_notes, refuse_mixed_data
from mutransfer_cli.fit.tables.columns.column_names import column_name
from mutransfer_cli.fit.tables.columns.column_options import (
    column_index,
    column_options,
    condition,
)
from mutransfer_cli.fit.tables.columns.column_roles import ColumnRoles, assign_roles
from mutransfer_cli.fit.tables.columns.hyperparameter_columns import (
    choice_notes,
    reason_by_name,
    refuse_history,
)
from mutransfer_cli.fit.tables.columns.known_names import HYPERPARAMETERS, ROLES
from mutransfer_cli.fit.tables.columns.missing_column import no_column
from mutransfer_cli.fit.tables.columns.run_states import endings
from mutransfer_cli.fit.tables.content.cells import Failure, Spread, Value
from mutransfer_cli.fit.tables.content.run_table import IgnoredRow, RunTable, TableColumn
from mutransfer_cli.fit.tables.content.understanding import IgnoredColumn, Understanding, joined
from mutransfer_cli.fit.tables.opened_table import opened_table

log = logging.getLogger(__name__)

DIVERGED = "diverged"


@dataclass(frozen=True)
class NumberTable:
    """Named columns of numbers, one row for each run that has all that were required.

    Attributes:
        source: The file or storage.
        columns: Numbers by role (`params`, `tokens`, `flops`, `loss`, `lr`, `batch`, …) or, for a
            column without one, by its own name; NaN where a column that was not required is empty.
        positions: Position of each row in the file.
        understanding: Which columns and rows were used.
    """

    source: str
    columns: Mapping[str, tuple[float, ...]]
    positions: tuple[str, ...]
    understanding: Understanding

    def rows(self, text: str, option: str = "--hold-out") -> list[bool]:
        """Whether each row satisfies a condition such as `params>4e8`.

        Raises:
            InputError: The text is no condition, or names no column.
        """
        one = condition(text, option)
        if one.column not in self.columns:
            found = ", ".join(self.columns)
            raise InputError(f"{option} {text}: no column {one.column!r}; found {found}")
        return [one.holds(value) for value in self.columns[one.column]]


def read_numbers(
    source: str,
    required: Sequence[str | tuple[str, ...]],
    *,
    columns: Sequence[str] = (),
    where: Sequence[str] = (),
    study: str | None = None,
    if_present: Sequence[str] = (),
) -> NumberTable:
    """Read named columns of numbers from a table of any format.

    Rows without one of the required numbers, and those of diverged or failed runs, are ignored
    with their reasons.

    Args:
        source: Path of a file, or the address of an Optuna storage.
        required: Roles or names of columns; a tuple requires one of several.
        columns: Texts of `--columns`, such as `params=N,tokens=D,loss=L`.
        where: Conditions on rows, such as `optimizer=adamw`.
        study: Name of the study, for an Optuna storage with several.
        if_present: Roles that are required of every row where the table has them.

    Raises:
        InputError: An option or the table is wrong; the message names line and column.
        Inconclusive: Every run diverged.
    """
    options = column_options(columns)
    table = opened_table(source, options, where, study)
    roles = assign_roles(table, options)
    named = dict(roles.columns) | roles.hyperparameters
    needed: list[str] = []
    for one in required:
        names = (one,) if isinstance(one, str) else one
        found = next((name for name in names if name in named), None)
        if found is None:
            found = own_column(table, names, named)
        needed.append(found)
    needed += [name for name in if_present if name in named and name not in needed]
    rows, ignored = complete_rows_of(table, roles, [(name, named[name]) for name in needed])
    table = table.select(rows, ignored)
    kept = assign_roles(table, options)
    refuse_mixed_data(table, kept.others)
    for column in kept.others:
        refuse_history(table, column, kept)
    named, unused = numeric_columns(roles, named, needed, rows)
    understanding = Understanding(
        used={name: column.name for name, column in named.items()}
        | ({"state": joined([c.name for c in roles.states])} if roles.states else {}),
        columns=(*roles.ignored, *unused),
        rows=table.ignored,
        notes=(*table.notes, *code_notes(kept.others, kept.sizes), *choice_notes(kept)),
    )
    log.info("%s: rows: %d; %s", source, len(rows), understanding.line)
    numbers = {name: tuple(map(number, column.values)) for name, column in named.items()}
    return NumberTable(source, numbers, tuple(table.positions), understanding)


def own_column(table: RunTable, names: Sequence[str], named: dict[str, TableColumn]) -> str:
    """Find a required column that has no role under its own name, and add it to the named ones.

    Raises:
        InputError: There is no such column.
    """
    for name in names:
        if name not in ROLES:
            index = column_index(table, name)
            if index is not None:
                named[name] = table.columns[index]
                return name
    raise no_column(table, *names)


def complete_rows_of(
    table: RunTable, roles: ColumnRoles, needed: Sequence[tuple[str, TableColumn]]
) -> tuple[list[int], list[IgnoredRow]]:
    """The rows of finished runs that have all required numbers, and the others.

    Raises:
        InputError: A cell holds something else than a number, or no row is left.
        Inconclusive: No row is left, since runs diverged.
    """
    rows, ignored = [], []
    for row, (ending, word) in enumerate(endings(table, roles.states)):
        reason = "" if ending == "finished" else f"state is {word.lower()}"
        for name, column in needed:
            if not reason:
                reason = missing(table, name, column, row)
        if reason:
            ignored.append(IgnoredRow(table.positions[row], reason))
        else:
            rows.append(row)
    if not rows:
        if all(row.reason == DIVERGED for row in ignored):
            raise Inconclusive(f"{table.source}: every run diverged; run lower learning rates")
        reasons = joined(list(dict.fromkeys(row.reason for row in ignored)))
        raise InputError(f"{table.source}: no run has all required numbers: {reasons}")
    return rows, ignored


def missing(table: RunTable, name: str, column: TableColumn, row: int) -> str:
    """Why a row has no number in a required column; empty where it has one.

    Args:
        table: The table, for positions.
        name: The role of the column.
        column: The column.
        row: The row.

    Raises:
        InputError: The cell holds something else than a number.
    """
    if name == "loss":
        loss, _, reason = loss_of(table, column, row)
        return reason or (DIVERGED if loss is None else "")
    value = column.values[row]
    if value is None or isinstance(value, Failure) or math.isnan(number(value, 0.0)):
        return f"no {name}"
    own = ROLES.get(name)
    usable = isinstance(value, float | Spread)
    if not usable or (own is not None and own.positive and number(value) <= 0):
        expected = "a positive number" if own is not None and own.positive else "a number"
        cell = str(column.cells[row]).strip()
        raise InputError(
            f"{table.positions[row]}: {column.name}: expected {expected}, found {cell!r}"
        )
    return ""


def numeric_columns(
    roles: ColumnRoles,
    named: Mapping[str, TableColumn],
    needed: Sequence[str],
    rows: Sequence[int],
) -> tuple[dict[str, TableColumn], list[IgnoredColumn]]:
    """The columns of numbers by name, with the rows to use, and the columns to ignore.

    Args:
        roles: The roles of the columns.
        named: Columns by role, or by the name under which they were required.
        needed: The names that were required.
        rows: The rows to use.
    """
    found = dict(named)
    ignored = []
    for column in roles.others:
        own = column_name(column.name).key
        reason = reason_by_name(column)
        if column in found.values() or own in found:
            continue
        usual = HYPERPARAMETERS.get(own, own)
        key = own if usual in found else usual
        if reason is None and not any(isinstance(v, float | Spread) for v in column.values):
            reason = "text"
        if reason is None:
            found[key] = column
        else:
            ignored.append(IgnoredColumn(column.name or "(unnamed)", reason))
    selected = {
        name: replace(column, cells=[column.cells[row] for row in rows])
        for name, column in found.items()
    }
    first = {name: selected[name] for name in needed}
    return first | selected, ignored


def number(value: Value, otherwise: float = math.nan) -> float:
    """The number in a cell, the mean where it states a deviation; else another number.

    Args:
        value: What the cell says.
        otherwise: The number for a cell without one.
    """
    if isinstance(value, Spread):
        return value.mean
    return value if isinstance(value, float) else otherwise
