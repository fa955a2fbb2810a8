"""Means over seeds with their intervals, and curves of such means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt

import numpy as np

from mutransfer_cli.documents.probe import Series
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.student import student_reach


def mean_interval(values: Sequence[float], confidence: float) -> Interval:
    """The mean of independent values with Student's interval; no bounds for a single value.

    Args:
        values: One value per seed.
        confidence: Of the interval.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(value=mean)
    error = float(np.std(values, ddof=1)) / sqrt(len(values))
    reach = student_reach(confidence, len(values) - 1) * error
    return Interval(value=mean, low=mean - reach, high=mean + reach)


def geometric_interval(values: Sequence[float], confidence: float) -> Interval:
    """The geometric mean of sizes that are positive, and stay so within the interval.

    Student's interval of the logarithms; where a value is not positive, that of the values.

    Args:
        values: One value per seed.
        confidence: Of the interval.
    """
    if min(values) <= 0:
        return mean_interval(values, confidence)
    found = mean_interval([log(v) for v in values], confidence)
    low, high = (
        None if bound is None else exp(min(bound, 700)) for bound in (found.low, found.high)
    )
    return Interval(value=exp(found.value), low=low, high=high)


def banded(series: Series, estimates: Sequence[Interval]) -> Series:
    """A curve of estimates with the band of their intervals, where each has one.

    Args:
        series: The curve; its y are replaced.
        estimates: One for each of its x.
    """
    update: Mapping[str, object] = {"y": tuple(e.value for e in estimates)}
    bounds = [(e.low, e.high) for e in estimates if e.low is not None and e.high is not None]
    if len(bounds) == len(estimates):
        low, high = zip(*bounds, strict=True)
        update = {**update, "low": low, "high": high}
    return series.model_copy(update=update)
