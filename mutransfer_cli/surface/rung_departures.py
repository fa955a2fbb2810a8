"""How far each rung is from what the other rungs say, by a number measured for every seed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.student import student_reach

Array = NDArray[np.float64]


def departures_of(values: Array, sizes: Array, trend: bool, confidence: float) -> list[Interval]:
    """Every size against the others: means over seeds, with Student's interval.

    Sizes have the same scatter over seeds, up to the factor by which a trend of the others adds to
    it; pooled, it is known better than from the few seeds of one size.

    Args:
        values: A number for every size and seed (sizes, seeds).
        sizes: The sizes.
        trend: Whether the others say a line, or their mean.
        confidence: Of the intervals.
    """
    found = [_residuals(values, sizes, i, trend) for i in range(len(sizes))]
    seeds = values.shape[1]
    variance = float(np.mean([rest.var(ddof=1) / factor for rest, factor in found]))
    freedom = (seeds - 1) * max(1, len(sizes) - 2)
    reach = student_reach(confidence, freedom)
    intervals = []
    for rest, factor in found:
        error = float(np.sqrt(variance * factor / seeds))
        mean = float(rest.mean())
        intervals.append(Interval(value=mean, low=mean - reach * error, high=mean + reach * error))
    return intervals


def _residuals(values: Array, sizes: Array, i: int, trend: bool) -> tuple[Array, float]:
    """The values of one size minus what the others say, by seed (seeds,).

    Args:
        values: A number for every size and seed (sizes, seeds).
        sizes: The sizes.
        i: Which of them.
        trend: Whether the others say a line in the logarithm of the size, its root's inverse or
            its inverse (the error of a finite width), or a mixture of two of these, whichever comes
            closest, or their mean.

    Returns:
        The differences, and their variance in units of that of a value.
    """
    others = np.delete(np.arange(len(sizes)), i)
    found = []
    for x in (np.log(sizes), sizes**-0.5, 1 / sizes) if trend else (np.zeros(len(sizes)),):
        design = np.stack([np.ones(len(others)), x[others]], 1)[:, : 2 if trend else 1]
        weights = np.array([1.0, x[i]])[: design.shape[1]] @ np.linalg.pinv(design)
        found.append(weights)
    rests = [values[i] - weights @ values[others] for weights in found]
    for (one, other), (a, b) in zip(pairwise(found), pairwise(rests), strict=True):
        over, under = float(a.mean()), float(b.mean())
        if over * under < 0:  # a law between the two, such as that of the power 1/3, meets it
            share = over / (over - under)
            found.append((1 - share) * one + share * other)
            rests.append((1 - share) * a + share * b)
    closest = min(range(len(rests)), key=lambda j: abs(float(rests[j].mean())))
    return rests[closest], 1 + float(found[closest] @ found[closest])
