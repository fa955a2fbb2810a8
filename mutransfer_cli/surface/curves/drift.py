"""Drift: how the optimum moves along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, log2

import numpy as np

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.noise import Noise

SMALLEST_VARIANCE = (
    1e-12  # squared octaves; without it, curves without noise would have infinite weights
)


@dataclass(frozen=True, slots=True)
class RungVertex:
    """The optimum of one rung, as a point of the drift line.

    Attributes:
        size: Size of the rung along the axis.
        log2_lr: log2 of the optimal learning rate.
        variance: Variance of the optimum, in squared octaves.
    """

    size: float
    log2_lr: float
    variance: float


@dataclass(frozen=True, slots=True)
class DriftLine:
    """log2(lr) of the optimum as a linear function of log2(size).

    Attributes:
        drift: Slope of the line: octaves of the learning rate per doubling of the size.
        center: Size at which the errors of slope and level are uncorrelated.
        lr: Optimal learning rate at the center.
    """

    drift: Interval
    center: float
    lr: Interval

    def at(self, size: float) -> Interval | None:
        """The optimal learning rate at a size; None if the line has no intervals.

        The errors of slope and level add in quadrature.
        """
        if self.drift.high is None or self.lr.high is None:
            return None
        octaves = log2(size / self.center)
        value = log2(self.lr.value) + self.drift.value * octaves
        level_error = log2(self.lr.high) - log2(self.lr.value)
        half = hypot(level_error, (self.drift.high - self.drift.value) * octaves)
        return Interval(value=value, low=value - half, high=value + half).exp2()


def drift_line(vertices: Sequence[RungVertex], noise: Noise, confidence: float) -> DriftLine | None:
    """Weighted least squares of log2(lr) on log2(size); None for fewer than two rungs.

    Weights are the inverse variances of the optima. Where the optima scatter about the line by
    more than these variances, the intervals are widened by the square root of the reduced
    chi-square (Birge 1932).

    Args:
        vertices: The rungs' optima.
        noise: Noise of the losses, for the quantile of Student's t.
        confidence: Confidence level of the intervals, between 0 and 1.
    """
    if len(vertices) < 2:
        return None
    x = np.log2([v.size for v in vertices])
    y = np.array([v.log2_lr for v in vertices])
    weight = 1 / np.array([max(v.variance, SMALLEST_VARIANCE) for v in vertices])
    center = float(weight @ x / weight.sum())
    spread = float(weight @ (x - center) ** 2)
    slope = float(weight @ ((x - center) * y) / spread)
    level = float(weight @ y / weight.sum())
    scatter = float(weight @ (y - level - slope * (x - center)) ** 2)
    degrees_of_freedom = len(vertices) - 2
    inflation = max(1.0, scatter / degrees_of_freedom) ** 0.5 if degrees_of_freedom else 1.0
    quantile = noise.quantile(confidence) * inflation
    drift_half, level_half = quantile / spread**0.5, quantile / float(weight.sum()) ** 0.5
    return DriftLine(
        drift=Interval(value=slope, low=slope - drift_half, high=slope + drift_half),
        center=float(2.0**center),
        lr=Interval(value=level, low=level - level_half, high=level + level_half).exp2(),
    )
