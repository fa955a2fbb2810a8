"""Power laws of optimal hyperparameters: lr, batch or any other = c·Π size^exponent.

The optimum of each size comes from all its runs over all hyperparameters at once; its law is then
a regression in logarithms, with the scatter of a new size. Where a size has one run, that run is
taken as its optimum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.bootstrap import percentiles
from mutransfer_cli.surface.laws.grouping import Groups, group_sizes, log_product
from mutransfer_cli.surface.laws.identification import dependent_sizes, require_variation
from mutransfer_cli.surface.laws.law_form import (
    Array,
    LawForm,
    LawOptions,
    LawTable,
    Mask,
    Parameters,
    Picture,
    Score,
    Series,
)
from mutransfer_cli.surface.laws.optima.exponent_priors import exponent_priors
from mutransfer_cli.surface.laws.optima.exponent_regression import ExponentLaw, fit_exponents
from mutransfer_cli.surface.laws.optima.optimum_score import score_optima
from mutransfer_cli.surface.laws.optima.size_optima import SHARED, SizeOptima
from mutransfer_cli.surface.laws.optima.table_optima import beside_an_end, left_out, optima_of

SHORTEST_SPAN = 0.95  # octaves of a size in which an exponent can be told: one, up to rounding
MOSTLY_PRIOR = 0.7  # of the prior's standard deviation, above which the runs say little


@dataclass(frozen=True)
class OptimumLaw:
    """Power laws of hyperparameters.

    Attributes:
        table: The runs.
        groups: The sizes.
        optima: The optimum of each size.
        used: Which sizes the law of each hyperparameter is fitted to, shape (sizes, p).
        laws: The law of each hyperparameter.
        options: Confidence and seed.
        parameters: For each hyperparameter its coefficient `c` and exponents.
        method: How it was fitted.
        notes: Caveats, with the reason for each size that was left out.
        unidentified: Why parameters are not identified; empty where all are.
    """

    table: LawTable
    groups: Groups
    optima: SizeOptima
    used: Mask
    laws: Mapping[str, ExponentLaw]
    options: LawOptions
    parameters: Parameters
    method: str
    notes: tuple[str, ...]
    unidentified: tuple[str, ...]

    @property
    def points(self) -> int:
        """The number of sizes with an optimum inside their range."""
        return int(self.used.any(axis=1).sum())

    @property
    def residual(self) -> float:
        """Root mean square departure of the optima from their laws, in octaves."""
        squares = [law.residuals**2 for law in self.laws.values()]
        return float(np.sqrt(np.mean(np.concatenate(squares))))

    def predict(self, sizes: Mapping[str, float]) -> dict[str, Interval]:
        """The optimum of each hyperparameter at a size."""
        x = np.log2([sizes[name] for name in self.table.sizes])
        at = {name: law.at(x, self.options.seed + 1) for name, law in self.laws.items()}
        return {name: _exp2(*drawn, self.options) for name, drawn in at.items()}

    def score(self, held_out: LawTable) -> Score:
        """Compare with the optima of held-out sizes, and what the predicted setting costs there."""
        return score_optima(held_out, self.predict)

    def pictures(self) -> tuple[Picture, ...]:
        """Optimum against predicted optimum, for each hyperparameter."""
        panels = []
        for i, (name, law) in enumerate(self.laws.items()):
            own = 2.0 ** self.optima.optima[self.used[:, i], i]
            half = 1.96 * np.sqrt(self.optima.covariances[self.used[:, i], i, i])
            law_value = own / 2.0**law.residuals
            points = Series("sizes", law_value, own, own * 2.0**-half, own * 2.0**half)
            ends = np.array([law_value.min(), law_value.max()])
            line = Series("law", ends, ends)
            panels.append(Picture(f"{name} by the law", f"optimal {name}", (points,), (line,)))
        return tuple(panels)


def _diverged(count: int) -> list[str]:
    """Says that runs were left out as diverged."""
    runs = "1 run counts" if count == 1 else f"{count} runs count"
    said = f"{runs} as diverged: the loss jumps to more than twice the best of the size"
    return [said] if count else []


class Optimum:
    """The law of optimal hyperparameters."""

    def fit(self, table: LawTable, options: LawOptions) -> OptimumLaw:
        """Fit the law of each hyperparameter.

        Raises:
            InputError: The runs do not vary in a size, or are too few.
            Inconclusive: Too few sizes have an optimum inside their range.
        """
        if not table.hyperparameters:
            raise InputError(
                "no hyperparameter was searched: each has one value at every size; run several "
                "learning rates at each"
            )
        require_variation(table, len(table.sizes))
        groups = group_sizes(table)
        optima = optima_of(table, groups)
        used = optima.known
        notes = left_out(table, groups, optima)
        needed = len(table.sizes) + 1
        logs = np.log2(groups.sizes)
        fewest = int(used.sum(axis=0).min())
        if fewest < needed:
            have = f"{fewest} of {len(used)} sizes have" if fewest else "no size has"
            raise Inconclusive(
                f"{have} an optimum inside the range, and a law in {' and '.join(table.sizes)} "
                f"needs {needed}; "
                f"{'; '.join(notes)}{beside_an_end(table, optima)}"
            )
        laws = {
            name: fit_exponents(
                logs[used[:, i]],
                optima.optima[used[:, i], i],
                optima.covariances[used[:, i], i, i],
                exponent_priors(name, table.sizes),
                options.seed,
                shared=SHARED,
            )
            for i, name in enumerate(table.hyperparameters)
        }
        dependent = dependent_sizes(logs[used.any(axis=1)], table.sizes)
        reasons = [] if dependent is None else [dependent]
        bends: list[str] = []
        for name, law in laws.items():
            reasons += undetermined(name, law, table.sizes)
            bends += law.bend_notes(name, table.sizes)
        return OptimumLaw(
            table=table,
            groups=groups,
            optima=optima,
            used=used,
            laws=laws,
            options=options,
            parameters={name: _parameters(law, table.sizes, options) for name, law in laws.items()},
            method="optimum of each size from bowls of one shape over all hyperparameters; power "
            "law by regression with scatter between sizes, averaged over its posterior",
            notes=(*notes, *_diverged(optima.diverged), *bends),
            unidentified=tuple(reasons),
        )

    def size_order(self, table: LawTable) -> Array:
        """By the product of all sizes."""
        return log_product(table)


def undetermined(quantity: str, law: ExponentLaw, sizes: tuple[str, ...]) -> list[str]:
    """The reasons why exponents are not known from the runs."""
    reasons = []
    for j, prior in enumerate(exponent_priors(quantity, sizes)):
        span = law.high[j] - law.low[j]
        if span < SHORTEST_SPAN:
            reasons.append(
                f"the exponent of {quantity} in {sizes[j]} is not identified: the sizes span "
                f"{span:.2g} octaves, less than one; run sizes farther apart"
            )
        elif float(np.std(law.draws[:, j + 1])) > MOSTLY_PRIOR * prior.sd:
            reasons.append(
                f"the exponent of {quantity} in {sizes[j]} is not identified: the sizes span "
                f"{span:.2g} octaves, and its interval is mostly that of published laws; run sizes "
                "farther apart"
            )
    return reasons


def _parameters(
    law: ExponentLaw, sizes: tuple[str, ...], options: LawOptions
) -> dict[str, Interval]:
    named = {"c": _exp2(float(law.constant(law.estimate)), law.constant(law.draws), options)}
    for j, name in enumerate(sizes):
        named[name] = percentiles(law.estimate[j + 1], law.draws[:, j + 1], options.confidence)
    return named


def _exp2(value: float, draws: Array, options: LawOptions) -> Interval:
    return percentiles(value, draws, options.confidence).exp2()


OPTIMUM: LawForm = Optimum()
