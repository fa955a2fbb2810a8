"""The optimum of each size of a table, and why some have none."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from mutransfer_cli.errors import InputError
from mutransfer_cli.surface.laws.grouping import Groups
from mutransfer_cli.surface.laws.law_form import LawTable
from mutransfer_cli.surface.laws.optima.size_optima import SizeOptima, size_optima
from mutransfer_cli.surface.range_end import range_end

ONE_SETTING = 1e-3  # octaves; settings this close are one


def optima_of(table: LawTable, groups: Groups) -> SizeOptima:
    """The optimum of each size, from its runs or, where all have one setting, that setting."""
    settings = np.log2(np.stack([np.exp(table.logs(n)) for n in table.hyperparameters], axis=1))
    counts = np.bincount(groups.index)
    spans = [np.ptp(settings[groups.index == i], axis=0).max() for i in range(len(counts))]
    if max(spans) > ONE_SETTING:
        if "loss" not in table.columns:
            raise InputError(
                "several runs of one size but no column loss: which of them is the best?"
            )
        return size_optima(settings, table.logs("loss"), groups.index)
    p, order = settings.shape[1], np.unique(groups.index, return_index=True)[1]
    return SizeOptima(
        optima=settings[order],
        covariances=np.zeros((len(counts), p, p)),
        levels=np.zeros(len(counts)),
        level_sds=np.zeros(len(counts)),
        reasons=("",) * len(counts),
        known=np.ones((len(counts), p), dtype=bool),
        runs=counts,
    )


def left_out(table: LawTable, groups: Groups, optima: SizeOptima) -> tuple[str, ...]:
    """A line for each reason for which sizes are left out of all laws, or of some."""
    names = table.hyperparameters
    left: dict[tuple[str, str], list[str]] = defaultdict(list)
    for i, reason in enumerate(optima.reasons):
        if reason:
            unknown = [
                name for name, known in zip(names, optima.known[i], strict=True) if not known
            ]
            which = "" if len(unknown) == len(names) else f" of the law of {' and '.join(unknown)}"
            left[which, reason.format(*names)].append(groups.label(i, table.sizes))
    return tuple(
        f"left out{which and which + ':'} {'; '.join(sizes[:3])}"
        f"{f' and {len(sizes) - 3} more' if len(sizes) > 3 else ''}: {reason}"
        for (which, reason), sizes in left.items()
    )


def beside_an_end(table: LawTable, optima: SizeOptima) -> str:
    """How to fit the law beside the end at which a hyperparameter is best everywhere, or nothing.

    Args:
        table: The table.
        optima: The optimum of each size.
    """
    if len(table.hyperparameters) < 2:
        return ""
    for j, name in enumerate(table.hyperparameters):
        if name == "lr":  # is cheap to search further, and moves all others
            continue
        values = table.columns[name]
        for end, value in (("low", values.min()), ("high", values.max())):
            if set(optima.reasons) == {range_end(f"{{{j}}}", end)}:
                others = " and ".join(n for n in table.hyperparameters if n != name)
                return f"; --where '{name}={value:.10g}' fits the law of {others} beside that end"
    return ""
