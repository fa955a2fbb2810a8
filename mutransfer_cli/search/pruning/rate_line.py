"""Lines of a search along the learning rate, and the rates on them that the fit may need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import ceil, inf, log2
from typing import TypeAlias

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.settings import mean_if_complete

FIRST_WAVE_SPACING = 2.0  # octaves between the rates of a line's first wave, about
PROTECTED_OCTAVES = 2.5  # nothing is pruned within this distance of the best rate
PROTECTED_NEIGHBORS = 2  # nor among so many rates on each side: the five points of a parabola
CLIFF_RISE = 3.0  # ratio of the rises of both sides above which the fit's window may shift

MeanLosses: TypeAlias = dict[float, float | None]  # by rate; None where a seed did not finish
Line: TypeAlias = tuple[Size, tuple[tuple[str, float], ...]]  # a rung, and all but the lr


def line_of(trial: Job | Record) -> Line:
    """The line that a trial is on."""
    return trial.size, tuple(sorted((k, v) for k, v in trial.params.items() if k != "lr"))


def rate(trial: Job | Record) -> float:
    """A trial's learning rate, rounded so that storing it changes nothing; 1 if not searched."""
    return float(f"{trial.params.get('lr', 1.0):.12g}")


def rates_of(jobs: Sequence[Job], records: Sequence[Record]) -> list[float]:
    """All learning rates, low to high."""
    return sorted({*map(rate, jobs), *map(rate, records)})


def finished_at(records: Sequence[Record], seed: int) -> list[Record]:
    """The trials with this seed that have a loss."""
    return [r for r in records if r.seed == seed and r.loss is not None]


def mean_losses_by_rate(records: Sequence[Record]) -> MeanLosses:
    """Mean loss of each learning rate over its seeds."""
    by_rate: dict[float, list[float | None]] = defaultdict(list)
    for record in records:
        by_rate[rate(record)].append(record.loss)
    return {x: mean_if_complete(losses) for x, losses in by_rate.items()}


def spread_rates(rates: Sequence[float]) -> list[float]:
    """The midpoints of equal parts of a line; they avoid its ends, where losses are worst."""
    count = max(1, ceil(len(rates) / 3))
    if len(rates) > 2 and rates[0] > 0:
        count = min(count, max(2, ceil(log2(rates[-1] / rates[0]) / FIRST_WAVE_SPACING)))
    return [rates[int((i + 0.5) * len(rates) / count)] for i in range(count)]


def octaves(a: float, b: float) -> float:
    """log2 of the ratio of two rates; infinite if one of them has no logarithm."""
    return log2(a / b) if a > 0 and b > 0 else (0.0 if a == b else inf)


def is_protected(x: float, rates: Sequence[float], losses: MeanLosses) -> bool:
    """Whether the fit's parabola may use a rate; True for all rates while there is no best one.

    Next to a cliff the fit shifts its window away from it, so one more rate is protected on the
    other side.
    """
    known = {r: loss for r, loss in losses.items() if loss is not None}
    if not known:
        return True
    best = min(known, key=lambda r: (known[r], r))
    below = [r for r in losses if r < best and in_reach(r, best, rates)]
    above = [r for r in losses if r > best and in_reach(r, best, rates)]
    low, high = rise(below, losses, best), rise(above, losses, best)
    if in_reach(x, best, rates):
        return True
    further = high > CLIFF_RISE * low if x < best else low > CLIFF_RISE * high
    return further and in_reach(x, best, rates, 1)


def in_reach(x: float, best: float, rates: Sequence[float], more: int = 0) -> bool:
    """Whether a rate is near the best.

    Args:
        x: The rate.
        best: The best one.
        rates: All rates of the line, low to high.
        more: Octaves and neighbors by which to extend the reach.
    """
    is_neighbor = abs(rates.index(x) - rates.index(best)) <= PROTECTED_NEIGHBORS + more
    return is_neighbor or abs(octaves(x, best)) <= PROTECTED_OCTAVES + more + 1e-6


def rise(side: Sequence[float], losses: MeanLosses, best: float) -> float:
    """How far the loss rises above the best on one side; infinite if a trial diverges there."""
    top = [loss if (loss := losses[r]) is not None else inf for r in side]
    lowest = losses[best]
    assert lowest is not None
    return max((loss - lowest for loss in top), default=0.0)
