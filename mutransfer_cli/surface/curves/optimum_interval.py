"""The interval of an optimum: that of the parabola's vertex, widened for the cubic bias."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.cubic_bias import VertexShift
from mutransfer_cli.surface.curves.noise import Noise
from mutransfer_cli.surface.curves.parabola import Parabola


def optimum_interval(
    p: Parabola, noise: Noise, shift: VertexShift, confidence: float
) -> Interval | None:
    """The optimum in log2(lr) with its interval; None if it is not resolved.

    The errors of vertex and shift add in quadrature; the interval is clipped to the window.

    Args:
        p: The parabola of the rung.
        noise: Noise of the losses.
        shift: Shift from the parabola's vertex to the optimum.
        confidence: Confidence level of the interval, between 0 and 1.
    """
    ends = fieller_interval(p, noise, confidence)
    if ends is None or p.vertex is None:
        return None
    shift_error = noise.quantile(confidence) * shift.error
    value = min(max(p.vertex + shift.value, p.low), p.high)
    below = float(np.hypot(p.vertex - ends[0], shift_error))
    above = float(np.hypot(ends[1] - p.vertex, shift_error))
    return Interval(value=value, low=max(value - below, p.low), high=min(value + above, p.high))


def fieller_interval(p: Parabola, noise: Noise, confidence: float) -> tuple[float, float] | None:
    """The vertices, in log2(lr), that the data do not exclude (Fieller 1954).

    The vertex is the t at which the slope b + 2ct is zero. The interval holds every t whose slope
    is not significantly different from zero:
    (b + 2ct)² ≤ q·Var(b + 2ct), a quadratic in t, with q the
    squared quantile of Student's t.

    Args:
        p: The parabola of the rung.
        noise: Noise of the losses.
        confidence: Confidence level of the interval, between 0 and 1.

    Returns:
        Both ends; None if they extend beyond the window on both sides, so that the optimum is not
        resolved.
    """
    _, b, c = p.coefficients
    q = noise.quantile(confidence) ** 2 * noise.variance
    v = p.inverse
    square = 4 * (c**2 - q * v[2, 2])
    linear = 4 * (b * c - q * v[1, 2])
    constant = b**2 - q * v[1, 1]
    if square <= 0:
        return None
    root = max(linear**2 - 4 * square * constant, 0.0)  # below zero only by rounding
    ends = sorted((-linear + s * np.sqrt(root)) / (2 * square) + p.center for s in (-1, 1))
    low, high = float(ends[0]), float(ends[1])
    if low <= p.low and high >= p.high:
        return None
    return low, high
