"""What a ladder says of the limit along one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.seed_intervals import mean_interval
from mutransfer_cli.probes.estimates.width_slope import width_slope
from mutransfer_cli.probes.subject.trained_run import TrainedRun
from mutransfer_cli.surface.limits import FEWEST_SIZES, Limit, limit_of, vector_error


@dataclass(frozen=True)
class AxisLimit:
    """One axis.

    Attributes:
        name: Its name.
        sizes: Sizes along it, in units in which the error falls as a power: 1/step for steps.
        losses: Final losses (sizes, seeds).
        fit: Their limit.
        base: Which of the sizes the base is.
        curve: The limit of the loss in every window of training.
        base_curve: The mean loss of the base there.
        vectors: Relative error of the base's logits, and of its feature kernel, by name.
    """

    name: str
    sizes: tuple[float, ...]
    losses: NDArray[np.float64]
    fit: Limit
    base: int
    curve: tuple[Limit, ...]
    base_curve: tuple[Interval, ...]
    vectors: dict[str, Interval]

    @property
    def error(self) -> Interval:
        """The discretization error of the base."""
        return self.fit.errors[self.base]


def axis_limit(
    name: str,
    sizes: Sequence[float],
    runs: Sequence[Sequence[TrainedRun]],
    base: int,
    confidence: float,
) -> AxisLimit:
    """The limits along one axis.

    Args:
        name: The axis.
        sizes: Size along it of every measurement.
        runs: By size and seed.
        base: Which of the sizes the base is.
        confidence: Of the intervals.
    """
    losses = np.array([[run.loss for run in seeds] for seeds in runs])
    curves = np.array([[run.curve for run in seeds] for seeds in runs])
    fit = limit_of(sizes, losses, (1.0, 0.5) if name == "depth" else (1.0,), confidence)
    vectors = {}
    for what in ("logits", "kernel"):
        rows = [[getattr(run, what) for run in seeds] for seeds in runs]
        if rows[0][0].size and len({v.shape for row in rows for v in row}) == 1:
            error = vector_error(sizes, np.array(rows), base, fit.power, confidence)
            if error is not None:
                vectors[what] = error
    return AxisLimit(
        name=name,
        sizes=tuple(sizes),
        losses=losses,
        fit=fit,
        base=base,
        curve=tuple(
            limit_of(sizes, curves[:, :, i], (fit.power,), confidence)
            for i in range(curves.shape[2])
        ),
        base_curve=tuple(mean_interval(row, confidence) for row in curves[base].T),
        vectors=vectors,
    )


def fluctuation_of(
    spread: Mapping[int, Sequence[NDArray[np.float64]]], confidence: float
) -> Interval | None:
    """The exponent of the width with which the logits' variance over seeds changes.

    Args:
        spread: Logits of every seed, by width.
        confidence: Of the interval.
    """
    points = []
    for width, rows in spread.items():
        if len(rows) > 1 and rows[0].size and len({r.shape for r in rows}) == 1:
            points.append((width, float(np.stack(rows).var(0, ddof=1).mean())))
    if len(points) < FEWEST_SIZES or any(v <= 0 for _, v in points):
        return None
    return width_slope(points, confidence)
