"""From a table of runs to the table of a law: its sizes, hyperparameters and derived columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mutransfer_cli.catalog.laws import LAWS, LawEntry
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.law.law_hyperparameters import (
    KNOWN,
    SAME,
    Columns,
    chosen_hyperparameters,
    left_at_zero,
    left_to_noise,
    logarithmic_name,
    require,
    rows_text,
    searched_too,
    varies,
    with_distances,
)
from mutransfer_cli.fit.law.law_models import (
    MODEL_SIZES,
    refuse_alike_models,
    require_one_model,
    require_sizes_of_one_model,
)
from mutransfer_cli.fit.law.run_columns import RunColumns, known_name
from mutransfer_cli.fit.tables.columns.size_ratios import FLOPS
from mutransfer_cli.fit.tables.rung_sizes import ROUNDED, merged
from mutransfer_cli.interval import number
from mutransfer_cli.surface.laws.law_form import LawTable


def with_derived(columns: Mapping[str, npt.NDArray[np.float64]]) -> tuple[Columns, tuple[str, ...]]:
    """The columns with whichever of params, tokens and flops follows from the other two."""
    every = dict(columns)
    have = [name in every for name in ("params", "tokens", "flops")]
    if have == [True, True, False]:
        every["flops"] = FLOPS * every["params"] * every["tokens"]
        return every, ("flops = 6·params·tokens",)
    if have == [True, False, True]:
        every["tokens"] = every["flops"] / (FLOPS * every["params"])
        return every, ("tokens = flops / (6·params)",)
    if have == [False, True, True]:
        every["params"] = every["flops"] / (FLOPS * every["tokens"])
        return every, ("params = flops / (6·tokens)",)
    return every, ()


def without_rounding(columns: Mapping[str, npt.NDArray[np.float64]]) -> tuple[Columns, list[str]]:
    """The columns with sizes that differ by rounding made equal, and what that changed.

    Tokens that were counted as steps times batch differ so between batches.
    """
    every, notes = dict(columns), []
    for name in (*ROUNDED, "flops"):
        if name in every:
            values = every[name].copy()
            known = np.isfinite(values)
            stands_for, groups = merged(values[known].tolist())
            values[known] = [stands_for[value] for value in values[known].tolist()]
            every[name] = values
            if groups:
                shown = ", ".join(f"{low:.15g} to {high:.15g}" for low, high in groups[:3])
                notes.append(f"{name} that differ by rounding are one size: {shown}")
    return every, notes


def law_table(
    runs: RunColumns,
    form: LawEntry,
    *,
    along: Sequence[str] = (),
    of: Sequence[str] = (),
    best: bool = False,
    further: bool = True,
) -> tuple[LawTable, tuple[str, ...]]:
    """The rows and columns that a form needs, and what has to be said about them.

    Args:
        runs: The table.
        form: The form's row in the catalog.
        along: Sizes that the user names; empty for the form's own.
        of: Hyperparameters that the user names; empty for the form's own.
        best: Whether a law of the loss is fitted to the best run of each size alone.
        further: Whether hyperparameters that neither the form nor the user names are fitted
            jointly, where they were searched.

    Raises:
        InputError: A column is missing, or no run has all numbers.
    """
    if form.hyperparameters and {known_name(n, runs.columns) for n in along} <= {*MODEL_SIZES}:
        refuse_alike_models(runs)
    equal, rounded = without_rounding(runs.columns) if form.hyperparameters or best else ({}, [])
    columns, derived = with_derived(equal or runs.columns)
    columns = with_distances(columns)
    along = [known_name(name, columns) for name in along]
    of = [logarithmic_name(known_name(name, columns), columns) for name in of]
    for name in (*along, *of, *form.columns):
        require(columns, name, runs)
    sizes = tuple(along) or chosen_sizes(columns, form, runs)
    hyperparameters = tuple(of) or chosen_hyperparameters(columns, form, sizes, runs)
    sizes = tuple(size for size in sizes if size not in hyperparameters)
    jointly = searched_too(
        columns, form, sizes, hyperparameters, further=further and not form.one_model
    )
    hyperparameters = (*hyperparameters, *jointly)
    needed = dict.fromkeys((*sizes, *hyperparameters, *form.columns))
    if hyperparameters and "loss" in columns:
        needed["loss"] = None
    if form.one_model:
        require_one_model(columns, sizes, runs)
    elif hyperparameters and "loss" in columns:
        require_sizes_of_one_model(columns, sizes, hyperparameters, runs)
    complete = np.logical_and.reduce([np.isfinite(columns[name]) for name in needed])
    if not complete.any():
        raise InputError(f"{runs.source}: no row has numbers for all of {', '.join(needed)}")
    notes = [note for note in (*derived, *rounded) if note.partition(" ")[0] in needed]
    if jointly:
        notes.append(f"{', '.join(jointly)}: searched at each size too, so fitted jointly")
    if not complete.all():
        notes.append(f"ignored {rows_text(~complete)}: no {_missing(columns, needed)}")
    complete, at_zero = left_at_zero(runs, columns, hyperparameters, complete)
    notes += at_zero
    if not complete.any():
        raise InputError(
            f"{runs.source}: no row has positive numbers for all of {', '.join(hyperparameters)}"
        )
    kept = {name: values[complete] for name, values in columns.items()}
    for name in (*sizes, *(["loss"] if "loss" in needed else [])):
        if kept[name].min() <= 0:
            raise InputError(
                f"{runs.source}: {name}: expected positive numbers, found {kept[name].min():g}; "
                "laws are fitted to logarithms"
            )
    if further:
        notes += left_to_noise(kept, sizes, hyperparameters)
    if not hyperparameters:
        kept, tuning = tuned_rows(kept, (*sizes, *form.columns), best=best)
        notes += tuning
    return LawTable(kept, sizes, hyperparameters), tuple(notes)


def possible_forms(runs: RunColumns) -> list[str]:
    """The forms of law for which a table has columns."""
    names = []
    for row in LAWS:
        try:
            table, _ = law_table(runs, row)
        except InputError:
            continue
        searched = bool(table.hyperparameters) or not row.hyperparameters
        if searched and all(varies(table[size]) for size in table.sizes):
            names.append(row.name)
    return names


def _missing(columns: Columns, needed: Iterable[str]) -> str:
    """The columns in which rows lack a number, in words."""
    return " or ".join(name for name in needed if not np.isfinite(columns[name]).all())


def _shared(columns: Columns, names: Sequence[str]) -> str:
    """The value of columns that do not vary, such as `width 128 and steps 1000`."""
    values = {name: columns[name][np.isfinite(columns[name])] for name in names}
    return " and ".join(f"{name} {number(float(v[0]))}" for name, v in values.items() if len(v))


def tuned_rows(columns: Columns, used: Sequence[str], *, best: bool) -> tuple[Columns, list[str]]:
    """The rows of a law of the loss, where the runs of one size differ in hyperparameters.

    Args:
        columns: The columns of the table.
        used: The columns of the law, the loss among them.
        best: Whether only the best run of each size is kept.

    Returns:
        The columns, and what has to be said.
    """
    keys = np.stack([columns[name] for name in used if name != "loss"], axis=1)
    _, index = np.unique(np.round(np.log2(np.maximum(keys, 1e-300)) / SAME), axis=0,
                         return_inverse=True)  # fmt: skip
    index = np.asarray(index).reshape(-1)
    if best:
        order = np.lexsort((columns["loss"], index))
        lowest = order[np.unique(index[order], return_index=True)[1]]
        kept = {name: values[np.sort(lowest)] for name, values in columns.items()}
        return kept, [f"{len(lowest)} of {len(index)} rows: the best run of each size"]
    known = [n for n in KNOWN if n in columns and n not in used]
    groups = [index == i for i in range(int(index.max()) + 1)]
    varied = [n for n in known if any(varies(columns[n][g]) for g in groups)]
    if not varied:
        return columns, []
    return columns, [
        f"runs of one size differ in {', '.join(varied)}, so that the law is that of all settings "
        "that were run; --best takes the best run of each size"
    ]


def chosen_sizes(columns: Columns, form: LawEntry, runs: RunColumns) -> tuple[str, ...]:
    """For each size of the form the first of its columns that varies, or else that exists.

    Raises:
        InputError: A size that the form needs has no column.
    """
    sizes = []
    for candidates in form.sizes:
        present = [name for name in candidates if name in columns]
        varying = [name for name in present if varies(columns[name])]
        if varying:
            sizes.append(varying[0])
        elif present and not form.optional:
            sizes.append(present[0])
        elif not form.optional:
            require(columns, candidates[0], runs)
    if not sizes and form.optional and varies(columns.get("flops", np.empty(0))):
        return ("flops",)  # of neither parameters nor tokens, whose product it is
    if not sizes:
        single = [n for candidates in form.sizes for n in candidates if n in columns]
        if not single:
            require(columns, form.sizes[0][0], runs)
        *sizes_of_form, last = [name for candidates in form.sizes for name in candidates]
        raise InputError(
            f"{runs.source}: every run has {_shared(columns, single)}; the law needs runs that "
            f"differ in {', '.join(sizes_of_form)} or {last}"
        )
    return tuple(sizes)
