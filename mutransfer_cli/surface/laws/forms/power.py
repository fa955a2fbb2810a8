"""A power law of the loss in one size: loss = E + A·s^−α."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.laws.grouping import log_product
from mutransfer_cli.surface.laws.identification import require_variation, unbounded
from mutransfer_cli.surface.laws.law_form import Array, LawForm, LawOptions, LawTable
from mutransfer_cli.surface.laws.loss.loss_law import (
    LossLaw,
    fit_loss_law,
    intervals,
    without_traces,
)
from mutransfer_cli.surface.laws.loss.objective import DELTA
from mutransfer_cli.surface.laws.loss.odd_runs import odd_runs
from mutransfer_cli.surface.laws.loss.power_sum import PowerSum, fit_power_sum

STRONG_EVIDENCE = 6.0  # difference of BIC (Kass and Raftery 1995)


class Power:
    """The law of the loss in one size."""

    def fit(self, table: LawTable, options: LawOptions) -> LossLaw:
        """Fit the law, and weigh it against the one with E = 0.

        Raises:
            InputError: The runs do not vary in size, or are too few.
        """
        free = options.floor is None
        require_variation(table, 3 if free else 2)
        size = table.logs(table.sizes[0])[:, None]
        loss = table.logs("loss")
        fitted, beyond = fit_loss_law(size, loss, options)

        def named(parameters: Array) -> dict[str, Array]:
            floor, factors, exponents = fitted.natural(parameters)
            floor = without_traces(floor, table.logs("loss"))
            own = {"A": factors[..., 0], "alpha": exponents[..., 0]}
            return {"E": floor, **own} if free else own

        estimate = {name: float(value) for name, value in named(fitted.estimate).items()}
        parameters = intervals(estimate, named(fitted.refits.draws), options)
        notes = (
            (floor_evidence(fitted, fit_power_sum(size, loss, options, floor=0.0)),)
            if free
            else (f"E is fixed at {options.floor:g}",)
        )
        return LossLaw(
            table=table,
            fitted=fitted,
            options=options,
            parameters=parameters,
            method=f"Huber losses of log residuals (δ = {DELTA:g}), summed; many starts; "
            f"{fitted.refits.text}{beyond.text}",
            notes=(*notes, *odd_runs(table, fitted.residuals)),
            beyond=beyond,
            unidentified=tuple(unbounded({"alpha": parameters["alpha"]}, fitted.refits)),
        )

    def size_order(self, table: LawTable) -> Array:
        """By the size."""
        return log_product(table)


def floor_evidence(free: PowerSum, without: PowerSum) -> str:
    """What the runs say about E = 0, by the difference of BIC."""
    rows = len(free.residuals)
    squares = [float(np.sum(fit.residuals**2)) + 1e-30 for fit in (without, free)]
    difference = rows * np.log(squares[0] / squares[1]) - np.log(rows)
    if difference > STRONG_EVIDENCE:
        return f"E = 0 is ruled out: BIC is higher by {difference:.1f}"
    if difference < -STRONG_EVIDENCE:
        return f"E = 0 fits better: BIC is lower by {-difference:.1f}; --floor 0 fixes it"
    return f"E = 0 is not ruled out: BIC differs by {difference:+.1f}"


POWER: LawForm = Power()
