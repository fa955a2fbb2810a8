"""The final loss of a run from its first part, and from completed runs where there are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.loss_curves.loss_curve import Array, LossCurve
from mutransfer_cli.surface.student import student_reach

WINDOW = 0.4  # share of the known part whose mean is its level
FEWEST_REFERENCES = 4
# What a size adds: lines in these; the truth is between them or near (1/√size, infinite width)
TRENDS: tuple[Callable[[float], float], ...] = (np.log, lambda size: -(size**-0.5))


def predict_final_loss(
    curve: LossCurve,
    fraction: float,
    references: Sequence[LossCurve] = (),
    confidence: float = CONFIDENCE,
) -> Interval:
    """Predict the mean loss of the last tenth of a run from its beginning.

    With completed runs, ln(final loss) is a line in ln(loss at the fraction) and in the size, fit
    to them; the interval is that of a new observation, widened by what two forms of the dependence
    on the size differ by. By itself, a curve is extrapolated as a power of the step: the interval
    reaches from no further progress to twice the power's, since decay of the learning rate adds to
    it (an assumption).

    Args:
        curve: The run; what it holds after the fraction is not used.
        fraction: Share of the run that is known, between 0 and 1.
        references: Completed runs with the same settings, of other sizes or seeds.
        confidence: Of the interval.

    Raises:
        InputError: The fraction is outside of its range, or the curve has no points before it.
    """
    if not 0 < fraction < 1:
        raise InputError(f"fraction {fraction:g}: expected a number between 0 and 1")
    if (curve.progress < fraction).sum() < 2:
        raise InputError(f"the curve has fewer than two points in its first {fraction:.0%}")
    forward, backward = _scale([curve, *references])
    level = forward(early_level(curve, fraction))
    if not references:
        bounds = _extrapolated(curve, fraction)
    elif len(references) < FEWEST_REFERENCES:
        raise InputError(
            f"{len(references)} completed runs: expected none, or {FEWEST_REFERENCES} or more"
        )
    else:
        rows = [
            (forward(early_level(r, fraction)), forward(r.final), r.size or 1.0) for r in references
        ]
        bounds = _regressed(np.array(rows), level, curve.size, confidence)
    low, value, high = (backward(b) for b in bounds)
    return Interval(value=value, low=low, high=high)


def expected_level(
    curve: LossCurve, fraction: float, references: Sequence[LossCurve], confidence: float
) -> Interval | None:
    """What completed runs say of the loss at a share of the run, before looking at it.

    Args:
        curve: The run, of which only the size is used.
        fraction: The share of the run.
        references: Completed runs with the same settings.
        confidence: Of the interval of a new observation.

    Returns:
        None where the sizes do not allow it: three of them, or runs of this size, are needed.
    """
    forward, backward = _scale([curve, *references])
    sizes = np.array([r.size or 1.0 for r in references])
    levels = np.array([forward(early_level(r, fraction)) for r in references])
    if len(references) < FEWEST_REFERENCES:
        return None
    same = sizes == (curve.size or 1.0)
    if same.sum() >= FEWEST_REFERENCES:
        found = [_predicted(np.ones((int(same.sum()), 1)), levels[same], np.ones(1), confidence)]
    elif curve.size is None or len(np.unique(sizes)) < 3:
        return None
    else:
        found = [
            _predicted(
                np.stack([np.ones(len(sizes)), [trend(s) for s in sizes]], 1),
                levels,
                np.array([1.0, trend(curve.size)]),
                confidence,
            )
            for trend in TRENDS
        ]
    low = min(value - reach for value, reach in found)
    high = max(value + reach for value, reach in found)
    middle = float(np.mean([value for value, _ in found]))
    return Interval(value=backward(middle), low=backward(low), high=backward(high))


def early_level(curve: LossCurve, fraction: float) -> float:
    """The mean loss of the last part before a share of the run."""
    return curve.mean(fraction * (1 - WINDOW), fraction)


def _scale(
    curves: Sequence[LossCurve],
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Logarithm and exponential, or nothing at all where losses are not positive."""
    if all((c.losses > 0).all() for c in curves):
        return np.log, np.exp
    return float, float


def _regressed(
    rows: Array, level: float, size: float | None, confidence: float
) -> tuple[float, float, float]:
    """Low, value and high of the prediction by regression over completed runs.

    Args:
        rows: Level at the fraction, final level and size of every completed run (runs, 3).
        level: Level of the run at the fraction.
        size: Its size; None: unknown, as a size of the others.
        confidence: Of the interval.
    """
    early, final, sizes = rows.T
    known = size is not None and len(np.unique(sizes)) > 1
    same = len(np.unique(sizes)) == 1 and size is not None and size != sizes[0]
    predictions = []
    for trend in TRENDS if known else TRENDS[:1]:
        columns = [np.ones(len(rows))]
        point = [1.0]
        if known:
            assert size is not None
            columns.append(np.array([trend(s) for s in sizes]))
            point.append(float(trend(size)))
        target, offset = final, 0.0
        if same or len(rows) < len(columns) + 3:  # a change of size, without a trend: the shape
            target, offset = final - early, level
        else:
            columns.append(early)
            point.append(level)
        predictions.append(_predicted(np.stack(columns, 1), target, np.array(point), confidence))
        predictions[-1] = (predictions[-1][0] + offset, predictions[-1][1])
    value = float(np.mean([p for p, _ in predictions]))
    apart = max(abs(p - value) for p, _ in predictions)
    reach = float(np.hypot(np.mean([r for _, r in predictions]), 2 * apart))
    return value - reach, value, value + reach


def _predicted(
    design: Array, target: Array, point: Array, confidence: float
) -> tuple[float, float]:
    """Value and half width of the interval of a new observation, by least squares.

    Args:
        design: Regressors (runs, k).
        target: What they explain (runs,).
        point: Regressors of the new run (k,).
        confidence: Of the interval.
    """
    coefficients, *_ = np.linalg.lstsq(design, target, rcond=None)
    freedom = len(target) - design.shape[1]
    rest = target - design @ coefficients
    variance = float(rest @ rest) / freedom
    covariance = np.linalg.pinv(design.T @ design)
    error = np.sqrt(variance * (1 + float(point @ covariance @ point)))
    return float(point @ coefficients), student_reach(confidence, freedom) * float(error)


def _extrapolated(curve: LossCurve, fraction: float) -> tuple[float, float, float]:
    """Low, value and high of the curve's own extrapolation as a power of the step."""
    forward, _ = _scale([curve])
    edges = np.geomspace(fraction / 4, fraction, 7)
    levels = np.array([forward(v) for v in curve.levels(list(edges))])
    x = np.log((edges[1:] + edges[:-1]) / 2)
    slope = min(0.0, float(np.polyfit(x, levels, 1)[0]))
    scatter = float(np.std(levels - np.polyval(np.polyfit(x, levels, 1), x)))
    last = forward(early_level(curve, fraction))
    reach = float(np.log(0.95 / (fraction * (1 - WINDOW / 2))))
    return last + 2 * slope * reach - 2 * scatter, last + slope * reach, last + 2 * scatter
