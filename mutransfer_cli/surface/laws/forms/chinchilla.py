"""The Chinchilla law: loss = E + A·N^−α + B·D^−β.

Hoffmann et al. 2022 (arXiv 2203.15556), approach 3: Huber losses of log residuals, many starts.
Besiroglu et al. 2024 (arXiv 2404.10102): the objective is their sum, since its mean makes the
optimizer stop early; parameters are not rounded before they are used; intervals by bootstrap.
"""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.laws.grouping import log_product
from mutransfer_cli.surface.laws.identification import (
    dependent_sizes,
    require_variation,
    unbounded,
)
from mutransfer_cli.surface.laws.law_form import Array, LawForm, LawOptions, LawTable
from mutransfer_cli.surface.laws.loss.loss_law import (
    LossLaw,
    fit_loss_law,
    intervals,
    without_traces,
)
from mutransfer_cli.surface.laws.loss.objective import DELTA
from mutransfer_cli.surface.laws.loss.odd_runs import odd_runs

PARAMETERS = ("E", "A", "B", "alpha", "beta")


class Chinchilla:
    """The law of the loss in parameters and tokens."""

    def fit(self, table: LawTable, options: LawOptions) -> LossLaw:
        """Fit the law.

        Raises:
            InputError: The runs do not vary along a size, or are too few.
        """
        free = options.floor is None
        require_variation(table, len(PARAMETERS) if free else len(PARAMETERS) - 1)
        sizes = np.stack([table.logs(name) for name in table.sizes], axis=1)
        fitted, beyond = fit_loss_law(sizes, table.logs("loss"), options)

        def named(parameters: Array) -> dict[str, Array]:
            floor, factors, exponents = fitted.natural(parameters)
            floor = without_traces(floor, table.logs("loss"))
            values = (floor, *np.moveaxis(factors, -1, 0), *np.moveaxis(exponents, -1, 0))
            every = dict(zip(PARAMETERS, values, strict=True))
            return {name: value for name, value in every.items() if free or name != "E"}

        estimate = {name: float(value) for name, value in named(fitted.estimate).items()}
        parameters = intervals(estimate, named(fitted.refits.draws), options)
        reasons = unbounded({name: parameters[name] for name in PARAMETERS[3:]}, fitted.refits)
        dependent = dependent_sizes(sizes, table.sizes, alone="--form power --along")
        fixed = () if free else (f"E is fixed at {options.floor:g}",)
        return LossLaw(
            table=table,
            fitted=fitted,
            options=options,
            parameters=parameters,
            method=f"Huber losses of log residuals (δ = {DELTA:g}), summed; starts of Hoffmann et "
            f"al.; {fitted.refits.text}{beyond.text}",
            notes=(*fixed, *odd_runs(table, fitted.residuals)),
            beyond=beyond,
            unidentified=(*((dependent,) if dependent else ()), *reasons),
        )

    def size_order(self, table: LawTable) -> Array:
        """By parameters times tokens."""
        return log_product(table)


CHINCHILLA: LawForm = Chinchilla()
