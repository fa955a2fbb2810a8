"""A fitted law of the loss: its predictions with intervals, score and figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.bootstrap import percentiles
from mutransfer_cli.surface.laws.law_form import (
    Array,
    Indices,
    LawOptions,
    LawTable,
    Parameters,
    Picture,
    Score,
    Series,
)
from mutransfer_cli.surface.laws.loss.extrapolation import enough_to_cut, widening
from mutransfer_cli.surface.laws.loss.few_sizes import FewSizes, fit_few_sizes
from mutransfer_cli.surface.laws.loss.power_sum import PowerSum, fit_power_sum

LINE_POINTS = 60
TRACE = 1e-6  # of the smallest loss; an irreducible loss below it is 0
CUT_RESAMPLES, CUT_STARTS = 200, 40


@dataclass(frozen=True)
class LossLaw:
    """A sum of powers with everything that is asked of a fitted law.

    Attributes:
        table: The runs that it was fitted to.
        fitted: The sum of powers.
        options: Confidence and seed.
        parameters: The parameters by name.
        method: How it was fitted.
        notes: Caveats.
        beyond: Where prediction intervals come from.
        unidentified: Why parameters are not identified; empty where all are.
    """

    table: LawTable
    fitted: PowerSum
    options: LawOptions
    parameters: Parameters
    method: str
    notes: tuple[str, ...]
    unidentified: tuple[str, ...]
    beyond: Beyond

    @property
    def points(self) -> int:
        """The number of runs."""
        return len(self.table)

    @property
    def residual(self) -> float:
        """Root mean square of the log residuals."""
        return float(np.sqrt(np.mean(self.fitted.residuals**2)))

    def predict(self, sizes: Mapping[str, float]) -> dict[str, Interval]:
        """The loss of a new run."""
        x = np.log([[sizes[name] for name in self.table.sizes]])
        value, low, high = self._intervals(x)
        return {"loss": Interval(value=float(value[0]), low=float(low[0]), high=float(high[0]))}

    def score(self, held_out: LawTable) -> Score:
        """Share of held-out losses inside their prediction intervals."""
        x = np.stack([held_out.logs(name) for name in self.table.sizes], axis=1)
        value, low, high = self._intervals(x)
        truth = held_out["loss"]
        inside = (low <= truth) & (truth <= high)
        error = np.abs(value / truth - 1)
        return Score(points=len(truth), inside=int(inside.sum()), error=float(np.median(error)))

    def pictures(self) -> tuple[Picture, ...]:
        """Loss against each size; with several sizes, less the other terms of the law."""
        fitted, table = self.fitted, self.table
        floor, factors, exponents = fitted.natural(fitted.estimate)
        logs = np.stack([table.logs(name) for name in table.sizes], axis=1)
        terms = factors * np.exp(-exponents * logs)
        panels = []
        for j, name in enumerate(table.sizes):
            rest = terms.sum(axis=1) - terms[:, j]
            x = np.exp(np.linspace(logs[:, j].min(), logs[:, j].max(), LINE_POINTS))
            points = Series("runs", table[name], table["loss"] - rest)
            line = Series("law", x, floor + factors[j] * x ** -exponents[j])
            label = "loss" if len(table.sizes) == 1 else "loss less the terms of other sizes"
            panels.append(Picture(name, label, (points,), (line,)))
        return tuple(panels)

    def _intervals(self, log_sizes: Array) -> tuple[Array, Array, Array]:
        """The predicted loss at each size, and the ends of the interval of a new run's loss."""
        return predicted_losses(self.fitted, self.beyond, log_sizes, self.options)


@dataclass(frozen=True)
class Beyond:
    """Where the prediction intervals of a law come from.

    Attributes:
        widening: Factor of the parameters' part, measured on the table; 1 where it was not.
        few: Averaged laws, where there are too few runs to measure it; None elsewhere.
    """

    widening: float = 1.0
    few: FewSizes | None = None

    @property
    def text(self) -> str:
        """What was done, for the description of the method."""
        if self.few is not None:
            return (
                "; so few runs do not show how far the form errs, so that predictions are averaged "
                "over second terms and over errors that runs of one size share"
            )
        if self.widening <= 1:
            return ""
        return (
            f"; those of predictions {self.widening:.2g} times as wide in the parameters' part, "
            "since fits to the smaller sizes err by so much at the larger ones"
        )


def new_run(fitted: PowerSum, log_sizes: Array, options: LawOptions) -> tuple[Array, Array]:
    """Draws of the errors of a predicted log loss: the parameters' part, and a new run's scatter.

    Args:
        fitted: The law.
        log_sizes: Shape (rows, k).
        options: Seed of the draws.

    Returns:
        Two arrays of shape (draws, rows).
    """
    apart = fitted.log_loss(log_sizes, fitted.refits.draws)
    apart = apart - fitted.log_loss(log_sizes, fitted.estimate[None])
    rng = np.random.default_rng(options.seed + 1)
    rows = len(fitted.residuals)
    wider = np.sqrt(rows / max(rows - len(fitted.estimate), 1))
    return apart, rng.choice(fitted.residuals * wider, size=apart.shape)


def predicted_losses(
    fitted: PowerSum, beyond: Beyond, log_sizes: Array, options: LawOptions
) -> tuple[Array, Array, Array]:
    """The predicted loss at each size, and the ends of the interval of a new run's loss.

    Args:
        fitted: The law.
        beyond: Where its prediction intervals come from.
        log_sizes: Shape (rows, k).
        options: Confidence and seed.
    """
    value = fitted.log_loss(log_sizes, fitted.estimate[None])[0]
    if beyond.few is not None:
        draws = beyond.few.draws(log_sizes, options.seed + 1)
    else:
        apart, scatter = new_run(fitted, log_sizes, options)
        draws = np.exp(value + beyond.widening * apart + scatter)
    tail = 50 * (1 - options.confidence)
    low, middle, high = np.percentile(draws, [tail, 50, 100 - tail], axis=0)
    loss = np.exp(value)
    # where the stated form is absurd, as with sizes that grow together, the average stands
    return np.where((low <= loss) & (loss <= high), loss, middle), low, high


def fit_loss_law(log_sizes: Array, log_loss: Array, options: LawOptions) -> tuple[PowerSum, Beyond]:
    """Fit a sum of powers, and find how far its predictions err: by cuts, or by averaged laws.

    Args:
        log_sizes: Shape (rows, k).
        log_loss: Shape (rows,).
        options: Confidence, refits, seed, and E where it is fixed.

    Raises:
        InputError: E is fixed above the lowest loss.
    """
    lowest = float(np.exp(log_loss.min()))
    if options.floor is not None and options.floor >= lowest:
        raise InputError(
            f"E = {options.floor:g}: the lowest loss is {lowest:.4g}; expected a smaller E"
        )
    parameters = 2 * log_sizes.shape[1] + (options.floor is None)
    if not enough_to_cut(len(log_loss), parameters):
        few = fit_few_sizes(log_sizes, np.exp(log_loss), options)
        errors = few.errors(options)
        fitted = fit_power_sum(log_sizes, log_loss, options, floor=options.floor, errors=errors)
        return fitted, Beyond(few=few)
    fitted = fit_power_sum(log_sizes, log_loss, options, floor=options.floor)
    return fitted, Beyond(measured_widening(log_sizes, log_loss, fitted, options))


def measured_widening(
    log_sizes: Array, log_loss: Array, fitted: PowerSum, options: LawOptions
) -> float:
    """The widening of the law's prediction intervals, from fits to the smaller sizes.

    Args:
        log_sizes: Shape (rows, k).
        log_loss: Shape (rows,).
        fitted: The law of all rows, at which the cuts' fits start.
        options: Confidence and seed; the cuts have fewer refits.
    """
    quick = replace(options, resamples=min(options.resamples, CUT_RESAMPLES))

    def fit(kept: Indices, left_out: Indices) -> tuple[Array, Array, Array]:
        part = fit_power_sum(
            log_sizes[kept], log_loss[kept], quick, floor=fitted.floor, searched=CUT_STARTS
        )
        beyond = log_sizes[left_out]
        errors = log_loss[left_out] - part.log_loss(beyond, part.estimate[None])[0]
        return (errors, *new_run(part, beyond, quick))

    return widening(log_sizes.sum(axis=1), fit, options.confidence)


def without_traces(floor: Array, log_loss: Array) -> Array:
    """Irreducible losses, with those that no loss can show as 0; they are fitted as logarithms.

    Args:
        floor: Irreducible losses.
        log_loss: Of the runs, shape (rows,).
    """
    return np.where(floor < TRACE * np.exp(log_loss.min()), 0.0, floor)


def intervals(
    estimate: Mapping[str, float], draws: Mapping[str, Array], options: LawOptions
) -> dict[str, Interval]:
    """The percentile interval of each parameter."""
    return {
        name: percentiles(value, draws[name], options.confidence)
        for name, value in estimate.items()
    }
