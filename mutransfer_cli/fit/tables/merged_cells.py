"""Cells that a spreadsheet merged: only the first row of each block has their value.

A column is taken as merged if it begins with a value, has a blank below more than half of them,
and each value differs from the one above it; a column beside it, if its values begin blocks, too.
Every row has a size, rate or seed of its own: runs whose configuration was lost have none. The rule
is an assumption, so a note says what was filled. Where the values stand inside their blocks
(centered ones) nobody can say where a block begins.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise

from mutransfer_cli.catalog.sizes import SIZES, TABLE_SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_names import column_name
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn

ROLES = ("lr", "seed", *SIZES, *TABLE_SIZES)
FEWEST = 2  # values of a merged column, and rows for each


def with_merged_cells(table: RunTable, named: Collection[str] = ()) -> RunTable:
    """The table with the value of each block of rows in all of them.

    Args:
        table: The table, with all rows of its file.
        named: Columns that options name as sizes, learning rate or seed.

    Raises:
        InputError: The values of a column stand inside their blocks.
    """
    settings = {
        i: c
        for i, c in enumerate(table.columns)
        if c.name in named or column_name(c.name).role in ROLES
    }
    rows = zip(*(c.values for c in settings.values()), strict=True)
    if any(all(value is None for value in row) for row in rows):
        return table
    columns = {
        i: starts
        for i, c in settings.items()
        if len(starts := [r for r, v in enumerate(c.values) if v is not None]) >= FEWEST
        and FEWEST * len(starts) <= len(c.values)
    }
    merged = {i for i, starts in columns.items() if _differ(table.columns[i], starts)}
    for i in merged:
        if columns[i][0] > 0:
            raise InputError(
                f"{table.positions[0]}: {table.columns[i].name} is blank, and in "
                f"{len(table.positions) - len(columns[i])} of {len(table.positions)} rows: where "
                "cells were merged, write the value in each of their rows"
            )
    blocks = {row for i in merged for row in columns[i]}
    merged |= {i for i, starts in columns.items() if merged and blocks.issuperset(starts)}
    if not merged:
        return table
    names = ", ".join(table.columns[i].name for i in sorted(merged))
    note = f"blank cells of {names} take the value above them, as merged cells leave them"
    filled = tuple(_filled(c) if i in merged else c for i, c in enumerate(table.columns))
    return replace(table, columns=filled, notes=(*table.notes, note))


def _differ(column: TableColumn, starts: list[int]) -> bool:
    """Whether each value of a column differs from the one before."""
    values = [column.values[row] for row in starts]
    return all(a != b for a, b in pairwise(values))


def _filled(column: TableColumn) -> TableColumn:
    """A column with the last value above each missing one."""
    cells: list[object] = []
    for cell, value in zip(column.cells, column.values, strict=True):
        cells.append(cells[-1] if value is None and cells else cell)
    return replace(column, cells=cells)
