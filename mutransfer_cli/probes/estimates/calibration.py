"""Estimates that are corrected by what they were off by elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.student import student_reach


@dataclass(frozen=True)
class Calibration:
    """What an estimator was off by.

    Attributes:
        offset: log2(best rate / estimate), its mean over the recipes.
        scatter: Its standard deviation.
        recipes: Number of recipes.
    """

    offset: float
    scatter: float
    recipes: int


def calibrated(raw: float, calibration: Calibration, confidence: float) -> Interval:
    """An estimate times its factor, with the interval of a new recipe.

    Args:
        raw: The learning rate that the estimator gives.
        calibration: What it was off by on other recipes.
        confidence: Of the interval.
    """
    n = calibration.recipes
    reach = student_reach(confidence, n - 1) * calibration.scatter * (1 + 1 / n) ** 0.5
    middle = log2(raw) + calibration.offset
    return Interval(value=2**middle, low=2 ** (middle - reach), high=2 ** (middle + reach))
