"""Where losses of runs at a few rates put the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.interval import Interval

MOST_RUNS = 6  # three, others at twice the distance each while the lowest is at an end, one between


@dataclass(frozen=True)
class Bracket:
    """The rates between which the loss is lowest, if it has one valley.

    Attributes:
        losses: By rate.
        low: Its lower end; None: the loss is still falling at the lowest rate.
        best: The vertex of the parabola through the lowest loss and its neighbours.
        high: Its upper end; None: the loss is still falling at the highest rate.
    """

    losses: Mapping[float, float]
    low: float | None
    best: float
    high: float | None


def bracket(loss: Callable[[float], float], estimate: Interval) -> Bracket:
    """Compare the middle and both ends of an interval, and rates beyond it while that is needed.

    Args:
        loss: Loss of a run at a rate; infinite where it diverges.
        estimate: An interval with both ends.
    """
    low, high = estimate.low, estimate.high
    assert low is not None and high is not None
    losses = {rate: loss(rate) for rate in (low, estimate.value, high)}
    factor = (high / low) ** 0.5
    while len(losses) < MOST_RUNS - 1 and (side := _end(losses)):
        rate = min(losses) / factor if side < 0 else max(losses) * factor
        losses[rate] = loss(rate)
        factor *= factor
    if lowest(losses) in (low, high):  # the best rate is on either side of it
        rate = (lowest(losses) * estimate.value) ** 0.5
        losses[rate] = loss(rate)
    rates = sorted(losses)
    i = rates.index(lowest(losses))
    return Bracket(
        losses,
        rates[i - 1] if i > 0 else None,
        minimum(losses),
        rates[i + 1] if i + 1 < len(rates) else None,
    )


def lowest(losses: Mapping[float, float]) -> float:
    """The rate of lowest loss; of equal ones that nearest to the middle.

    Args:
        losses: Losses by rate.
    """
    rates = sorted(losses)
    middle = (len(rates) - 1) / 2
    i = min(range(len(rates)), key=lambda k: (losses[rates[k]], abs(k - middle)))
    return rates[i]


def minimum(losses: Mapping[float, float]) -> float:
    """The rate at the vertex of the parabola through the lowest loss and its neighbours.

    Args:
        losses: Losses by rate.
    """
    rates = sorted(losses)
    i = rates.index(lowest(losses))
    if not 0 < i < len(rates) - 1:
        return rates[i]
    near = rates[i - 1 : i + 2]
    values = [losses[r] for r in near]
    if not np.isfinite(values).all():
        return rates[i]
    a, b, _ = np.polyfit(np.log2(near), values, 2)
    return float(2 ** (-b / (2 * a))) if a > 0 else rates[i]


def _end(losses: Mapping[float, float]) -> int:
    """-1 where the lowest rate has the lowest loss, 1 where the highest has it, else 0."""
    best = lowest(losses)
    return -1 if best == min(losses) else 1 if best == max(losses) else 0
