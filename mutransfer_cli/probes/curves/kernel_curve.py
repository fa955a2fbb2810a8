"""The learning curve of regression with one kernel, measured and predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.documents.probe import Measure
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.eigenframework import (
    Sample,
    Spectrum,
    gaussian_error,
    predicted_error,
    unseen_error,
)
from mutransfer_cli.probes.estimates.seed_intervals import mean_interval
from mutransfer_cli.probes.probe_run import ProbeRequest

EXAMPLES = (16, 32, 64, 128)  # training sets
DRAWS = 400  # of each
RIDGE = 1e-2  # of the mean diagonal of the kernel
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """One kernel on training sets of one size.

    Attributes:
        when: init, or end of training.
        examples: Number of examples in a training set.
        error: Mean squared error over the draws.
        expected: What the eigenframework predicts.
        ratio: Measured over predicted.
        spectrum: Of the kernel and the target.
        ridge: Of the regression.
    """

    when: str
    examples: int
    error: Interval
    expected: float
    ratio: Interval
    spectrum: Spectrum
    ridge: float


def compared_kernel(kernel: Array, target: Array, when: str, request: ProbeRequest) -> list[Point]:
    """Measure and predict the learning curve of one kernel.

    Args:
        kernel: Kernel of the domain (points, points).
        target: Target, of mean 0 (points,).
        when: init, or end of training.
        request: Seed and confidence.
    """
    ridge = RIDGE * float(np.trace(kernel)) / len(kernel)
    sample = Sample.of(kernel, target)
    rng = np.random.default_rng(request.seed)
    found = []
    for n in EXAMPLES:
        errors = [unseen_error(kernel, target, n, ridge, rng) for _ in range(DRAWS)]
        expected = sample.predicted_error(n, ridge)
        ratio = mean_interval([e / expected for e in errors], request.confidence)
        error = error_interval(errors, request.confidence)
        found.append(Point(when, n, error, expected, ratio, sample.whole, ridge))
    return found


def error_interval(errors: Sequence[float], confidence: float) -> Interval:
    """The mean of squared errors with Student's interval, none of which is below 0.

    Args:
        errors: Mean squared errors of independent draws.
        confidence: Of the interval.
    """
    found = mean_interval(errors, confidence)
    return found if found.low is None else found.model_copy(update={"low": max(0.0, found.low)})


def gaussian_control(point: Point, request: ProbeRequest) -> Measure:
    """Repeat a point with eigenfunctions that are independent normals, as theory assumes them.

    Args:
        point: The point.
        request: Seed and confidence.
    """
    rng = np.random.default_rng(request.seed)
    expected = predicted_error(point.spectrum, point.examples, point.ridge)
    ratios = [
        gaussian_error(point.spectrum, point.examples, point.ridge, rng) / expected
        for _ in range(DRAWS)
    ]
    return Measure(
        name="measured over predicted error with normal eigenfunctions",
        at={"kernel": point.when, "examples": point.examples},
        estimate=mean_interval(ratios, request.confidence),
        expected=1.0,
    )


def why_missed(point: Point, control: Interval) -> str:
    """Whether theory misses a point for the shape of its eigenfunctions.

    Args:
        point: The point.
        control: Measured over predicted error with normal eigenfunctions.
    """
    where = f"the kernel at {point.when} with {point.examples} examples"
    given = f"normal eigenfunctions of the same spectrum, as theory assumes them, give {control}"
    if abs(control.value - 1) <= abs(point.ratio.value - 1) / 2:
        return (
            f"this is {where}, where {given}: the rest comes from the shape of its eigenfunctions, "
            "which are not normal (where examples form clusters, for instance)"
        )
    return f"this is {where}, where {given}: there are too few examples for theory's averages"
