"""Tables with the losses of several runs in a row: one column for each learning rate, say."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

from mutransfer_cli.catalog.sizes import SIZES, TABLE_SIZES
from mutransfer_cli.fit.tables.columns.column_names import column_name, compared
from mutransfer_cli.fit.tables.columns.known_names import SHORT_NAMES
from mutransfer_cli.fit.tables.content.cells import cell_value
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn

FEWEST = 3  # columns that are named by numbers
FEWEST_NAMED = 2  # columns such as `seed 0`
SPREAD = ("lr", "seed", *SIZES, *TABLE_SIZES)  # roles of such columns
LARGEST_RATE = 100.0
_NAMED = re.compile(r"(?P<name>.*?[^\W\d])(?:\s*[=:]\s*|[ _]+)?(?P<number>[\d.].*)")
_SEED_LOSS = re.compile(r"(?P<loss>.*loss)[\W_]*(?:seed|s)[\W_]*(?P<seed>\d+)\W*", re.IGNORECASE)
_REMARK = re.compile(r"\s*\([^()]*\)\s*")  # d=256 (35M)
_CORNER = re.compile(r"(?P<rows>[^\\/]+?)\s*[\\/]+\s*(?P<columns>[^\\/]+)")  # width \ lr


def one_run_per_row(table: RunTable) -> RunTable:
    """The table with one run in each row, also where columns are named by values of one setting.

    Such columns are named by values (`lr=0.001`, `seed 0`), or by numbers alone: these are what
    the corner says (`width / lr`), or learning rates where the table has sizes but no rates, or
    widths where it has rates but no size.

    Args:
        table: A table of any form; one with a column of losses stays as it is.
    """
    names = [column_name(name) for name in table.names]
    seeds = {
        i: float(m["seed"]) for i, n in enumerate(table.names) if (m := _SEED_LOSS.fullmatch(n))
    }
    bases = {compared(_SEED_LOSS.sub(r"\g<loss>", table.names[i])) for i in seeds}
    if (
        len(seeds) >= FEWEST_NAMED
        and len(set(seeds.values())) == len(seeds)
        and len(bases) == 1
        and not any(n.role in ("loss", "seed") for i, n in enumerate(names) if i not in seeds)
    ):
        return _melted(table, "seed", seeds)
    if any(name.role == "loss" or "loss" in name.key.split("_") for name in names):
        return table
    across: dict[str, dict[int, float]] = defaultdict(dict)
    for index, name in enumerate(table.names):
        named, value = _value_of(name)
        if value is not None:
            across[named][index] = value
    named, values = max(across.items(), key=lambda item: len(item[1]), default=("", {}))
    if len(values) < (FEWEST_NAMED if named else FEWEST) or len(set(values.values())) < len(values):
        return table
    first = table.columns[0]
    corner = None if named else _CORNER.fullmatch(first.name.strip())
    of_corner = None if corner is None else column_name(corner["columns"]).role
    if corner is not None and of_corner in SPREAD:
        named, first = of_corner or "", replace(first, name=corner["rows"])
    roles = {column_name(first.name).role, *(name.role for name in names[1:])}
    role = named or _role_of_numbers(roles, list(values.values()))
    if not role or role in roles:
        return table
    return _melted(replace(table, columns=(first, *table.columns[1:])), role, values)


def _value_of(name: str) -> tuple[str, float | None]:
    """The role and the value in a column's name; no role in a number, no value in a word."""
    value = cell_value(name.strip())
    if isinstance(value, float):
        return "", value
    text = _REMARK.sub("", name).strip()
    match = _NAMED.fullmatch(text)
    if match is None:
        return "", None
    role, value = column_name(match["name"]).role, cell_value(match["number"])
    if role is None and "=" in text:
        role = SHORT_NAMES.get(match["name"].strip())
    return (role, value) if role in SPREAD and isinstance(value, float) else ("", None)


def _role_of_numbers(roles: set[str | None], values: list[float]) -> str:
    """What numbers that name columns are, by what the table lacks; nothing where that is unclear.

    Args:
        roles: The roles of the table's columns.
        values: The numbers.
    """
    sized = bool(roles & {"width", TABLE_SIZES[0]})
    if "lr" not in roles:
        return "lr" if sized and all(0 < value <= LARGEST_RATE for value in values) else ""
    whole = all(value >= 1 and value.is_integer() for value in values)
    return "width" if whole and not sized else ""


def _melted(table: RunTable, role: str, values: dict[int, float]) -> RunTable:
    """The table with a row for each cell of some columns that is not empty.

    Args:
        table: The table.
        role: What the names of these columns are values of.
        values: The value of each of these columns by its index.
    """
    rows = range(len(table.positions))
    cells = [
        (row, index)
        for row in rows
        for index in values
        if table.columns[index].values[row] is not None
    ]
    kept = [column for index, column in enumerate(table.columns) if index not in values]
    columns = [replace(c, cells=[c.cells[row] for row, _ in cells]) for c in kept]
    columns.append(TableColumn(role, [values[index] for _, index in cells]))
    losses = [table.columns[index].cells[row] for row, index in cells]
    comma = any(table.columns[index].decimal_comma for index in values)
    columns.append(TableColumn("loss", losses, decimal_comma=comma))
    first, *_, last = (table.names[index] for index in values)
    empty = len(rows) * len(values) - len(cells)
    note = f"the columns {first} to {last} hold the losses of one {role} each"
    return replace(
        table,
        columns=tuple(columns),
        positions=[f"{table.positions[row]}, column {table.names[i]}" for row, i in cells],
        notes=(*table.notes, note + (f"; {empty} of their cells are empty" if empty else "")),
    )
