"""A parabola through the window of a rung."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from mutransfer_cli.surface.curve import Curve
from mutransfer_cli.surface.seed_effects import Array, Table, fitted, freedom, levels, table_of

REACH = 2.3  # octaves: as far as a window of five rates an octave apart
UNLIKELY = 0.05  # of a lack of fit as large as this, were the curve a parabola


@dataclass(frozen=True)
class Lack:
    """Sums of squares that a parabola leaves of rates and of runs, and their degrees of freedom."""

    misfit: float
    misfit_freedom: int
    pure: float
    pure_freedom: int


@dataclass(frozen=True)
class Parabola:
    """a + b·t + c·t² with t = x - centre, by least squares; a is at the mean level of the seeds."""

    curve: Curve
    x: Array  # the window's rates
    runs: Table  # of the window
    centre: float
    low: float  # ends of the window, in log2(lr)
    high: float
    solve: Array  # (3, runs): from losses to the coefficients
    coefficients: Array  # a, b, c
    inverse: Array  # times the variance of a loss, the coefficients' covariance
    lack: Lack

    @property
    def bent(self) -> bool:
        """Whether the curve is clearly no parabola here."""
        x = self.lack
        return unlikely(x.misfit, x.misfit_freedom, x.pure, x.pure_freedom)

    @property
    def level(self) -> float:
        """How far the window's seeds lie above those of the whole curve."""
        inside = np.isin(self.curve.x, self.x)
        return float(self.at(self.x).mean() - self.curve.means[inside].mean())

    @property
    def seeds(self) -> float:
        """Runs of a rate, on average."""
        return len(self.runs.loss) / len(self.x)

    @property
    def t(self) -> Array:
        """Of each run."""
        return np.asarray(self.x[self.runs.rate] - self.centre)

    @property
    def vertex(self) -> float | None:
        """log2(lr) of the minimum; None where the parabola opens downwards or it lies outside."""
        _, b, c = self.coefficients
        if c <= 0:
            return None
        v = self.centre - b / (2 * c)
        return float(v) if self.low < v < self.high else None

    def at(self, x: Array | float, coefficients: Array | None = None) -> Array:
        """Loss at x; coefficients (…, 3) may be drawn ones."""
        a, b, c = np.moveaxis(self.coefficients if coefficients is None else coefficients, -1, 0)
        t = np.asarray(x) - self.centre
        return np.asarray(a + b * t + c * t**2)

    def vertex_variance(self, noise: float) -> float:
        """Delta method; noise is the variance of a loss."""
        _, b, c = self.coefficients
        gradient = np.array([0.0, -1 / (2 * c), b / (2 * c**2)])
        return float(gradient @ self.inverse @ gradient * noise)


def design(t: Array, degree: int) -> Array:
    return np.vander(t, degree + 1, increasing=True)


def unlikely(misfit: float, misfit_freedom: int, pure: float, pure_freedom: int) -> bool:
    """An F test of lack of fit; where there is nothing to test, none is found."""
    if pure_freedom == 0 or misfit_freedom == 0 or pure <= 0:
        return False
    ratio = misfit / misfit_freedom / (pure / pure_freedom)
    return float(special.fdtrc(misfit_freedom, pure_freedom, ratio)) < UNLIKELY


def parabola_of(curve: Curve) -> Parabola | None:
    """Of a curve's window; None where there is none.

    Where rates lie less than an octave apart the window grows, as far as five of them an octave
    apart reach, while seeds tell that the curve is a parabola there.
    """
    window = curve.window()
    if window is None:
        return None
    found, grown = over(curve, window), True
    while grown:
        grown = False
        for wider in curve.wider(window, REACH):
            p = over(curve, wider)
            if p.lack.pure_freedom and not p.bent:
                found, window, grown = p, wider, True
                break
    return found


def over(curve: Curve, window: slice) -> Parabola:
    """By all runs of these rates; each seed has its own level."""
    x, runs = curve.x[window], table_of(curve.runs[window])
    centre = float((x[0] + x[-1]) / 2)
    matrix = np.column_stack([levels(runs), design(x[runs.rate] - centre, 2)[:, 1:]])
    of_mean = np.zeros((3, matrix.shape[1]))  # from the seeds' levels to their mean; b and c
    of_mean[0, : runs.seeds] = runs.mean_level
    of_mean[1, -2] = of_mean[2, -1] = 1
    inverse = np.linalg.inv(matrix.T @ matrix)
    every = inverse @ matrix.T
    left = runs.loss - matrix @ (every @ runs.loss)
    _, pure = fitted(runs)
    lack = Lack(
        misfit=max(0.0, float(left @ left - pure @ pure)),
        misfit_freedom=len(x) - 3,
        pure=float(pure @ pure),
        pure_freedom=freedom(runs),
    )
    return Parabola(
        curve=curve,
        x=x,
        runs=runs,
        centre=centre,
        low=float(x[0]),
        high=float(x[-1]),
        solve=of_mean @ every,
        coefficients=of_mean @ every @ runs.loss,
        inverse=of_mean @ inverse @ of_mean.T,
        lack=lack,
    )
