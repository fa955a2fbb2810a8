"""The exponent with which a number depends on the width, or on another size."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

import numpy as np

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.student import student_reach


def width_slope(points: Sequence[tuple[float, float]], confidence: float) -> Interval:
    """Exponent of the width, by least squares over logarithms.

    Args:
        points: Width, or another size, and value, of every size and seed.
        confidence: Of the interval.
    """
    x = np.array([log2(width) for width, _ in points])
    y = np.array([log2(value) for _, value in points])
    centered = x - x.mean()
    slope = float(centered @ y / (centered @ centered))
    rest = y - y.mean() - slope * centered
    freedom = len(points) - 2
    error = float(np.sqrt(rest @ rest / freedom / (centered @ centered)))
    reach = student_reach(confidence, freedom) * error
    return Interval(value=slope, low=slope - reach, high=slope + reach)
