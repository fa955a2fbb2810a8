"""Fits slopes against the size on logarithmic scales, with uncertainty from the seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from scipy import special

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.documents.check import Slope

EXPONENT_TOLERANCE = 0.25  # exponents of the theory are multiples of 1/2


class Sized(Protocol):
    """A measurement at one size along an axis."""

    size: int


M = TypeVar("M", bound=Sized)


@dataclass(frozen=True, slots=True)
class SlopeFit:
    """A fitted slope.

    Attributes:
        value: d log2(value) / d log2(size).
        error: Standard error, from the seeds' scatter or the fit's residual, whichever is larger.
        degrees_of_freedom: Degrees of freedom of the interval's t-distribution.
    """

    value: float
    error: float
    degrees_of_freedom: int

    def report(self, expected: float | None, confidence: float = CONFIDENCE) -> Slope:
        """The slope with its interval, as a part of the document."""
        quantile = float(special.stdtrit(self.degrees_of_freedom, 0.5 + confidence / 2))
        half = quantile * self.error
        return Slope(
            value=self.value, low=self.value - half, high=self.value + half, expected=expected
        )


def fit_slope(measurements: Sequence[M], value_of: Callable[[M], float | None]) -> SlopeFit | None:
    """Fit log2(value) against log2(size); None if a value is missing or not positive.

    Args:
        measurements: Measurements at two sizes or more, one per seed.
        value_of: Returns the value of one measurement.
    """
    by_size: dict[int, list[float]] = {}
    for m in measurements:
        value = value_of(m)
        if value is None or not np.isfinite(value) or value <= 0:
            return None
        by_size.setdefault(m.size, []).append(float(np.log2(value)))
    sizes = sorted(by_size)
    seeds = min((len(values) for values in by_size.values()), default=0)
    if len(sizes) < 2 or seeds == 0:
        return None
    x = np.log2(sizes)
    x = x - x.mean()
    y = np.array([by_size[size][:seeds] for size in sizes])
    slopes = x @ y / (x @ x)
    slope = float(slopes.mean())
    seed_error = float(slopes.std(ddof=1) / np.sqrt(seeds)) if seeds > 1 else 0.0
    means = y.mean(1)
    residual = means - means.mean() - slope * x
    fit_error = float(np.sqrt(residual @ residual / max(1, len(sizes) - 2) / (x @ x)))
    return SlopeFit(slope, max(seed_error, fit_error), max(1, len(sizes) * seeds - 2))


def exact_slope(values: Mapping[int, float]) -> float | None:
    """Slope of log2(value) against log2(size) for exact values; None if one is not positive."""
    if any(not v > 0 for v in values.values()):
        return None
    x, y = np.log2(list(values)), np.log2(list(values.values()))
    x = x - x.mean()
    return float(x @ y / (x @ x))


def conservative(deviations: Sequence[float]) -> float:
    """The smallest deviation in magnitude if all have the same sign, else 0.

    The arguments are estimates of one deviation; if they contradict each other, none proves an
    error.
    """
    if min(deviations) < 0 < max(deviations):
        return 0.0
    return min(deviations, key=abs)
