"""Interval of an optimum: of its parabola's vertex, and of what a cubic term adds."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.cubic_bias import Shift
from mutransfer_cli.surface.noise import Noise
from mutransfer_cli.surface.parabola import Parabola

Interval = tuple[float, float, float]  # log2(lr): value, low, high


def optimum_of(p: Parabola, noise: Noise, shift: Shift, confidence: float) -> Interval | None:
    """None where it is not resolved; the two errors add in squares."""
    ends = fieller(p, noise, confidence)
    if ends is None or p.vertex is None:
        return None
    more = noise.quantile(confidence) * shift.error
    value = min(max(p.vertex + shift.value, p.low), p.high)
    below = float(np.hypot(p.vertex - ends[0], more))
    above = float(np.hypot(ends[1] - p.vertex, more))
    return value, max(value - below, p.low), min(value + above, p.high)


def fieller(p: Parabola, noise: Noise, confidence: float) -> tuple[float, float] | None:
    """The values of the vertex that the data do not exclude (Fieller 1954).

    None where they reach past the window on both sides: the optimum is not resolved.
    """
    _, b, c = p.coefficients
    q = noise.quantile(confidence) ** 2 * noise.variance
    v = p.inverse
    # (b + 2cu)² ≤ q·Var(b + 2cu), a quadratic in u = vertex - centre
    square = 4 * (c**2 - q * v[2, 2])
    linear = 4 * (b * c - q * v[1, 2])
    constant = b**2 - q * v[1, 1]
    if square <= 0:
        return None
    root = max(linear**2 - 4 * square * constant, 0.0)  # below zero only by rounding
    ends = sorted((-linear + s * np.sqrt(root)) / (2 * square) + p.centre for s in (-1, 1))
    low, high = float(ends[0]), float(ends[1])
    if low <= p.low and high >= p.high:
        return None
    return low, high
