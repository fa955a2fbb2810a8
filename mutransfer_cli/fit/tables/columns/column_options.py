"""The options by which a user says what columns mean, and which rows count."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_names import column_name, compared
from mutransfer_cli.fit.tables.columns.column_values import (
    exponentials,
    logarithms,
    subtracted,
    transformed,
)
from mutransfer_cli.fit.tables.content.cells import Value, cell_value
from mutransfer_cli.fit.tables.content.run_table import IgnoredRow, RunTable, TableColumn
from mutransfer_cli.fit.tables.content.understanding import EXCLUDED, alternatives

IGNORE = "ignore"
EVERYTHING_ELSE = (IGNORE, "*")  # as name and column: all columns without a role
BASES = {"2": 2.0, "10": 10.0, "e": math.e}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
DIFFERENCE = re.compile(r"(\d+(?:\.\d+)?)?\s*-\s*(.+)")  # such as 1-accuracy, -reward
LOGARITHM = re.compile(r"(?:ln|log)\((.+)\)")  # such as log(perplexity)
CONDITION = re.compile(r"\s*(.+?)\s*(>=|<=|!=|==|=|>|<)\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class ColumnOption:
    """One `NAME=COLUMN` of `--columns`.

    Attributes:
        name: A role, the name of a hyperparameter, or `ignore`.
        column: The name of the column, `#N` for the Nth, `2^NAME`, `10^NAME`, `e^NAME` for a
            column of logarithms, `log(NAME)` for a perplexity, or `-NAME`, `1-NAME` for one that
            was maximized.
    """

    name: str
    column: str


def column_options(texts: Iterable[str]) -> tuple[ColumnOption, ...]:
    """Parse `--columns width=d_model,loss=eval/loss`, given once or repeatedly.

    Raises:
        InputError: A part is not of the form `NAME=COLUMN`.
    """
    options = []
    for text in texts:
        for part in re.split(r",(?=[^,=]+=)", text):
            name, equals, column = (piece.strip() for piece in part.partition("="))
            if not (name and equals and column):
                raise InputError(
                    f"--columns {text}: expected NAME=COLUMN, such as width=d_model,loss=eval/loss"
                )
            options.append(ColumnOption(name, column))
    repeated = [o.name for o in options if sum(p.name == o.name for p in options) > 1]
    if any(name != IGNORE for name in repeated):
        raise InputError(f"--columns: {repeated[0]} is named twice; expected one column for it")
    return tuple(options)


def chosen_column(table: RunTable, option: ColumnOption) -> tuple[int, TableColumn]:
    """The column that an option names, and its index.

    Raises:
        InputError: The table has no such column, or several.
    """
    base, caret, argument = option.column.partition("^")
    name = argument if caret and base in BASES else option.column
    difference = None if name in table.names else DIFFERENCE.fullmatch(name)
    logarithm = None if name in table.names else LOGARITHM.fullmatch(name)
    if difference is not None:
        name = difference[2]
    elif logarithm is not None:
        name = logarithm[1].strip()
    index = column_index(table, name)
    if index is None:
        raise InputError(
            f"--columns {option.name}={option.column}: {table.source} has no column {name!r}; "
            f"{nearest(table, name)}"
        )
    column = table.columns[index]
    if difference is not None:
        best = float(difference[1] or 0)
        return index, subtracted(transformed(column, column_name(column.name)), best)
    if logarithm is not None:
        return index, logarithms(column)
    if name is argument and caret:
        return index, exponentials(column, BASES[base])
    return index, transformed(column, column_name(table.names[index]))


def column_index(table: RunTable, name: str) -> int | None:
    """The index of the column of a name, also in other case or spelling; None if there is none.

    Raises:
        InputError: Several columns have this name.
    """
    if re.fullmatch(r"#\d+", name):
        index = int(name[1:]) - 1
        return index if 0 <= index < len(table.columns) else None
    for same in (
        lambda other: other == name,
        lambda other: compared(other) == compared(name),
        lambda other: column_name(other).key == compared(name),
    ):
        indices = [i for i, other in enumerate(table.names) if same(other)]
        if len(indices) > 1:
            found = alternatives(f"#{i + 1}" for i in indices).replace("'", "")
            raise InputError(
                f"{table.header}: {len(indices)} columns are named {name!r}; write {found}, the "
                f"number of the column"
            )
        if indices:
            return indices[0]
    return None


def nearest(table: RunTable, *names: str) -> str:
    """The columns whose names are nearest to one of several, as the end of a message."""
    keys = {column_name(other).key: other for other in table.names if other}
    close = dict.fromkeys(
        keys[key]
        for name in names
        for key in get_close_matches(compared(name), keys, n=3, cutoff=0.6 if names[1:] else 0.5)
    )
    if close:
        return f"nearest: {', '.join(list(close)[:3])}"
    present = [other or "(unnamed)" for other in table.names]
    return f"found {', '.join(present[:20])}{', …' if len(present) > 20 else ''}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on rows, such as `params>4e8` or `optimizer=adamw`.

    Attributes:
        column: Name of the column, or the role of one.
        comparison: One of `COMPARISONS`.
        value: The number or text to compare with.
    """

    column: str
    comparison: str
    value: Value

    def holds(self, value: Value) -> bool:
        """Whether a cell satisfies the condition; a missing cell never does."""
        if isinstance(self.value, float):
            return isinstance(value, float) and COMPARISONS[self.comparison](value, self.value)
        if value is None or isinstance(value, float | tuple):
            return False
        same = value.strip().lower() == str(self.value).strip().lower()
        return same if self.comparison in ("=", "==") else not same


def condition(text: str, option: str = "--where") -> Condition:
    """Parse a condition.

    Raises:
        InputError: The text is no condition.
    """
    match = CONDITION.fullmatch(text)
    value = cell_value(match[3]) if match else None
    text_compared = match is not None and match[2] not in ("=", "==", "!=")
    if match is None or value is None or (text_compared and not isinstance(value, float)):
        raise InputError(f"{option} {text}: expected a condition such as params>4e8 or state=done")
    return Condition(match[1], match[2], value)


def rows_where(table: RunTable, conditions: Sequence[Condition]) -> RunTable:
    """The rows that satisfy all conditions; the others are listed as ignored.

    Raises:
        InputError: A condition names no column, or no row satisfies all of them.
    """
    rows = list(range(len(table.positions)))
    for one in conditions:
        index = column_index(table, one.column)
        if index is None:
            roles = [column_name(name).role for name in table.names]
            index = roles.index(one.column) if one.column in roles else None
        if index is None:
            raise InputError(
                f"--where: {table.source} has no column {one.column!r}; "
                f"{nearest(table, one.column)}"
            )
        values = table.columns[index].values
        rows = [row for row in rows if one.holds(values[row])]
    if not conditions:
        return table
    if not rows:
        raise InputError(f"{table.source}: no row satisfies --where")
    kept = set(rows)
    ignored = [
        IgnoredRow(position, EXCLUDED)
        for row, position in enumerate(table.positions)
        if row not in kept
    ]
    return table.select(rows, ignored)
