"""Learning rates on a line of a search, and which of them the fit's parabola may need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import ceil, inf, log2
from typing import TypeAlias

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.samplers.settings import mean_if_complete
from mutransfer_cli.search.storage.record import Record

FIRST_SPACING = 2.0  # octaves between the first rates of a line, about
PROTECTED = 2.5  # octaves from the best, where nothing is pruned
BESIDE = 2  # rates on each side of the best, however far apart: with it a parabola's five
CLIFF_RISE = 3.0  # times the rise of the other side: the fit's window may be one rate further off

MeanLosses: TypeAlias = dict[float, float | None]  # by rate; None where a seed did not finish
Line: TypeAlias = tuple[Size, tuple[tuple[str, float], ...]]  # a rung, and all but the rate


def line_of(trial: Job | Record) -> Line:
    """The line that a trial is on."""
    return trial.size, tuple(sorted((k, v) for k, v in trial.params.items() if k != "lr"))


def rate(trial: Job | Record) -> float:
    """Its learning rate to the digits that a round trip keeps; 1 where none is searched."""
    return float(f"{trial.params.get('lr', 1.0):.12g}")


def rates_of(jobs: Sequence[Job], records: Sequence[Record]) -> list[float]:
    """All learning rates, low to high."""
    return sorted({*map(rate, jobs), *map(rate, records)})


def finished_at(records: Sequence[Record], seed: int) -> list[Record]:
    """The trials at a seed that have a loss."""
    return [r for r in records if r.seed == seed and r.loss is not None]


def mean_losses_by_rate(records: Sequence[Record]) -> MeanLosses:
    """Mean loss of each learning rate over its seeds."""
    by_rate: dict[float, list[float | None]] = defaultdict(list)
    for record in records:
        by_rate[rate(record)].append(record.loss)
    return {x: mean_if_complete(losses) for x, losses in by_rate.items()}


def spread_rates(rates: Sequence[float]) -> list[float]:
    """The middles of equal parts of a line; the ends, where a trial is worst, are left out."""
    count = max(1, ceil(len(rates) / 3))
    if len(rates) > 2 and rates[0] > 0:
        count = min(count, max(2, ceil(log2(rates[-1] / rates[0]) / FIRST_SPACING)))
    return [rates[int((i + 0.5) * len(rates) / count)] for i in range(count)]


def octaves(a: float, b: float) -> float:
    """Distance of two rates; infinite where one of them has no logarithm."""
    return log2(a / b) if a > 0 and b > 0 else (0.0 if a == b else inf)


def is_protected(x: float, rates: Sequence[float], losses: MeanLosses) -> bool:
    """Whether a rate may be part of the parabola around the best; all are before there is a best.

    Next to a cliff the fit takes a window further off it: one rate more is protected there.
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
        more: Octaves, and rates, by which the reach is longer.
    """
    beside = abs(rates.index(x) - rates.index(best)) <= BESIDE + more
    return beside or abs(octaves(x, best)) <= PROTECTED + more + 1e-6


def rise(side: Sequence[float], losses: MeanLosses, best: float) -> float:
    """How far the loss rises on one side of the best; infinite where it diverges."""
    top = [loss if (loss := losses[r]) is not None else inf for r in side]
    lowest = losses[best]
    assert lowest is not None
    return max((loss - lowest for loss in top), default=0.0)
