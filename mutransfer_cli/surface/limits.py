"""A number measured at several sizes, extrapolated to infinite size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.student import student_reach

FEWEST_SIZES = 3


@dataclass(frozen=True)
class Limit:
    """The limit of a number, and how far each size is from it.

    Attributes:
        limit: Its value at infinite size.
        errors: Value at each size minus the limit, as the fit has it: the discretization error.
        power: p of the error c·size^-p.
    """

    limit: Interval
    errors: tuple[Interval, ...]
    power: float


def limit_of(
    sizes: Sequence[float],
    values: NDArray[np.float64],
    powers: Sequence[float] = (1.0,),
    confidence: float = CONFIDENCE,
) -> Limit:
    """Fit value = limit + c·size^-p to every seed, and average over seeds.

    The intervals are Student's over seeds, widened by how far the means are from the fit.

    Args:
        sizes: Three sizes or more (sizes,).
        values: A number for every size and seed (sizes, seeds), two seeds or more.
        powers: Possible p; the one that fits best is used.
        confidence: Of the intervals.

    Raises:
        InputError: There are too few sizes or seeds.
    """
    if len(sizes) < FEWEST_SIZES:
        raise InputError(f"a limit needs {FEWEST_SIZES} sizes or more, found {len(sizes)}")
    seeds = values.shape[1]
    if seeds < 2:
        raise InputError("a limit needs two seeds or more, found 1")
    fits = []
    for power in powers:
        x = np.asarray(sizes, dtype=float) ** -power
        design = np.stack([np.ones(len(x)), x], 1)
        coefficients = np.linalg.pinv(design) @ values  # (2, seeds)
        rest = (values - design @ coefficients).mean(1)
        freedom = max(1, len(x) - 2)
        fits.append((float(rest @ rest) / freedom, power, x, coefficients))
    variance, power, x, coefficients = min(fits, key=lambda fit: fit[0])
    inverse = np.linalg.inv(np.stack([np.ones(len(x)), x]) @ np.stack([np.ones(len(x)), x], 1))
    quantile = student_reach(confidence, seeds - 1)

    def interval(draws: NDArray[np.float64], leverage: float) -> Interval:
        mean = float(draws.mean())
        seed_reach = quantile * float(draws.std(ddof=1)) / seeds**0.5
        reach = float(np.hypot(seed_reach, quantile * (variance * leverage) ** 0.5))
        return Interval(value=mean, low=mean - reach, high=mean + reach)

    return Limit(
        limit=interval(coefficients[0], float(inverse[0, 0])),
        errors=tuple(interval(coefficients[1] * v, float(inverse[1, 1]) * v * v) for v in x),
        power=power,
    )


def vector_error(
    sizes: Sequence[float],
    values: NDArray[np.float64],
    base: int,
    power: float = 1.0,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """How far a vector at one size is from its limit, relative to the limit, without noise.

    Every entry of every seed is fitted as limit + c·size^-power. The squared length of the mean
    error over seeds, less what seeds alone add to it, is unbiased (derived); jackknife interval of
    the square over seeds, three or more: where no error stands out from the seeds, it reaches from
    zero to the largest that they hide. None where the limit itself does not stand out.

    Args:
        sizes: Three sizes or more (sizes,).
        values: Vectors of every size and seed (sizes, seeds, entries), two seeds or more.
        base: Which size.
        power: p of the error.
        confidence: Of the interval.
    """
    x = np.asarray(sizes, dtype=float) ** -power
    design = np.stack([np.ones(len(x)), x], 1)
    limits, slopes = np.tensordot(np.linalg.pinv(design), values, 1)  # each (seeds, entries)
    errors = slopes * x[base]
    seeds = len(errors)

    def squared(kept: list[int]) -> float:
        lengths = []
        for vectors in (errors[kept], limits[kept]):
            mean = vectors.mean(0)
            noise = vectors.var(0, ddof=1).sum() / len(kept) if len(kept) > 1 else 0.0
            lengths.append(float(mean @ mean - noise))
        return lengths[0] / lengths[1] if lengths[1] > 0 else float("nan")

    square = squared(list(range(seeds)))
    if square != square:
        return None
    square = max(square, 0.0)  # the estimate can be below zero, what it estimates cannot
    if seeds < 3:  # without one of two seeds, none is left to tell noise by
        return Interval(value=square**0.5)
    parts = np.array([squared([s for s in range(seeds) if s != left]) for left in range(seeds)])
    if not np.isfinite(parts).all():
        return Interval(value=square**0.5)
    error = float(np.sqrt((seeds - 1) / seeds * ((parts - parts.mean()) ** 2).sum()))
    reach = student_reach(confidence, seeds - 1) * error
    low, high = max(square - reach, 0.0) ** 0.5, (square + reach) ** 0.5
    return Interval(value=square**0.5, low=low, high=high)
