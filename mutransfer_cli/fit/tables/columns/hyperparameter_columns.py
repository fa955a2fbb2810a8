"""Decides which of the columns without a role are searched hyperparameters."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_names import column_name
from mutransfer_cli.fit.tables.columns.column_roles import ColumnRoles, empty, follows, follows_from
from mutransfer_cli.fit.tables.columns.known_names import (
    FACTOR_WORDS,
    HARDWARE_WORDS,
    HYPERPARAMETERS,
    IGNORED_NAMES,
    RESULT_WORDS,
    TIME_WORDS,
)
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn
from mutransfer_cli.fit.tables.content.understanding import IgnoredColumn, alternatives

FEW = 24  # a designed hyperparameter has at most this number of values
# of the rows of a history
STEP_NAMES = {"step", "_step", "epoch", "iteration", "iter", "global_step", "trainer_global_step"}
# Choices that change what the loss is a function of.
CHOICES = {"optimizer", "opt", "parametrization", "parameterization", "dataset", "schedule"}
CHOICES |= {"lr_schedule", "scheduler", "activation", "arch", "architecture", "model_type"}
CHOICES |= {"precision", "dtype", "tokenizer"}


def searched_columns(
    table: RunTable, roles: ColumnRoles
) -> tuple[dict[str, TableColumn], list[IgnoredColumn]]:
    """The searched hyperparameters besides the learning rate, and the columns to ignore.

    Args:
        table: The runs that are used.
        roles: The roles of the columns of this table.

    Raises:
        InputError: A column may be a hyperparameter or not, or it separates runs by a choice.
    """
    searched = dict(roles.hyperparameters)
    ignored: list[IgnoredColumn] = []
    unclear: list[TableColumn] = []
    for column in roles.others:
        name = hyperparameter_name(column, roles)
        refuse_history(table, column, roles)
        reason = reason_by_name(column) or reason_by_content(column, roles)
        if reason is None and is_text(column):
            reason = reason_of_text(table, column, roles)
        if reason is not None:
            ignored.append(IgnoredColumn(column.name or "(unnamed)", reason))
        elif name is not None or designed(column, roles):
            searched[name or column_name(column.name).key] = column
        else:
            unclear.append(column)
    if unclear:
        named = ", ".join(repr(column.name) for column in unclear[:8])
        key = column_name(unclear[0].name).key
        raise InputError(
            f"{table.header}: {named}: hyperparameter or result? Pass --columns "
            f"{key}={unclear[0].name} to search it, --columns ignore={unclear[0].name} to leave it "
            f"out, or --columns 'ignore=*' to leave out all columns without a meaning"
        )
    return searched, ignored


def refuse_history(table: RunTable, column: TableColumn, roles: ColumnRoles) -> None:
    """Refuse a table with several rows for each run, one for each logged step.

    Raises:
        InputError: Rows that are equal in everything known differ by their steps.
    """
    if column_name(column.name).key not in STEP_NAMES or "loss" not in roles.columns:
        return
    values = [
        step if isinstance(loss, float) and not math.isnan(loss) else None
        for step, loss in zip(column.values, roles.columns["loss"].values, strict=True)
    ]
    steps = {value for value in values if isinstance(value, float)}
    if 2 * len(steps) <= len(values) and separates(values, roles):
        raise InputError(
            f"{table.header}: {column.name}: several rows for each run; take the last with --where "
            f"'{column.name}={max(steps):.12g}', or pass --columns steps={column.name} if it is "
            f"the length of the training"
        )


def hyperparameter_name(column: TableColumn, roles: ColumnRoles) -> str | None:
    """The name of a hyperparameter that a column's name stands for; None if it stands for none."""
    name = column_name(column.name)
    known = HYPERPARAMETERS.get(name.key)
    if known == "std" and "seed" not in roles.columns:
        return None  # it may be the deviation of the loss
    if known is not None:
        return known
    last = name.key.rpartition("_")[2]
    return name.key if name.origin == "setting" or last in FACTOR_WORDS else None


def reason_by_name(column: TableColumn) -> str | None:
    """Why a column is ignored by its name; None if the name does not say so."""
    name = column_name(column.name)
    if not name.key:
        return "index"
    if name.origin == "tag":
        return "tag"
    if name.key in IGNORED_NAMES:
        return IGNORED_NAMES[name.key]
    if name.role is not None and not empty(column):
        return "not needed"
    words = set(re.split("_", name.key))
    if words & TIME_WORDS and name.key not in HYPERPARAMETERS:
        return "time"
    if words & HARDWARE_WORDS:
        return "hardware"
    last = name.key.rpartition("_")[2]
    result = name.origin == "outcome" or bool(words & RESULT_WORDS)
    if result and name.key not in HYPERPARAMETERS and last not in FACTOR_WORDS:
        return "another loss" if "loss" in words else "result"
    return None


def reason_by_content(column: TableColumn, roles: ColumnRoles) -> str | None:
    """Why a column is ignored by what it holds; None if its content does not say so."""
    present = {value for value in column.values if value is not None}
    if not present:
        return "empty"
    if len(present) == 1:
        return "all zero" if present == {0.0} else "constant"
    if len(column.values) < 4:
        return None
    for role, source in roles.columns.items():
        if role == "lr" and sampled_beside(column, source):
            continue
        if role != "loss" and source.values != column.values and follows(column, source):
            return f"follows from {source.name}"
        if role != "loss" and source.values == column.values:
            return f"the same as {source.name}"
    sizes = list(zip(*(c.values for c in roles.sizes.values()), strict=True))
    if len(roles.sizes) > 1 and follows_from(column.values, sizes):
        return "follows from the sizes"
    return None


def sampled_beside(column: TableColumn, rates: TableColumn) -> bool:
    """Whether a column was drawn together with the rates, and is not computed from them.

    Where every rung repeats one set of random settings, each rate occurs with one value of every
    other hyperparameter. What is computed from a rate rises or falls with it.
    """
    pairs = sorted(
        {
            (rate, value)
            for rate, value in zip(rates.values, column.values, strict=True)
            if isinstance(rate, float) and isinstance(value, float)
        }
    )
    changes = [later[1] - earlier[1] for earlier, later in pairwise(pairs)]
    return any(change > 0 for change in changes) and any(change < 0 for change in changes)


def is_text(column: TableColumn) -> bool:
    """Whether a column holds words."""
    return any(isinstance(value, str) for value in column.values)


def reason_of_text(table: RunTable, column: TableColumn, roles: ColumnRoles) -> str | None:
    """The reason for which a column of words is ignored.

    Raises:
        InputError: Its words separate runs that are otherwise equal, or name a choice that
            changes the loss.
    """
    words = list(dict.fromkeys(str(value) for value in column.values))
    if is_choice(column, roles):
        shown = alternatives(words[:4])
        raise InputError(
            f"{table.header}: {column.name}: runs differ in it ({shown}); pick one with --where "
            f"'{column.name}={words[0]}', or pass --columns ignore={column.name}"
        )
    return "text"


def is_choice(column: TableColumn, roles: ColumnRoles) -> bool:
    """Whether words name a choice that changes the loss, or separate runs that are else equal."""
    values = [str(value) for value in column.values]
    if column_name(column.name).key in CHOICES:
        return True
    return 2 * len(set(values)) <= len(values) and separates(values, roles)


def choice_notes(roles: ColumnRoles) -> list[str]:
    """Says of a table of which all rows are used that they differ in choices.

    Args:
        roles: The roles of the columns.
    """
    notes = []
    for column in roles.others:
        words = list(dict.fromkeys(str(value) for value in column.values))
        text = is_text(column) and reason_by_name(column) is None
        if text and len(words) > 1 and is_choice(column, roles):
            notes.append(
                f"runs differ in {column.name} ({alternatives(words[:4])}); pick one with --where "
                f"'{column.name}={words[0]}'"
            )
    return notes


def setting_keys(roles: ColumnRoles) -> list[tuple[object, ...]]:
    """The known sizes and hyperparameters of each run."""
    columns = [
        *roles.sizes.values(),
        *roles.hyperparameters.values(),
        *(roles.columns[name] for name in ("lr", "seed", "flops") if name in roles.columns),
    ]
    return list(zip(*(column.values for column in columns), strict=True))


def separates(values: Sequence[object], roles: ColumnRoles) -> bool:
    """Whether runs that are equal in everything known differ in a column."""
    groups: Mapping[tuple[object, ...], set[object]] = defaultdict(set)
    keys = setting_keys(roles) or [()] * len(values)
    for key, value in zip(keys, values, strict=True):
        if value is not None:
            groups[key].add(value)
    return any(len(group) > 1 for group in groups.values())


def designed(column: TableColumn, roles: ColumnRoles) -> bool:
    """Whether a column was set by design: few values, which recur and are crossed with others."""
    values = [value for value in column.values if value is not None]
    distinct = set(values)
    if len(distinct) > FEW or 2 * len(distinct) > len(values):
        return False
    return separates(column.values, roles)
