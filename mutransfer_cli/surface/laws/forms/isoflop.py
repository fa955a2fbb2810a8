"""Compute-optimal sizes from runs at equal compute: N ∝ C^a, D ∝ C^b.

Hoffmann et al. 2022 (arXiv 2203.15556), approach 2: at each compute the loss is a parabola in log
N; its vertex is the compute-optimal N, and D = C/(6N). All vertices are fitted at once, as bowls
of one shape that may be skewed, since isoFLOP curves are steeper on the side of few tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.bootstrap import percentiles
from mutransfer_cli.surface.laws.law_form import (
    Array,
    LawForm,
    LawOptions,
    LawTable,
    Parameters,
    Picture,
    Score,
    Series,
)
from mutransfer_cli.surface.laws.loss.loss_law import Beyond, fit_loss_law, predicted_losses
from mutransfer_cli.surface.laws.loss.power_sum import PowerSum
from mutransfer_cli.surface.laws.optima.exponent_priors import ExponentPrior
from mutransfer_cli.surface.laws.optima.exponent_regression import ExponentLaw, fit_exponents
from mutransfer_cli.surface.laws.optima.isoflop_curves import (
    FEWEST_SIZES,
    computes_of,
    isoflop_curves,
)
from mutransfer_cli.surface.laws.optima.optimum_score import nearest_regret
from mutransfer_cli.surface.laws.optima.size_optima import SizeOptima, size_optima

PRIOR = ExponentPrior(0.5, 0.5, bend=0.006)  # of a; weak beside three curves
FEWEST_CURVES = 3
CURVES_FOR_LOSS = 4  # three parameters and one more
FLOPS_PER_PARAMETER_AND_TOKEN = 6.0


@dataclass(frozen=True)
class IsoFlopLaw:
    """Compute-optimal sizes.

    Attributes:
        table: The runs on the curves that were used.
        computes: Compute of each curve, shape (curves,).
        optima: log2 of the optimal number of parameters of each curve, and its variance.
        law: The power law of the optimal number of parameters.
        options: Confidence and seed.
        parameters: Exponents `a`, `b` and coefficients `G`, `H`: N = G·C^a, D = H·C^b.
        notes: Caveats, with the reason for each curve that was left out.
        loss: The law of the loss at the vertices, and where its prediction intervals come from;
            None of too few curves.
    """

    table: LawTable
    computes: Array
    optima: SizeOptima
    law: ExponentLaw
    options: LawOptions
    parameters: Parameters
    notes: tuple[str, ...]
    loss: tuple[PowerSum, Beyond] | None = None
    method: str = (
        "vertex of the loss against log parameters at each compute, all curves fitted at once; "
        "power law by regression with scatter between curves; tokens = flops / (6 parameters); "
        "loss = E + A·flops^-gamma through the vertices"
    )
    unidentified: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """The number of curves."""
        return len(self.computes)

    @property
    def residual(self) -> float:
        """Root mean square departure of the optima from the law, in octaves."""
        return float(np.sqrt(np.mean(self.law.residuals**2)))

    def predict(self, sizes: Mapping[str, float]) -> dict[str, Interval]:
        """The compute-optimal parameters and tokens for a compute, and the loss of a run there."""
        flops = sizes["flops"]
        value, draws = self.law.at(np.log2([flops]), self.options.seed + 1)
        params = percentiles(value, draws, self.options.confidence).exp2()
        assert params.low is not None and params.high is not None
        budget = flops / FLOPS_PER_PARAMETER_AND_TOKEN
        tokens = Interval(
            value=budget / params.value, low=budget / params.high, high=budget / params.low
        )
        if self.loss is None:
            return {"params": params, "tokens": tokens}
        ends = predicted_losses(*self.loss, np.log([[flops]]), self.options)
        loss = Interval(
            **{k: float(v[0]) for k, v in zip(("value", "low", "high"), ends, strict=True)}
        )
        return {"params": params, "tokens": tokens, "loss": loss}

    def score(self, held_out: LawTable) -> Score:
        """Compare with the vertices of held-out curves."""
        curves = isoflop_curves(held_out)
        runs, index = held_out.rows(curves >= 0), curves[curves >= 0]
        if not len(index):
            raise Inconclusive("no isoFLOP curve is held out")
        computes = computes_of(runs, index)
        truth = size_optima(np.log2(runs["params"])[:, None], runs.logs("loss"), index)
        misses, inside, regrets = [], 0, []
        for i, compute in enumerate(computes):
            own = index == i
            predicted = self.predict({"flops": float(compute)})["params"]
            assert predicted.low is not None and predicted.high is not None
            center = np.log2(predicted.value)
            regrets.append(
                nearest_regret(np.log2(runs["params"][own])[:, None], runs["loss"][own],
                               np.array([center]))
            )  # fmt: skip
            if truth.reasons[i]:
                continue
            vertex, sd = truth.optima[i, 0], np.sqrt(truth.covariances[i, 0, 0])
            bound = predicted.low if vertex < center else predicted.high
            misses.append(abs(vertex - center))
            inside += misses[-1] <= np.hypot(abs(np.log2(bound) - center), 1.64 * sd)
        if not misses:
            raise Inconclusive("no held-out curve has its minimum inside its range")
        return Score(len(misses), int(inside), float(np.median(misses)), tuple(regrets))

    def pictures(self) -> tuple[Picture, ...]:
        """The curves, and the optimal number of parameters against compute."""
        curves = isoflop_curves(self.table)
        order = [np.flatnonzero(curves == i) for i in range(len(self.computes))]
        order = [rows[np.argsort(self.table["params"][rows])] for rows in order]
        series = tuple(
            Series(f"{self.computes[i]:.2g} FLOPs", self.table["params"][rows],
                   self.table["loss"][rows])
            for i, rows in enumerate(order)
        )  # fmt: skip
        own = 2.0 ** self.optima.optima[:, 0]
        half = 1.96 * np.sqrt(self.optima.covariances[:, 0, 0])
        points = Series("vertices", self.computes, own, own * 2.0**-half, own * 2.0**half)
        line = Series("law", self.computes, own / 2.0**self.law.residuals)
        return (
            Picture("params", "loss", series, ()),
            Picture("flops", "optimal params", (points,), (line,)),
        )


class IsoFlop:
    """The law of compute-optimal sizes."""

    def fit(self, table: LawTable, options: LawOptions) -> IsoFlopLaw:
        """Fit the law.

        Raises:
            Inconclusive: Too few curves have their minimum inside their range.
        """
        curves = isoflop_curves(table)
        used = curves >= 0
        runs, index = table.rows(used), curves[used]
        computes = computes_of(runs, index)
        if len(computes) < FEWEST_CURVES:
            raise Inconclusive(
                f"{len(computes)} isoFLOP curves of at least {FEWEST_SIZES} model sizes, the law "
                f"needs {FEWEST_CURVES}"
            )
        optima = size_optima(np.log2(runs["params"])[:, None], runs.logs("loss"), index)
        inside = np.array([not reason for reason in optima.reasons])
        notes = tuple(
            f"{computes[i]:.3g} FLOPs left out: {reason.format('params')}"
            for i, reason in enumerate(optima.reasons)
            if reason
        )
        if not used.all():
            notes = (f"{int((~used).sum())} runs are on no isoFLOP curve", *notes)
        if inside.sum() < FEWEST_CURVES:
            raise Inconclusive(
                f"{int(inside.sum())} isoFLOP curves have their minimum inside their range, the "
                f"law needs {FEWEST_CURVES}; {'; '.join(notes)}"
            )
        law = fit_exponents(
            np.log2(computes[inside])[:, None],
            optima.optima[inside, 0],
            optima.covariances[inside, 0, 0],
            [PRIOR],
            options.seed,
        )
        kept = optima.of(inside)
        return IsoFlopLaw(
            table=runs.rows(inside[index]),
            computes=computes[inside],
            optima=kept,
            law=law,
            options=options,
            parameters=exponents_and_coefficients(law, options),
            notes=(*notes, *law.bend_notes("params", ("flops",))),
            loss=loss_of(kept, computes[inside], options),
        )

    def size_order(self, table: LawTable) -> Array:
        """By the curve."""
        curves = isoflop_curves(table)
        compute = table.logs("flops") / np.log(2)
        order = np.round(compute, 6)
        for i in range(int(curves.max()) + 1):
            order[curves == i] = float(np.median(compute[curves == i]))
        return np.asarray(order)


def loss_of(
    optima: SizeOptima, computes: Array, options: LawOptions
) -> tuple[PowerSum, Beyond] | None:
    """The law of the loss at the vertices; None of too few curves.

    Args:
        optima: The vertices.
        computes: Compute of each curve, shape (curves,).
        options: Refits and seed.
    """
    if len(computes) < CURVES_FOR_LOSS:
        return None
    return fit_loss_law(np.log(computes)[:, None], optima.levels, replace(options, floor=None))


def exponents_and_coefficients(law: ExponentLaw, options: LawOptions) -> dict[str, Interval]:
    """N = G·C^a and D = H·C^b with b = 1 − a and H = 1/(6G), since C = 6·N·D."""
    a, draws = law.estimate[1], law.draws[:, 1]
    log2_g, g_draws = float(law.constant(law.estimate)), law.constant(law.draws)
    six = np.log2(FLOPS_PER_PARAMETER_AND_TOKEN)
    level = options.confidence
    return {
        "a": percentiles(a, draws, level),
        "b": percentiles(1 - a, 1 - draws, level),
        "G": percentiles(log2_g, g_draws, level).exp2(),
        "H": percentiles(-six - log2_g, -six - g_draws, level).exp2(),
    }


ISOFLOP: LawForm = IsoFlop()
