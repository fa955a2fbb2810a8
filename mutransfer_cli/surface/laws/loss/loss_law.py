"""A fitted law of the loss: its predictions with intervals, score and figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

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
from mutransfer_cli.surface.laws.loss.extrapolation import widening
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
        widening: Factor of the parameters' part of prediction intervals.
        unidentified: Why parameters are not identified; empty where all are.
    """

    table: LawTable
    fitted: PowerSum
    options: LawOptions
    parameters: Parameters
    method: str
    notes: tuple[str, ...]
    unidentified: tuple[str, ...]
    widening: float

    @property
    def points(self) -> int:
        """The number of runs."""
        return len(self.table)

    @property
    def residual(self) -> float:
        """Root mean square of the log residuals."""
        return float(np.sqrt(np.mean(self.fitted.residuals**2)))

    def predict(self, sizes: Mapping[str, float]) -> dict[str, Interval]:
        """The loss of a new run: parameters from the refits, scatter from the residuals."""
        x = np.log([[sizes[name] for name in self.table.sizes]])
        value, draws = self._draws(x)
        return {"loss": percentiles(value[0], draws[:, 0], self.options.confidence)}

    def score(self, held_out: LawTable) -> Score:
        """Share of held-out losses inside their prediction intervals."""
        x = np.stack([held_out.logs(name) for name in self.table.sizes], axis=1)
        value, draws = self._draws(x)
        tail = 50 * (1 - self.options.confidence)
        low, high = np.percentile(draws, [tail, 100 - tail], axis=0)
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

    def _draws(self, log_sizes: Array) -> tuple[Array, Array]:
        """The predicted loss at each size, and draws of a new run's loss there."""
        value = self.fitted.log_loss(log_sizes, self.fitted.estimate[None])[0]
        apart, scatter = new_run(self.fitted, log_sizes, self.options)
        return np.exp(value), np.exp(value + self.widening * apart + scatter)


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

    return widening(log_sizes.sum(axis=1), len(fitted.estimate), fit, options.confidence)


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


def widening_text(factor: float) -> str:
    """What the widening was, for the description of the method."""
    if factor <= 1:
        return ""
    return (
        f"; those of predictions {factor:.2g} times as wide in the parameters' part, since fits to "
        "the smaller sizes err by so much at the larger ones"
    )
