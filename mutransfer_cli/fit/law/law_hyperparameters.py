"""The hyperparameters of a law: those that runs of one size differ in."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mutransfer_cli.catalog.laws import LawEntry
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.law.run_columns import RunColumns
from mutransfer_cli.fit.tables.cell_checks import has_no_logarithm, logarithm_hint
from mutransfer_cli.fit.tables.columns.known_names import HYPERPARAMETERS

Columns = dict[str, npt.NDArray[np.float64]]
Rows = npt.NDArray[np.bool_]  # a mask over the rows of a table
SAME = 1e-3  # relative; numbers closer than this are one size
FEWEST = 3  # values of a hyperparameter at a size that was searched
FOLLOWS = 0.02  # share of a hyperparameter's squares that others leave, below which it follows
# Decay rates of averages, whose effect goes with 1 - beta: their laws are those of that.
DECAY_RATES = ("beta1", "beta2", "momentum")
KNOWN = tuple(
    dict.fromkeys(("lr", *(f"1-{n}" if n in DECAY_RATES else n for n in HYPERPARAMETERS.values())))
)


def with_distances(columns: Columns) -> Columns:
    """The columns with 1 - beta for each decay rate of an average.

    Args:
        columns: The columns of the table.
    """
    near = {n: columns[n] for n in DECAY_RATES if n in columns}
    return columns | {f"1-{n}": 1 - v for n, v in near.items() if np.nanmax(v, initial=0) < 1}


def logarithmic_name(name: str, columns: Columns) -> str:
    """The hyperparameter whose logarithm a law is fitted to: `1-beta2` of `beta2`."""
    return f"1-{name}" if f"1-{name}" in columns else name


def searched_too(
    columns: Columns, form: LawEntry, sizes: Sequence[str], fitted: Sequence[str], *, further: bool
) -> tuple[str, ...]:
    """Other hyperparameters that were searched at most sizes.

    The optimum of one hyperparameter at a size is that of all: beside a batch that varies and is
    not fitted, each learning rate has losses of many batches.

    Args:
        columns: All columns.
        form: The form's row in the catalog.
        sizes: The sizes of the law.
        fitted: The hyperparameters that it fits.
        further: Whether those count that the form does not name, such as weight decay.
    """
    names = dict.fromkeys((*form.hyperparameters, *(KNOWN if further else ())))
    others = [n for n in names if n in columns and n not in (*sizes, *fitted)]
    others = [n for n in others if n in form.hyperparameters or np.nanmin(columns[n]) > 0]
    if "loss" not in columns or not sizes or not fitted or not others:
        return ()
    index = size_index(columns, sizes)
    groups = [index == i for i in range(int(index.max()) + 1)]
    values = {n: [len(np.unique(columns[n][g])) for g in groups] for n in others}
    searched = [n for n in others if 2 * sum(v >= FEWEST for v in values[n]) > len(groups)]
    chosen: list[str] = []
    for name in searched:
        beside = (*fitted, *chosen)
        if name in form.hyperparameters or not follows_from_others(columns, index, name, beside):
            chosen.append(name)
    return tuple(chosen)


def follows_from_others(
    columns: Columns, index: npt.NDArray[np.intp], name: str, others: Sequence[str]
) -> bool:
    """Whether a hyperparameter is a power of others at each size, such as a decay of the rate.

    Args:
        columns: All columns.
        index: The size of each row.
        name: The hyperparameter.
        others: The others.
    """
    values = np.array([columns[n] for n in (name, *others)])
    known = (np.isfinite(values) & (values > 0)).all(axis=0)
    logs, index = np.log2(values[:, known]), index[known]
    for i in np.unique(index):
        logs[:, index == i] -= logs[:, index == i].mean(axis=1, keepdims=True)
    own, rest = logs[0], logs[1:].T
    left = own - rest @ np.linalg.lstsq(rest, own, rcond=None)[0]
    return bool(np.sum(left**2) <= FOLLOWS * np.sum(own**2))


def chosen_hyperparameters(
    columns: Columns, form: LawEntry, sizes: Sequence[str], runs: RunColumns
) -> tuple[str, ...]:
    """The form's hyperparameters that vary within a size, or anywhere without a column loss.

    Args:
        columns: All columns.
        form: The form's row in the catalog.
        sizes: The sizes of the law.
        runs: The table, for messages.

    Raises:
        InputError: None of them has a column.
    """
    present = [name for name in form.hyperparameters if name in columns and name not in sizes]
    if form.hyperparameters and not present:
        require(columns, form.hyperparameters[0], runs)
    if "loss" not in columns:
        return tuple(name for name in present if varies(columns[name]))
    index = size_index(columns, sizes)
    groups = [index == i for i in range(int(index.max()) + 1)]
    inside = [name for name in present if any(varies(columns[name][group]) for group in groups)]
    # one tuned setting of each size, with any number of seeds
    return tuple(inside or [name for name in present if varies(columns[name])])


def size_index(columns: Columns, sizes: Sequence[str]) -> npt.NDArray[np.intp]:
    """The index of each row's size among the different ones, shape (rows,)."""
    labels = np.round(np.log2(np.maximum([columns[size] for size in sizes], 1e-300)) / SAME)
    _, index = np.unique(np.nan_to_num(labels), axis=1, return_inverse=True)
    return np.asarray(index).reshape(-1)


def left_to_noise(columns: Columns, sizes: Sequence[str], fitted: Sequence[str]) -> list[str]:
    """Names hyperparameters that vary too, whose effect a law of optima takes for noise.

    Args:
        columns: The columns of the table.
        sizes: The sizes of the law.
        fitted: The hyperparameters that it fits.
    """
    left = [n for n in KNOWN if n in columns and n not in (*sizes, *fitted) and varies(columns[n])]
    if not fitted or not left:
        return []
    return [f"{', '.join(left)}: varied, but not fitted: --of {','.join((*fitted, *left))} does so"]


def left_at_zero(
    runs: RunColumns, columns: Columns, names: Sequence[str], rows: Rows
) -> tuple[Rows, list[str]]:
    """The rows whose hyperparameters have logarithms, and a note for each that is 0 in others.

    `fit` treats learning rates alike.

    Args:
        runs: The runs, for the positions of rows.
        columns: All columns.
        names: The hyperparameters that are fitted.
        rows: The rows that have numbers for all of them.

    Raises:
        InputError: A number is negative.
    """
    notes, kept = [], rows
    for name in names:
        values = columns[name]
        for row in np.flatnonzero(rows & (values < 0)):
            position = runs.positions[row] if runs.positions else runs.source
            hint = logarithm_hint(name) if name == "lr" else ""
            raise InputError(
                f"{position}: {name}: expected a positive number, found {values[row]:g}{hint}"
            )
        zero = rows & (values == 0)
        notes += [f"ignored {rows_text(zero)}: {has_no_logarithm(name)}"] if zero.any() else []
        kept = kept & ~zero
    return kept, notes


def rows_text(mask: npt.NDArray[np.bool_]) -> str:
    """How many rows there are, such as `1 row` or `3 rows`."""
    count = int(mask.sum())
    return f"{count} {'row' if count == 1 else 'rows'}"


def varies(values: npt.NDArray[np.float64]) -> bool:
    """Whether a column holds different numbers."""
    finite = values[np.isfinite(values)]
    return bool(len(finite)) and float(np.ptp(finite)) > SAME * float(np.abs(finite).max())


def require(columns: Mapping[str, object], name: str, runs: RunColumns) -> None:
    """Check that a column exists.

    Raises:
        InputError: It does not; the message names the nearest ones.
    """
    if name in columns:
        return
    near = difflib.get_close_matches(name, list(columns), n=3, cutoff=0.4)
    hint = f"; nearest: {', '.join(near)}" if near else ""
    have = ", ".join(runs.columns) or "none"
    raise InputError(
        f"{runs.source}: no column {name}{hint}; columns of numbers: {have} "
        f"(--columns {name}=NAME says which it is)"
    )
