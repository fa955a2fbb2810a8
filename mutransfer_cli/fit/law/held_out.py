"""The rows of a table that are held out, and how well a law predicts them."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.law.conditions import parse_conditions, rows_that_meet
from mutransfer_cli.fit.law.law_hyperparameters import require
from mutransfer_cli.fit.law.run_columns import RunColumns, known_name
from mutransfer_cli.surface.laws.law_form import (
    FittedLaw,
    LawForm,
    LawOptions,
    LawTable,
    Mask,
    Score,
)

log = logging.getLogger(__name__)

LARGEST = 0.2  # share of the different sizes that is held out by default


def held_by_condition(text: str, table: LawTable, runs: RunColumns) -> Mask:
    """The rows that meet a condition.

    Raises:
        InputError: It names an unknown column, or holds out no row or all of them.
    """
    conditions = [
        replace(one, column=known_name(one.column, table.columns))
        for one in parse_conditions(text, "--hold-out")
    ]
    for one in conditions:
        require(table.columns, one.column, runs)
    held = rows_that_meet(conditions, table.columns)
    if not held.any() or held.all():
        what = "all" if held.all() else "none"
        raise InputError(f"--hold-out {text!r}: {what} of the {len(held)} rows meet it")
    return held


def largest_sizes(form: LawForm, table: LawTable) -> Mask:
    """The rows of the largest fifth of the sizes, of one at least."""
    order = form.size_order(table)
    different = np.unique(order)
    count = max(1, int(LARGEST * len(different)))
    return np.asarray(order > different[-count - 1]) if count < len(different) else order < -np.inf


def without(form: LawForm, table: LawTable, held: Mask, options: LawOptions) -> FittedLaw | None:
    """The law without the held-out rows; None where the rest does not determine it.

    Args:
        form: The form.
        table: All rows.
        held: The rows to leave out.
        options: Confidence, refits, seed.
    """
    try:
        return form.fit(table.rows(~held), options) if held.any() else None
    except (InputError, Inconclusive) as error:
        log.info("nothing is held out: %s", error)
        return None


def score_of(law: FittedLaw, held_out: LawTable) -> Score | None:
    """The score on held-out rows; None where they hold nothing to compare with."""
    try:
        return law.score(held_out)
    except Inconclusive as error:
        log.info("held-out rows are not scored: %s", error)
        return None


def distinct(form: LawForm, table: LawTable) -> list[dict[str, float]]:
    """The different sizes of a table; of sizes that count as one, the median."""
    if len(table.sizes) == 1:
        (name,), order = table.sizes, form.size_order(table)
        return [{name: float(np.median(table[name][order == o]))} for o in np.unique(order)]
    rows = zip(*(table[name] for name in table.sizes), strict=True)
    return [dict(zip(table.sizes, map(float, row), strict=True)) for row in dict.fromkeys(rows)]
