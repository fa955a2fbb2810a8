"""From a table of runs to the observations that `fit` takes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from mutransfer_cli.catalog.axes import BUILT_IN
from mutransfer_cli.catalog.sizes import FURTHER_AXES, SIZES, TABLE_SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.base_rates import check_rate_options, hidden_lr_factor
from mutransfer_cli.fit.tables.cell_checks import has_no_logarithm, loss_of, numbers
from mutransfer_cli.fit.tables.columns.code_and_data import code_notes, refuse_mixed_data
from mutransfer_cli.fit.tables.columns.column_options import column_options
from mutransfer_cli.fit.tables.columns.column_roles import ColumnRoles, assign_roles
from mutransfer_cli.fit.tables.columns.hyperparameter_columns import searched_columns
from mutransfer_cli.fit.tables.columns.known_names import ROLES
from mutransfer_cli.fit.tables.columns.missing_column import require
from mutransfer_cli.fit.tables.columns.run_states import endings
from mutransfer_cli.fit.tables.content.cells import absent
from mutransfer_cli.fit.tables.content.run_table import IgnoredRow, RunTable, TableColumn
from mutransfer_cli.fit.tables.content.understanding import IgnoredColumn, Understanding, joined
from mutransfer_cli.fit.tables.odd_losses import odd_loss, odd_loss_notes
from mutransfer_cli.fit.tables.opened_table import opened_table
from mutransfer_cli.fit.tables.repeats import assign_seeds
from mutransfer_cli.fit.tables.row_numbers import (
    certain,
    deviations_of,
    hyperparameters_of,
    seeds_of,
    sizes_of,
)
from mutransfer_cli.surface.observation import Observation

log = logging.getLogger(__name__)

BUILT_IN_SIZES = tuple(row.size for row in BUILT_IN)
FURTHER_SIZES = (*(row.size for row in FURTHER_AXES), *TABLE_SIZES)


@dataclass(frozen=True)
class TableRuns:
    """The runs of a table.

    Attributes:
        observations: The runs that finished, diverged or were pruned.
        understanding: Which columns and rows they come from.
    """

    observations: list[Observation]
    understanding: Understanding


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run: its loss, and how it ended."""

    loss: float | None
    deviation: float | None
    pruned: bool


def read_runs(
    source: str,
    *,
    columns: Sequence[str] = (),
    where: Sequence[str] = (),
    study: str | None = None,
    lr_is: str = "base",
    optimizer: str = "adamw",
    base_width: int | None = None,
    named: Collection[str] = (),
) -> TableRuns:
    """Read a table of runs of any format.

    Args:
        source: Path of a file, or the address of an Optuna storage.
        columns: Texts of `--columns`, such as `width=d_model,loss=eval/loss`.
        where: Conditions on rows, such as `optimizer=adamw`.
        study: Name of the study, for an Optuna storage with several.
        lr_is: `base` if learning rates are quoted at the base; `raw` if they are those of the
            hidden matrices, which are then divided by muP's factor for these.
        optimizer: The optimizer of the runs, for raw rates.
        base_width: Width at which rates are quoted; by default the smallest in the table.
        named: The sizes that a target names.

    Raises:
        InputError: An option or the table is wrong; the message names line and column.
    """
    check_rate_options(lr_is, optimizer)
    options = column_options(columns)
    table = opened_table(source, options, where, study)
    roles = assign_roles(table, options)
    require(table, roles, "width", TABLE_SIZES[0])
    require(table, roles, "lr")
    require(table, roles, "loss")
    table, results = runs_with_results(table, roles)
    roles = assign_roles(table, options)
    refuse_mixed_data(table, roles.others)
    searched, ignored = searched_columns(table, roles)
    runs = observations_of(table, roles, searched, results, named)
    if lr_is == "raw":
        runs = replace(runs, observations=at_the_base(table, runs, optimizer, base_width))
    understanding = runs.understanding
    understanding = replace(
        understanding,
        columns=(*roles.ignored, *ignored, *understanding.columns),
        rows=(*table.ignored, *understanding.rows),
        notes=(*table.notes, *understanding.notes, *code_notes(roles.others, roles.sizes)),
    )
    log.info("%s: runs: %d; %s", source, len(runs.observations), understanding.line)
    return replace(runs, understanding=understanding)


def runs_with_results(table: RunTable, roles: ColumnRoles) -> tuple[RunTable, list[Result]]:
    """The rows of runs that finished, diverged or were pruned, and their results.

    Raises:
        InputError: A cell holds something else than a loss or a state, or no row is left.
    """
    ignored: list[IgnoredRow] = []
    rows, results = [], []
    odd: list[tuple[str, str]] = []
    needed = {
        name: column
        for name, column in roles.columns.items()
        if name in ("lr", *SIZES, *TABLE_SIZES) and name in roles.columns
    }
    loss_column = roles.columns["loss"]
    for row, (ending, word) in enumerate(endings(table, roles.states)):
        if ending == "failed":
            ignored.append(IgnoredRow(table.positions[row], f"state is {word.lower()}"))
            continue
        missing = next((n for n, column in needed.items() if absent(column.values[row])), None)
        if missing is not None:
            ignored.append(IgnoredRow(table.positions[row], f"no {missing}"))
            continue
        if needed["lr"].values[row] == 0.0:
            ignored.append(IgnoredRow(table.positions[row], has_no_logarithm("lr")))
            continue
        loss, deviation, reason = loss_of(table, loss_column, row)
        if reason and ending == "finished":
            ignored.append(IgnoredRow(table.positions[row], reason))
            continue
        finished = ending == "finished"
        if finished and (text := odd_loss(loss_column, row)) is not None:
            odd.append((text, table.positions[row]))
        rows.append(row)
        results.append(Result(loss if finished else None, deviation, ending == "pruned"))
    if not rows:
        counts = Counter(row.reason for row in ignored)
        reasons = ", ".join(f"{count} × {reason}" for reason, count in counts.items())
        raise InputError(f"{table.source}: no run with a result; ignored {reasons}")
    selected = table.select(rows, ignored)
    return replace(selected, notes=(*selected.notes, *odd_loss_notes(odd))), results


def observations_of(
    table: RunTable,
    roles: ColumnRoles,
    searched: dict[str, TableColumn],
    results: Sequence[Result],
    named: Collection[str] = (),
) -> TableRuns:
    """The observations of a table's rows.

    Args:
        table: The rows with results.
        roles: The roles of its columns.
        searched: The columns of searched hyperparameters besides the learning rate.
        results: The result of each row.
        named: The sizes that a target names.

    Raises:
        InputError: A cell holds something else than its column requires.
    """
    rows, params, ignored = hyperparameters_of(table, searched)
    sizes, dropped, notes = sizes_of(table, roles, rows, named)
    lrs = certain(numbers(table, roles.columns["lr"], rows, "lr"))
    losses = [results[row].loss for row in rows]
    names = list(sizes)
    points = list(zip(*sizes.values(), lrs, *params.values(), strict=True))
    repeats = assign_seeds(
        points, losses, seeds_of(table, roles, rows), [table.positions[row] for row in rows]
    )
    deviations = deviations_of(table, roles, rows, [results[row].deviation for row in rows])
    observations = []
    for i, seed in repeats.seeds.items():
        point = dict(zip(names, points[i], strict=False))
        own = {name: round(point[name]) for name in BUILT_IN_SIZES if name in point}
        deviation, runs = deviations[i]
        observations.append(
            Observation(
                width=own.pop("width", None),
                lr=lrs[i],
                seed=seed,
                loss=losses[i],
                **own,
                further_sizes={name: point[name] for name in FURTHER_SIZES if name in point},
                params={name: values[i] for name, values in params.items()},
                pruned=results[rows[i]].pruned,
                loss_sd=deviation,
                runs=runs,
            )
        )
    understanding = Understanding(
        used=used_columns(roles, searched, dropped),
        columns=dropped,
        rows=(*ignored, *repeats.ignored),
        notes=(*notes, *repeats.notes),
    )
    return TableRuns(observations, understanding)


def used_columns(
    roles: ColumnRoles, searched: dict[str, TableColumn], dropped: Sequence[IgnoredColumn]
) -> dict[str, str]:
    """The name of each used column by its role or hyperparameter."""
    unused = {column.name for column in dropped}
    columns = [(n, c) for n, c in roles.columns.items() if c.name not in unused and n != "flops"]
    order = list(ROLES)
    used = {name: c.name for name, c in sorted(columns, key=lambda item: order.index(item[0]))}
    used |= {name: column.name for name, column in searched.items()}
    states = [column.name for column in roles.states]
    return used | ({"state": joined(states)} if states else {})


def at_the_base(
    table: RunTable, runs: TableRuns, optimizer: str, base_width: int | None
) -> list[Observation]:
    """Observations whose raw rates of hidden matrices are quoted at the base.

    Args:
        table: The table, for messages.
        runs: Its runs.
        optimizer: Name of the optimizer.
        base_width: Width at which rates are quoted; None: the smallest of the runs.

    Raises:
        InputError: The table has no widths.
    """
    widths = [o.width for o in runs.observations if o.width is not None]
    if not widths:
        raise InputError(f"--lr-is raw: {table.source} has no column 'width'")
    base = base_width or min(widths)
    factor = {width: hidden_lr_factor(optimizer, width / base) for width in set(widths)}
    return [replace(o, lr=o.lr / factor[w]) for o, w in zip(runs.observations, widths, strict=True)]
