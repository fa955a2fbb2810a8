"""Loss curves from a table: one row for each step that was logged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import isfinite, nan
from pathlib import Path

import numpy as np

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.cell_checks import numbers
from mutransfer_cli.fit.tables.columns.column_names import compared
from mutransfer_cli.fit.tables.columns.known_names import ROLES
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn
from mutransfer_cli.fit.tables.formats.table_file import open_table
from mutransfer_cli.probes.curves.curve_columns import loss_columns, step_column
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve

SIZE = ("width", "params", "size")
RUN = ("run", "name", "run_id", "id")
Key = tuple[float | None, int, str]  # size, seed and name of a run


def curves_of_table(path: Path, end: float | None = None) -> tuple[LossCurve, ...]:
    """Read loss curves.

    Single losses that are missing or not finite are left out; of a step that a resumed run logged
    twice, the later loss counts.

    Args:
        path: A table with the columns step and loss, and, where it holds several runs, width (or
            params) and seed, or run, or one column of losses for each run.
        end: Share of its run that each curve ends at; None: it ends with the run.

    Raises:
        InputError: The file cannot be read, or has no such columns, or a run has diverged.
    """
    table = open_table(str(path))
    rows = range(len(table.positions))
    steps = numbers(table, step_column(table), rows, "step", positive=False)
    size, seed, run = _column(table, SIZE, "width"), _column(table, ("seed",)), _column(table, RUN)
    sizes = numbers(table, size, rows, "width") if size else [None] * len(rows)
    seeds = numbers(table, seed, rows, "seed", positive=False) if seed else [0.0] * len(rows)
    names = [str(cell) for cell in run.cells] if run else [""] * len(rows)
    points: dict[Key, dict[float, float]] = defaultdict(dict)
    for of_run, loss in loss_columns(table).items():
        losses = numbers(table, loss, rows, "loss", positive=False)
        for x, y, value, s, k, name in zip(
            steps, losses, loss.values, sizes, seeds, names, strict=True
        ):
            if x is not None and value is not None:  # an empty cell is no loss
                points[(s, int(k or 0), of_run or name)][x] = nan if y is None else y
    if not points:
        raise InputError(f"{path}: no row with a step and a loss")
    return tuple(
        _curve(
            path, key, found, f"{size.name} {key[0]:g}" if size and key[0] is not None else "", end
        )
        for key, found in points.items()
    )


def _curve(
    path: Path, key: Key, points: Mapping[float, float], label: str, end: float | None
) -> LossCurve:
    """One curve.

    Args:
        path: The file, for messages.
        key: Size, seed and name of the run.
        points: Loss by step; NaN where it is not finite.
        label: The size, for people; empty: the run's name is used.
        end: See `curves_of_table`.

    Raises:
        InputError: There are fewer than two steps, or the run has diverged.
    """
    name = label or key[2]
    steps = sorted(points)
    finite = [x for x in steps if isfinite(points[x])]
    if len(finite) < 2 or finite[-1] <= 0:
        raise InputError(f"{path}: {name or 'the curve'}: fewer than two steps with a finite loss")
    if finite[-1] < steps[-1]:
        raise InputError(
            f"{path}: {name or 'the run'} has diverged: no loss after step {finite[-1]:g} is finite"
        )
    x = np.array(finite)
    last = x[-1] + float(np.median(np.diff(x)))  # a loss is that before its step
    progress = (x + (last - x[-1]) / 2) / last * (end or 1.0)
    losses = np.array([points[v] for v in finite])
    return LossCurve(progress, losses, key[0], key[1], name, last)


def _column(table: RunTable, names: tuple[str, ...], role: str | None = None) -> TableColumn | None:
    """The first column with one of these names, or an alias of the role."""
    known = (*names, *(ROLES[role].aliases if role else ()))
    by_name = {compared(c.name): c for c in reversed(table.columns)}
    return next((by_name[n] for n in map(compared, known) if n in by_name), None)
