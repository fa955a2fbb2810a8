"""Fits a parabola to the window of a rung's loss curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.curves.curve import Curve
from mutransfer_cli.surface.curves.noise import LackOfFit, SumOfSquares
from mutransfer_cli.surface.curves.seed_effects import Array, RunTable, run_table

WINDOW_REACH = 2.3  # octaves; a window of five rates an octave apart reaches as far


@dataclass(frozen=True)
class Parabola:
    """The least-squares fit loss = a + b·t + c·t² over single runs, with t = log2(lr) - center.

    Each seed has its own level; `a` is at the mean level of the seeds that every rate ran.

    Attributes:
        curve: The curve to which the parabola was fitted.
        x: log2 of the window's learning rates, shape (rates,).
        runs: The runs of the window.
        center: Middle of the window, in log2(lr).
        low: Lower end of the window, in log2(lr).
        high: Upper end of the window, in log2(lr).
        solve: Matrix from the runs' losses to the coefficients, shape (3, runs).
        coefficients: Coefficients a, b and c.
        inverse: Covariance of the coefficients divided by the variance of a loss, shape (3, 3).
        lack_of_fit: Residuals of the fit.
    """

    curve: Curve
    x: Array
    runs: RunTable
    center: float
    low: float
    high: float
    solve: Array
    coefficients: Array
    inverse: Array
    lack_of_fit: LackOfFit

    @property
    def level(self) -> float:
        """The level of the window's seeds minus that of all seeds of the curve."""
        inside = np.isin(self.curve.x, self.x)
        return float(self.at(self.x).mean() - self.curve.means[inside].mean())

    @property
    def seeds_per_rate(self) -> float:
        """Average number of runs per rate."""
        return len(self.runs.loss) / len(self.x)

    @property
    def t(self) -> Array:
        """log2(lr) of each run, from the center; shape (runs,)."""
        return np.asarray(self.x[self.runs.rate] - self.center)

    @property
    def vertex(self) -> float | None:
        """log2(lr) of the minimum; None if there is none inside the window."""
        _, b, c = self.coefficients
        if c <= 0:
            return None
        v = self.center - b / (2 * c)
        return float(v) if self.low < v < self.high else None

    def at(self, x: Array | float, coefficients: Array | None = None) -> Array:
        """The loss at x.

        Args:
            x: log2 of the learning rate.
            coefficients: Coefficients to use instead of the fitted ones, shape (…, 3).
        """
        a, b, c = np.moveaxis(self.coefficients if coefficients is None else coefficients, -1, 0)
        t = np.asarray(x) - self.center
        return np.asarray(a + b * t + c * t**2)

    def vertex_variance(self, variance: float) -> float:
        """Variance of the vertex in squared octaves, by the delta method.

        Args:
            variance: Variance of a loss.
        """
        _, b, c = self.coefficients
        gradient = np.array([0.0, -1 / (2 * c), b / (2 * c**2)])
        return float(gradient @ self.inverse @ gradient * variance)


def powers(t: Array, degree: int) -> Array:
    """Powers 0 to `degree` of t, shape (len(t), degree + 1)."""
    return np.vander(t, degree + 1, increasing=True)


def parabola_of(curve: Curve) -> Parabola | None:
    """Fit a parabola to a curve's window; None if there is no window.

    If rates are less than an octave apart, the window is extended as far as five rates an octave
    apart would reach, as long as the seeds show no lack of fit.
    """
    window = curve.window()
    if window is None:
        return None
    parabola, grown = parabola_through(curve, window), True
    while grown:
        grown = False
        for wider in curve.widened(window, WINDOW_REACH):
            candidate = parabola_through(curve, wider)
            residuals = candidate.lack_of_fit
            if residuals.pure_error.degrees_of_freedom and not residuals.significant:
                parabola, window, grown = candidate, wider, True
                break
    return parabola


def parabola_through(curve: Curve, window: slice) -> Parabola:
    """Fit a parabola to all runs of some consecutive rates.

    Args:
        curve: The loss curve.
        window: Indices of the rates.
    """
    x, runs = curve.x[window], run_table(curve.runs[window])
    center = float((x[0] + x[-1]) / 2)
    matrix = np.column_stack([runs.seed_indicators, powers(x[runs.rate] - center, 2)[:, 1:]])
    to_mean_level = np.zeros((3, matrix.shape[1]))  # maps the seeds' levels to their mean
    to_mean_level[0, : runs.seed_count] = runs.level_weights
    to_mean_level[1, -2] = to_mean_level[2, -1] = 1
    inverse = np.linalg.inv(matrix.T @ matrix)
    solve = inverse @ matrix.T
    residuals = runs.loss - matrix @ (solve @ runs.loss)
    _, errors = runs.effects()
    misfit = max(0.0, float(residuals @ residuals - errors @ errors))
    return Parabola(
        curve=curve,
        x=x,
        runs=runs,
        center=center,
        low=float(x[0]),
        high=float(x[-1]),
        solve=to_mean_level @ solve,
        coefficients=to_mean_level @ solve @ runs.loss,
        inverse=to_mean_level @ inverse @ to_mean_level.T,
        lack_of_fit=LackOfFit(
            misfit=SumOfSquares(misfit, len(x) - 3),
            pure_error=SumOfSquares(float(errors @ errors), runs.degrees_of_freedom),
        ),
    )
