"""Slopes against width on logarithmic scales, over seeds, with their uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from scipy import special

from mutransfer_cli.documents.check import Slope


class Sized(Protocol):
    """A measurement at one size along an axis."""

    width: int


M = TypeVar("M", bound=Sized)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A slope and its standard error: the larger of the seeds' scatter and the fit's."""

    value: float
    error: float
    freedom: int

    def slope(self, expected: float | None, confidence: float = 0.95) -> Slope:
        half = float(special.stdtrit(self.freedom, 0.5 + confidence / 2)) * self.error
        return Slope(
            value=self.value, low=self.value - half, high=self.value + half, expected=expected
        )


def fitted(measurements: Sequence[M], value: Callable[[M], float | None]) -> Fitted | None:
    """Slope of log2(value) on log2(width); None where a value is missing or not positive."""
    by_width: dict[int, list[float]] = {}
    for m in measurements:
        v = value(m)
        if v is None or not np.isfinite(v) or v <= 0:
            return None
        by_width.setdefault(m.width, []).append(float(np.log2(v)))
    widths = sorted(by_width)
    seeds = min((len(values) for values in by_width.values()), default=0)
    if len(widths) < 2 or seeds == 0:
        return None
    x = np.log2(widths)
    x = x - x.mean()
    y = np.array([by_width[w][:seeds] for w in widths])
    slopes = x @ y / (x @ x)
    slope = float(slopes.mean())
    of_seeds = float(slopes.std(ddof=1) / np.sqrt(seeds)) if seeds > 1 else 0.0
    means = y.mean(1)
    residual = means - means.mean() - slope * x
    of_fit = float(np.sqrt(residual @ residual / max(1, len(widths) - 2) / (x @ x)))
    return Fitted(slope, max(of_seeds, of_fit), max(1, len(widths) * seeds - 2))


def exponent(values: Mapping[int, float]) -> float | None:
    """Slope of log2(value) on log2(size), of exact numbers; None where one is not positive."""
    if any(not v > 0 for v in values.values()):
        return None
    x, y = np.log2(list(values)), np.log2(list(values.values()))
    x = x - x.mean()
    return float(x @ y / (x @ x))


def smaller(values: Sequence[float]) -> float:
    """Where all agree in sign the smallest in magnitude, else 0: one alone proves nothing."""
    if min(values) < 0 < max(values):
        return 0.0
    return min(values, key=abs)
