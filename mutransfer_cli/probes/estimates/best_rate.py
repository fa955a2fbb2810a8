"""Where losses of runs at a few rates put the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.special import stdtrit

from mutransfer_cli.interval import Interval

MOST_RUNS = 6  # three, others at twice the distance each while a side is open, one between
# Of a side; chosen with `tests/benchmarks/known_rates.py`, whose best rates the interval then holds
# in 95 %
CERTAIN = 0.9

Runs: TypeAlias = Mapping[float, Sequence[float]]  # losses of every seed, by rate


@dataclass(frozen=True)
class Bracket:
    """The rates between which the loss is lowest, if it has one valley.

    Attributes:
        losses: Mean over the seeds, by rate.
        low: Its lower end; None: no lower rate that was run is certainly worse than the best.
        best: The vertex of the parabola through the lowest loss and its neighbours.
        high: Its upper end; None: no higher rate that was run is certainly worse.
    """

    losses: Mapping[float, float]
    low: float | None
    best: float
    high: float | None


def bracket(loss: Callable[[float], Sequence[float]], estimate: Interval) -> Bracket:
    """Compare the middle and both ends of an interval, and rates beyond it while that is needed.

    Args:
        loss: Losses of a run at a rate, one a seed; infinite where it diverges.
        estimate: An interval with both ends.
    """
    low, high = estimate.low, estimate.high
    assert low is not None and high is not None
    runs = {rate: loss(rate) for rate in (low, estimate.value, high)}
    factor = (high / low) ** 0.5
    while len(runs) < MOST_RUNS - 1 and (side := _open_side(runs)):
        rate = min(runs) / factor if side < 0 else max(runs) * factor
        runs[rate] = loss(rate)
        factor *= factor
    if lowest(means(runs)) in (low, high):  # the best rate is on either side of it
        rate = (lowest(means(runs)) * estimate.value) ** 0.5
        runs[rate] = loss(rate)
    below, above = worse(runs)
    return Bracket(
        means(runs),
        max(below) if below else None,
        minimum(means(runs)),
        min(above) if above else None,
    )


def means(runs: Runs) -> dict[float, float]:
    """Mean loss over the seeds, by rate."""
    return {rate: float(np.mean(losses)) for rate, losses in runs.items()}


def worse(runs: Runs) -> tuple[list[float], list[float]]:
    """The rates below and above that of the lowest mean loss that are certainly worse than it.

    Student's test on the differences of the same seed; of one seed, every difference counts.

    Args:
        runs: Losses of every seed, by rate.
    """
    best = lowest(means(runs))
    found = [
        rate for rate, losses in runs.items() if rate != best and _is_worse(losses, runs[best])
    ]
    return [r for r in found if r < best], [r for r in found if r > best]


def _is_worse(losses: Sequence[float], best: Sequence[float]) -> bool:
    if not np.isfinite(losses).all():
        return True
    differences = np.array(losses) - np.array(best)
    n = len(differences)
    if n < 2:
        return bool(differences[0] > 0)
    reach = float(stdtrit(n - 1, CERTAIN)) * float(differences.std(ddof=1)) / n**0.5
    return bool(differences.mean() > reach)


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


def _open_side(runs: Runs) -> int:
    """On which side no rate is certainly worse: -1 below, 1 above, 0 neither; first the lower loss.

    Args:
        runs: Losses of every seed, by rate.
    """
    below, above = worse(runs)
    if below and above:
        return 0
    if not below and not above:
        losses = means(runs)
        return -1 if losses[min(losses)] <= losses[max(losses)] else 1
    return 1 if below else -1
