"""Columns that a table has not, but says elsewhere: in the names of runs, or in its title.

`lr=Name~lr#` is the number after `lr` in the column Name, as in `d512-lr3e-4-b128`; `width=256` is
the width of all runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_options import ColumnOption, column_index, nearest
from mutransfer_cli.fit.tables.columns.known_names import ROLES, SHORT_NAMES
from mutransfer_cli.fit.tables.content.cells import cell_value
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn

IN, NUMBER = "~", "#"
DIGITS = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
PRODUCT = re.compile(r"(?<![A-Za-z0-9.])\d+x\d+(?![\dx])")  # width x depth, as in 3072x12


def with_stated_columns(table: RunTable, options: Iterable[ColumnOption]) -> RunTable:
    """The table with a column for each option that states numbers or where they are.

    Args:
        table: The table.
        options: The options; those that name a column add none.

    Raises:
        InputError: No cell holds such a number.
    """
    added = []
    for option in options:
        name, tilde, pattern = option.column.rpartition(IN)
        if option.column in table.names or option.column.startswith(NUMBER):
            continue
        if tilde and NUMBER in pattern:
            added.append(_from_texts(table, option, name, pattern))
        elif option.name in ROLES and column_index(table, option.column) is None:
            value = cell_value(option.column)
            if isinstance(value, float):
                added.append(TableColumn(option.column, [value] * len(table.positions)))
    return replace(table, columns=(*table.columns, *added)) if added else table


def stated_hint(table: RunTable, *roles: str) -> str:
    """The options that read roles from the names of runs; nothing where the names do not say one.

    Args:
        table: The table.
        roles: The roles that the table lacks, the most needed first.
    """
    for column in table.columns:
        texts = [v.strip() for v in column.values if isinstance(v, str) and v.strip()]
        if len(set(texts)) < 2 or len(texts) < len(column.values):
            continue
        patterns = {role: pattern for role in roles if (pattern := _pattern_of(role, texts))}
        if roles[0] not in patterns and (pattern := _pattern_of(roles[0], texts, constant=True)):
            patterns = {roles[0]: pattern, **patterns}
        if roles[0] in patterns:
            options = ",".join(f"{role}={column.name}{IN}{p}" for role, p in patterns.items())
            return f"{column.name} states it, as in {texts[0]!r}: pass --columns '{options}'"
    return ""


def _from_texts(table: RunTable, option: ColumnOption, name: str, pattern: str) -> TableColumn:
    """The numbers that the texts of a column hold where a pattern says."""
    index = column_index(table, name)
    if index is None:
        raise InputError(
            f"--columns {option.name}={option.column}: {table.source} has no column {name!r}; "
            f"{nearest(table, name)}"
        )
    find = _compiled(pattern)
    texts = ["" if cell is None else str(cell) for cell in table.columns[index].cells]
    found = [match[1] if (match := find.search(text)) else None for text in texts]
    if not any(found):
        raise InputError(
            f"--columns {option.name}={option.column}: no cell of {name} has a number as in "
            f"{pattern!r}, with {NUMBER} for the number; the first is {next(iter(texts), '')!r}"
        )
    return TableColumn(option.column, found)


def _compiled(pattern: str) -> re.Pattern[str]:
    """The expression of a pattern such as `lr#` or `-#x`; a word begins where no letter precedes.

    Raises:
        InputError: The pattern has no place for a number, or several.
    """
    before, _, after = pattern.partition(NUMBER)
    if NUMBER in after:
        raise InputError(f"--columns: {pattern!r}: expected one {NUMBER}, where the number is")
    start = r"(?<![A-Za-z])" if before[:1].isalpha() else "" if before else r"(?<![\d.])"
    return re.compile(f"{start}{re.escape(before)}({DIGITS}){re.escape(after)}")


def _pattern_of(role: str, texts: Sequence[str], *, constant: bool = False) -> str | None:
    """A pattern by which every text states a role; None without one.

    Args:
        role: The role.
        texts: The texts of a column.
        constant: Whether all texts may say the same.
    """
    names = [*sorted(ROLES[role].ranks, key=len, reverse=True)]
    names += [short for short, name in SHORT_NAMES.items() if name == role]
    begin = "|".join(re.escape(name) for name in names)
    match = re.search(rf"(?<![A-Za-z])(?:{begin})[=_:-]?(?=\d)", texts[0])
    patterns = [match[0] + NUMBER] if match else []
    if role in ("width", "depth") and all(len(PRODUCT.findall(text)) == 1 for text in texts):
        patterns.append(f"{NUMBER}x" if role == "width" else f"x{NUMBER}")
    for pattern in patterns:
        found = [match[1] if (match := _compiled(pattern).search(text)) else None for text in texts]
        if all(found) and (constant or len(set(found)) > 1):
            return pattern
    return None
