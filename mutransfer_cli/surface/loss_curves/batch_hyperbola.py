"""Steps and examples that a loss takes at several batch sizes, and the batch that both suggest.

The hyperbola (S/S_min - 1)(E/E_min - 1) = 1 of McCandlish et al. (arXiv 1812.06162, equation 2.11)
with E = S·B is the line S = S_min + E_min/B (derived).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.student import student_reach

FEWEST_BATCHES = 3
WINDOW = 0.05  # of a run, over which its loss is averaged
Array = NDArray[np.float64]
StepCurve = tuple[Array, Array]  # steps taken, and the loss there


@dataclass(frozen=True)
class BatchHyperbola:
    """What a sweep over batch sizes says.

    Attributes:
        target: The loss that every run reaches.
        batches: The batch sizes (batches,).
        steps: Steps to the target, mean over seeds (batches,).
        fewest_steps: S_min, with batches of any size.
        fewest_examples: E_min, with the smallest batches.
        critical: E_min/S_min, in examples; without upper bound, and at least the largest batch
            measured, where S_min cannot be told from zero.
        misfit: Largest relative difference between measured and fitted steps.
    """

    target: float
    batches: tuple[float, ...]
    steps: tuple[float, ...]
    fewest_steps: Interval
    fewest_examples: Interval
    critical: Interval
    misfit: float

    def expected(self, batch: float) -> float:
        """Steps to the target, from the hyperbola."""
        return self.fewest_steps.value + self.fewest_examples.value / batch


def batch_hyperbola(
    curves: Mapping[float, Sequence[StepCurve]], confidence: float = CONFIDENCE
) -> BatchHyperbola:
    """Fit the hyperbola to the steps at which runs of several batch sizes reach one loss.

    Args:
        curves: Loss curves by batch size, one for each seed, the same number for every batch.
        confidence: Of the intervals, Student's over seeds; no bounds with a single seed.

    Raises:
        InputError: There are fewer than three batch sizes.
    """
    if len(curves) < FEWEST_BATCHES:
        raise InputError(f"the batch hyperbola needs {FEWEST_BATCHES} batches, found {len(curves)}")
    batches = np.array(sorted(curves))
    seeds = min(len(runs) for runs in curves.values())
    smooth = [[_smoothed(curve) for curve in curves[b][:seeds]] for b in batches]
    target = max(float(loss.min()) for runs in smooth for _, loss in runs)
    steps = np.array([[_reached(curve, target) for curve in runs] for runs in smooth])
    weight = 1 / steps.mean(1)  # errors are relative
    design = np.stack([np.ones(len(batches)), 1 / batches], 1) * weight[:, None]
    fits = np.linalg.pinv(design) @ (steps * weight[:, None])  # (2, seeds)
    mean = fits.mean(1)
    fitted = mean[0] + mean[1] / batches
    return BatchHyperbola(
        target=target,
        batches=tuple(batches),
        steps=tuple(steps.mean(1)),
        fewest_steps=_over_seeds(fits[0], confidence),
        fewest_examples=_over_seeds(fits[1], confidence),
        critical=_critical(fits, float(batches[-1]), confidence),
        misfit=float(np.abs(fitted / steps.mean(1) - 1).max()),
    )


def _smoothed(curve: StepCurve) -> StepCurve:
    """The lowest mean loss of a window so far, which only falls."""
    steps, losses = curve
    width = max(round(WINDOW * len(losses)), 1)
    kernel = np.full(width, 1 / width)
    centers, means = np.convolve(steps, kernel, "valid"), np.convolve(losses, kernel, "valid")
    return centers, np.minimum.accumulate(means)


def _reached(curve: StepCurve, target: float) -> float:
    """The step at which a falling curve reaches a loss, between two of its points."""
    steps, losses = curve
    i = int(np.argmax(losses <= target))
    if i == 0:
        return float(steps[0])
    share = (losses[i - 1] - target) / (losses[i - 1] - losses[i])
    return float(steps[i - 1] + share * (steps[i] - steps[i - 1]))


def _critical(fits: Array, largest: float, confidence: float) -> Interval:
    """E_min/S_min from the interval of its inverse, which is close to normal.

    Args:
        fits: S_min and E_min of every seed (2, seeds).
        largest: The largest batch.
        confidence: Of the interval.
    """
    inverse = _over_seeds(fits[0] / fits[1], confidence)
    low = None if inverse.high is None or inverse.high <= 0 else 1 / inverse.high
    high = None if inverse.low is None or inverse.low <= 0 else 1 / inverse.low
    value = 1 / inverse.value if inverse.value > 0 else max(largest, low or 0.0)
    return Interval(value=value, low=low, high=high)


def _over_seeds(values: Array, confidence: float) -> Interval:
    mean = float(values.mean())
    if len(values) < 2 or not np.isfinite(values).all():
        return Interval(value=mean)
    error = float(values.std(ddof=1)) / len(values) ** 0.5
    reach = student_reach(confidence, len(values) - 1) * error
    return Interval(value=mean, low=mean - reach, high=mean + reach)
