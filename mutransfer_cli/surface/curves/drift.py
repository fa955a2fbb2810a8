"""Drift: how the optimum moves along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, log2

from mutransfer_cli.interval import Interval


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
