"""Bootstrap: resampled weights, percentile intervals, and refits that failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.law_form import Array, LawOptions


def resampled_weights(rows: int, options: LawOptions) -> Array:
    """How often each row occurs in each resample, shape (resamples, rows)."""
    rng = np.random.default_rng(options.seed)
    return rng.multinomial(rows, np.full(rows, 1 / rows), size=options.resamples).astype(float)


def resampled_residuals(residuals: Array, parameters: int, options: LawOptions) -> Array:
    """Residuals drawn anew, of shape (resamples, rows), widened for the parameters fitted.

    Each draw is multiplied by √(freedom/χ²) as well, so that percentiles of few residuals are as
    wide as Student's t asks.
    """
    rng = np.random.default_rng(options.seed)
    rows = len(residuals)
    freedom = max(rows - parameters, 1)
    drawn = rng.choice(residuals - residuals.mean(), size=(options.resamples, rows))
    spread = np.sqrt(freedom / rng.chisquare(freedom, size=(options.resamples, 1)))
    return np.asarray(drawn * spread * np.sqrt(rows / freedom))


def percentiles(value: float, draws: Array, confidence: float) -> Interval:
    """The percentile interval around an estimate (Efron 1979).

    Args:
        value: The estimate.
        draws: Its refits, shape (draws,).
        confidence: Level of the interval.
    """
    tail = 50 * (1 - confidence)
    low, high = np.percentile(draws, [tail, 100 - tail])
    return Interval(value=float(value), low=float(low), high=float(high))


@dataclass(frozen=True, slots=True)
class Refits:
    """Bootstrap refits that converged, and the number of those that did not.

    Attributes:
        draws: Parameters of the refits, shape (refits, parameters).
        failed: How many refits did not converge.
    """

    draws: Array
    failed: int

    @property
    def text(self) -> str:
        """How many refits there are, for the description of the method."""
        total = len(self.draws) + self.failed
        failed = f", {self.failed} of them failed" if self.failed else ""
        return f"intervals from {total} bootstrap refits that start at the estimate{failed}"
