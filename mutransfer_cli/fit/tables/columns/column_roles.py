"""Decides which column of a table has which role, and asks where that is not clear."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from shlex import quote

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_names import (
    ColumnName,
    column_name,
    compared,
)
from mutransfer_cli.fit.tables.columns.column_options import (
    EVERYTHING_ELSE,
    IGNORE,
    ColumnOption,
    chosen_column,
)
from mutransfer_cli.fit.tables.columns.column_values import transformed
from mutransfer_cli.fit.tables.columns.known_names import FACTOR_WORDS, ROLES, TABLE_SIZE_ROLES
from mutransfer_cli.fit.tables.columns.run_states import flag_states, is_state_column
from mutransfer_cli.fit.tables.content.cells import Spread
from mutransfer_cli.fit.tables.content.quotients import quotient_of
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn
from mutransfer_cli.fit.tables.content.understanding import IgnoredColumn, alternatives, joined

AUXILIARY = FACTOR_WORDS | {"aux", "auxiliary", "z", "balancing", "router"}  # not the loss itself
SMOOTHED = {"smooth", "smoothed", "ema", "ewma"}
LAST_STEP = {"loss", "final_loss", "loss_final", "last_loss"}  # beside a smoothed one
SAME_FLOAT = 1e-6  # relative difference of numbers that were written with different precision
DEVIATION_WORDS = {"std", "sd", "stdev", "stddev", "se", "sem", "stderr", "mean", "standard"}
DEVIATION_WORDS |= {"deviation", "error", "err"}
MEANS = {"mean", "average", "avg"}  # columns that say no more, as pandas' agg writes them
DEVIATIONS_OF_MEANS = {"std", "sd", "stdev", "stddev"}


@dataclass
class ColumnRoles:
    """The columns of a table by role.

    Attributes:
        columns: The column of each role that the table has.
        states: The columns that say how runs ended.
        hyperparameters: The columns that the user named as hyperparameters.
        others: All columns without a role.
        ignored: Columns that are passed over for another one, with reasons.
    """

    columns: dict[str, TableColumn] = field(default_factory=dict)
    states: list[TableColumn] = field(default_factory=list)
    hyperparameters: dict[str, TableColumn] = field(default_factory=dict)
    others: list[TableColumn] = field(default_factory=list)
    ignored: list[IgnoredColumn] = field(default_factory=list)

    @property
    def sizes(self) -> dict[str, TableColumn]:
        """The columns of sizes."""
        return {name: self.columns[name] for name in TABLE_SIZE_ROLES if name in self.columns}


@dataclass(frozen=True)
class Candidate:
    """A column that could have a role."""

    column: TableColumn
    name: ColumnName

    @property
    def varies(self) -> bool:
        """Whether the column holds more than one value."""
        return len({v for v in self.column.values if v is not None}) > 1


def assign_roles(table: RunTable, options: Sequence[ColumnOption] = ()) -> ColumnRoles:
    """The roles of a table's columns: those of the options, then those that the names say.

    Raises:
        InputError: An option names no column, or several columns could have one role.
    """
    roles = ColumnRoles()
    chosen: dict[int, str] = {}
    for option in options:
        if (option.name, option.column) == EVERYTHING_ELSE:
            continue
        index, column = chosen_column(table, option)
        chosen[index] = option.name
        if option.name == IGNORE:
            roles.ignored.append(IgnoredColumn(column.name, "as --columns says"))
            continue
        refuse_unclear(table, column_name(column.name), column)
        if option.name == "state":
            roles.states.append(column)
        elif option.name in ROLES:
            roles.columns[option.name] = column
        else:
            roles.hyperparameters[option.name] = column
    candidates: dict[str, list[Candidate]] = defaultdict(list)
    names = frozenset(table.names)
    for index, column in enumerate(table.columns):
        if index in chosen:
            continue
        name = column_name(without_repetition(column.name, names))
        refuse_unclear(table, name, column)
        flags = flag_states(column, name.key)
        if (quotient := quotient_of(table, column)) is not None:
            roles.ignored.append(IgnoredColumn(column.name, quotient))
        elif flags is not None:
            roles.states.append(flags)
        elif name.role is None or is_tag(column, name) or not could_be(column, name):
            roles.others.append(transformed(column, name) if name.role is None else column)
        elif name.role in chosen.values():
            roles.ignored.append(IgnoredColumn(column.name, f"{name.role} is another column"))
        else:
            candidates[name.role].append(Candidate(transformed(column, name), name))
    if EVERYTHING_ELSE in [(option.name, option.column) for option in options]:
        roles.ignored += [IgnoredColumn(c.name, "as --columns says") for c in roles.others]
        roles.others = []
    roles.states += [one.column for one in candidates.pop("state", [])]
    for role, several in candidates.items():
        best = decide(table, role, several, roles)
        roles.columns[role] = best
    if "loss" not in roles.columns:
        loss_by_its_name(table, roles)
    pair_deviation(roles)
    return roles


def refuse_unclear(table: RunTable, name: ColumnName, column: TableColumn) -> None:
    """Refuse a column whose name has a power of ten that can be read in two ways.

    Raises:
        InputError: It has.
    """
    if name.unclear is not None:
        raise InputError(
            f"{table.header}: {column.name!r}: are its cells {name.key} times {name.unclear:g}, or "
            f"{name.key} in units of {name.unclear:g}? Write the numbers themselves in a column "
            f"{name.key}"
        )


def is_tag(column: TableColumn, name: ColumnName) -> bool:
    """Whether an export marks a column as a label; MLflow's `info.status` is that of the run."""
    return name.origin == "tag" and not (name.role == "state" and column.name.startswith("info."))


def without_repetition(name: str, names: Collection[str]) -> str:
    """The name without the number that pandas appends to a repeated name."""
    match = re.fullmatch(r"(.+)\.\d+", name)
    return match[1] if match and match[1] in names else name


def could_be(column: TableColumn, name: ColumnName) -> bool:
    """Whether the content of a column fits the role that its name stands for."""
    if name.role == "state":
        return is_state_column(column)
    if name.rank == 0 or name.role == "seed":
        return not empty(column)
    return any(isinstance(value, float | Spread) for value in column.values)


def empty(column: TableColumn) -> bool:
    """Whether a column holds nothing."""
    return all(value is None for value in column.values)


def decide(
    table: RunTable, role: str, candidates: list[Candidate], roles: ColumnRoles
) -> TableColumn:
    """The best of several columns for a role; the others are ignored.

    Args:
        table: The table.
        role: The role.
        candidates: The columns whose names stand for the role.
        roles: Receives the columns that are passed over.

    Raises:
        InputError: Two columns are equally good, or they contradict each other.
    """
    outcome = role.startswith("loss")
    elsewhere = "setting" if outcome else "outcome"
    last_step = role == "loss" and any(is_smoothed(c.name) for c in candidates)
    ordered = sorted(
        candidates,
        key=lambda c: (
            c.name.origin == elsewhere,
            not (outcome or c.varies),
            last_step and c.name.key in LAST_STEP,
            c.name.rank,
        ),
    )
    best = ordered[0]
    for other in ordered[1:]:
        if other.column.values == best.column.values:
            reason = f"the same as {best.column.name}"
        elif outcome and other.name.rank != best.name.rank:
            reason = "another loss"
        elif role in ("params", "tokens", "flops") and other.name.rank != best.name.rank:
            reason = f"another count of {role}"
        elif other.name.key != best.name.key and not outcome and not other.varies:
            reason = "constant"
        elif other.name.origin == elsewhere != best.name.origin:
            reason = "logged during training"
        elif not outcome and follows(other.column, best.column):
            reason = f"follows from {best.column.name}"
        else:
            named = alternatives(c.column.name for c in (best, other))
            if best.column.name == other.column.name:
                numbers = [i for i, n in enumerate(table.names, 1) if n == best.column.name]
                every = "both" if len(numbers) == 2 else "all"
                shown = joined([str(number) for number in numbers])
                named = f"columns {shown} are {every} {best.column.name!r}"
                raise InputError(
                    f"{table.header}: {named}; pass --columns {role}=#{numbers[0]}, or rename one"
                )
            raise InputError(
                f"{table.header}: {role} could be {named}; pass --columns "
                + quote(f"{role}={best.column.name}")
            )
        roles.ignored.append(IgnoredColumn(other.column.name, reason))
    return best.column


def is_smoothed(name: ColumnName) -> bool:
    """Whether a loss is a mean over the last steps, beside which `loss` is that of the last one."""
    return bool(SMOOTHED & set(name.key.split("_")))


def follows(column: TableColumn, source: TableColumn) -> bool:
    """Whether a column is a function of another that repeats its values."""
    return follows_from(column.values, source.values)


def follows_from(values: Sequence[object], keys: Sequence[object]) -> bool:
    """Whether values are a function of keys that repeat."""
    known: dict[object, object] = {}
    for value, key in zip(values, keys, strict=True):
        if not same_value(known.setdefault(key, value), value):
            return False
    return 2 * len(known) <= len(values)


def same_value(one: object, other: object) -> bool:
    """Whether two values are equal up to the rounding of floats."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or abs(one - other) <= SAME_FLOAT * max(abs(one), abs(other))
    return one == other


def loss_by_its_name(table: RunTable, roles: ColumnRoles) -> None:
    """Take the one column that has the word loss in its name as the loss.

    Raises:
        InputError: Several columns have it.
    """
    candidates = [
        column
        for column in roles.others
        if "loss" in (words := set(re.split("_", column_name(column.name).key)))
        and not words & (AUXILIARY | DEVIATION_WORDS - {"mean"})
        and any(isinstance(value, float | tuple) for value in column.values)
    ]
    if len(candidates) > 1:
        raise InputError(
            f"{table.header}: no column 'loss'; it could be "
            f"{alternatives(c.name for c in candidates)}: pass --columns "
            + quote(f"loss={candidates[0].name}")
        )
    if candidates:
        roles.columns["loss"] = candidates[0]
        roles.others.remove(candidates[0])


def pair_deviation(roles: ColumnRoles) -> None:
    """Pair the loss with its deviation; drop that of another loss, and counts without one."""
    loss = roles.columns.get("loss")
    if loss is not None and compared(loss.name) in MEANS:
        beside = [c for c in roles.others if compared(c.name) in DEVIATIONS_OF_MEANS]
        if len(beside) == 1 and "loss_sd" not in roles.columns:
            roles.others.remove(beside[0])
            roles.columns["loss_sd"] = beside[0]
    for role in ("loss_sd", "loss_stderr"):
        column = roles.columns.get(role)
        if column is None:
            continue
        words = set(column_name(column.name).key.split("_")) - DEVIATION_WORDS - {"loss"}
        if loss is None or not words <= set(compared(loss.name).split("_")):
            roles.ignored.append(IgnoredColumn(column.name, "the deviation of another loss"))
            del roles.columns[role]
    if "runs" in roles.columns:
        spread = loss is not None and any(isinstance(value, Spread) for value in loss.values)
        mean = loss is not None and "mean" in compared(loss.name)
        if not (spread or mean or {"loss_sd", "loss_stderr"} & roles.columns.keys()):
            name = roles.columns.pop("runs").name
            roles.ignored.append(IgnoredColumn(name, "a count without a deviation of the loss"))
