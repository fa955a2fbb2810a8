"""Loss curves from a table: one row for each step that was logged."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.cell_checks import numbers
from mutransfer_cli.fit.tables.columns.column_names import compared
from mutransfer_cli.fit.tables.columns.known_names import ROLES
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn
from mutransfer_cli.fit.tables.formats.table_file import open_table
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve

STEP = ("step", "steps", "iteration", "iter", "global_step", "_step", "tokens")
LOSS = ("loss", "train_loss", "training_loss", "train/loss", "val_loss", "lm_loss")
SIZE = ("width", "params", "size")
RUN = ("run", "name", "run_id", "id")


def curves_of_table(path: Path, end: float | None = None) -> tuple[LossCurve, ...]:
    """Read loss curves.

    Args:
        path: A table with the columns step and loss, and, where it holds several runs, width (or
            params) and seed, or run.
        end: Share of its run that each curve ends at; None: it ends with the run.

    Raises:
        InputError: The file cannot be read, or has no such columns.
    """
    table = open_table(str(path))
    rows = range(len(table.positions))
    step, loss = _required(table, "step", STEP), _required(table, "loss", LOSS)
    steps = numbers(table, step, rows, "step", positive=False)
    losses = numbers(table, loss, rows, "loss", positive=False)
    size, seed, run = _column(table, SIZE, "width"), _column(table, ("seed",)), _column(table, RUN)
    sizes = numbers(table, size, rows, "width") if size else [None] * len(rows)
    seeds = numbers(table, seed, rows, "seed", positive=False) if seed else [0.0] * len(rows)
    names = [str(cell) for cell in run.cells] if run else [""] * len(rows)
    points: dict[tuple[float | None, int, str], list[tuple[float, float]]] = defaultdict(list)
    for x, y, s, k, name in zip(steps, losses, sizes, seeds, names, strict=True):
        if x is not None and y is not None and np.isfinite(y):
            points[(s, int(k or 0), name)].append((x, y))
    curves = []
    for (s, k, name), pairs in points.items():
        x, y = np.array(sorted(pairs)).T
        if len(x) < 2 or x[-1] <= 0:
            raise InputError(f"{path}: {name or s or 'the curve'}: fewer than two steps")
        label = f"{size.name} {s:g}" if size and s is not None else name
        last = x[-1] + float(np.median(np.diff(x)))  # a loss is that before its step
        progress = (x + (last - x[-1]) / 2) / last * (end or 1.0)
        curves.append(LossCurve(progress, y, s, k, label))
    if not curves:
        raise InputError(f"{path}: no row with a step and a loss")
    return tuple(curves)


def _column(table: RunTable, names: tuple[str, ...], role: str | None = None) -> TableColumn | None:
    """The first column with one of these names, or an alias of the role."""
    known = (*names, *(ROLES[role].aliases if role else ()))
    by_name = {compared(c.name): c for c in reversed(table.columns)}
    return next((by_name[n] for n in map(compared, known) if n in by_name), None)


def _required(table: RunTable, what: str, names: tuple[str, ...]) -> TableColumn:
    column = _column(table, names)
    if column is None:
        raise InputError(
            f"{table.header}: no column {what!r}; found {', '.join(map(repr, table.names))}"
        )
    return column
