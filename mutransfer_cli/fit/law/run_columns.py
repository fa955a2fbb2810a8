"""The numeric columns of a table of runs, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mutransfer_cli.fit.tables.columns.column_names import column_name
from mutransfer_cli.fit.tables.columns.known_names import HYPERPARAMETERS
from mutransfer_cli.fit.tables.number_table import NumberTable, read_numbers


@dataclass(frozen=True)
class RunColumns:
    """The columns of a table that hold numbers.

    Attributes:
        source: The file or storage.
        columns: By role or own name, each of shape (rows,); NaN where a cell holds no number.
        notes: What was understood and what was ignored.
        positions: Of each row, such as its line; empty if unknown.
    """

    source: str
    columns: Mapping[str, npt.NDArray[np.float64]]
    notes: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()


def read_columns(
    source: str,
    required: Sequence[str] = (),
    *,
    columns: Sequence[str] = (),
    where: Sequence[str] = (),
    study: str | None = None,
    if_present: Sequence[str] = (),
) -> RunColumns:
    """Read a table of any format.

    Args:
        source: Path of a file, or the address of an Optuna storage.
        required: Roles or names of columns without which a row is ignored.
        columns: Texts of `--columns`, such as `params=N,loss=L`.
        where: Texts of `--where`, such as `params>4e8`.
        study: Name of the study, for an Optuna storage with several.
        if_present: Roles that are required of every row where the table has them.

    Raises:
        InputError: The table cannot be read, or lacks a required column.
        Inconclusive: Every run diverged.
    """
    table = read_numbers(
        source, required, columns=columns, where=where, study=study, if_present=if_present
    )
    return columns_of(table)


def columns_of(table: NumberTable) -> RunColumns:
    """The columns as arrays, and one line about how the table was understood."""
    arrays = {name: np.array(values, dtype=float) for name, values in table.columns.items()}
    how = table.understanding
    read = f"read {table.source}: {how.line}"
    notes = (read, *(line for line in (*how.row_lines, *how.notes) if line))
    return RunColumns(table.source, arrays, notes, table.positions)


def known_name(name: str, columns: Mapping[str, object]) -> str:
    """The name under which a column is known: its own in any spelling, or that of its role."""
    meant = column_name(name)
    for known in (name, meant.role, meant.key, HYPERPARAMETERS.get(meant.key)):
        if known is not None and known in columns:
            return known
    return name
