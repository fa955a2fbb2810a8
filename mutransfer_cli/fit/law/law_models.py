"""Laws hold for one model at each size: refuses tables that mix several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.law.law_hyperparameters import Columns, size_index, varies
from mutransfer_cli.fit.law.run_columns import RunColumns
from mutransfer_cli.fit.study.size_axes import SAME
from mutransfer_cli.fit.tables.alike_models import alike_models
from mutransfer_cli.fit.tables.columns.known_names import HYPERPARAMETERS, ROLES

MODEL_SIZES = ("params", "width", "depth", "tokens")


def require_one_model(columns: Columns, sizes: Sequence[str], runs: RunColumns) -> None:
    """Check that all runs are of one model and one training length, in steps or in tokens.

    Args:
        columns: All columns.
        sizes: The sizes of the law.
        runs: The table, for messages.

    Raises:
        InputError: Another size varies.
    """
    (size,) = sizes
    groups = [columns[size] == value for value in np.unique(columns[size])]
    models: list[str] = [name for name in ("params", "width", "depth") if name in columns]
    lengths: list[str] = [name for name in ("tokens", "steps") if name in columns]
    varied = [name for name in models if varies(columns[name])] or [
        name for name in lengths if any(varies(columns[name][group]) for group in groups)
    ]
    if varied:
        name = varied[0]
        values = np.unique(columns[name][np.isfinite(columns[name])])
        shown = ", ".join([f"{v:g}" for v in values[:4]] + ["…"] * (len(values) > 4))
        raise InputError(
            f"{runs.source}: {name} differs between runs ({shown}): "
            f"the law holds at one {name}; pick one with --where '{name}={values[0]:.12g}'"
        )


def require_sizes_of_one_model(
    columns: Columns, sizes: Sequence[str], hyperparameters: Sequence[str], runs: RunColumns
) -> None:
    """Check that runs of one size and setting are of one model and one number of tokens.

    Args:
        columns: All columns.
        sizes: The sizes of the law.
        hyperparameters: The hyperparameters that it fits.
        runs: The table, for messages.

    Raises:
        InputError: Another size varies.
    """
    setting = dict.fromkeys((*sizes, *hyperparameters, *({"batch"} & columns.keys())))
    index = size_index(columns, tuple(setting))
    for name in MODEL_SIZES:
        if name in setting or name not in columns:
            continue
        logs = np.log2(columns[name], where=columns[name] > 0, out=np.full(len(index), np.nan))
        for group in range(int(index.max()) + 1):
            rows = np.flatnonzero((index == group) & np.isfinite(logs))
            if len(rows) > 1 and np.ptp(logs[rows]) > SAME:
                lowest, highest = rows[np.argmin(logs[rows])], rows[np.argmax(logs[rows])]
                low, high = columns[name][lowest], columns[name][highest]
                size = ", ".join(f"{s} {columns[s][lowest]:.4g}" for s in sizes)
                raise InputError(
                    f"{runs.source}: {name} differs between runs of one size ({low:.4g} to "
                    f"{high:.4g} at {size}), and a law needs the optimum of one model at each: "
                    f"pass --along {','.join((*sizes, name))}, or pick one with --where "
                    f"'{name}={columns[name][lowest]:.12g}'"
                )


def refuse_alike_models(runs: RunColumns) -> None:
    """Refuse models of almost the same parameters that another column tells apart.

    Raises:
        InputError: There are such models.
    """
    if "params" not in runs.columns:
        return
    params = runs.columns["params"]
    known = np.isfinite(params) & (params > 0)
    no_models = {*ROLES, *HYPERPARAMETERS.values()} - {"width", "depth"}
    others = {
        name: values[known].tolist()
        for name, values in runs.columns.items()
        if name not in no_models
    }
    found = alike_models(params[known].tolist(), others)
    if found is not None:
        raise InputError(f"{runs.source}: {found}")
