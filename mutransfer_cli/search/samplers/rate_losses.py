"""Losses of a rung by learning rate and seed, for the adaptive sampler."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import log2
from statistics import fmean
from typing import TypeAlias

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.record import Record

# log2(lr) -> seed -> loss; None where the trial has none
RateLosses: TypeAlias = dict[float, dict[int, float | None]]


def losses_of(size: Size, records: Sequence[Record]) -> RateLosses:
    """The losses on one rung."""
    losses: RateLosses = defaultdict(dict)
    for record in records:
        if record.size == size:
            losses[log2(record.params["lr"])][record.seed] = record.loss
    return losses


def best_of(losses: RateLosses) -> float | None:
    """The finished rate with the lowest mean loss over the seeds; None if none finished.

    Each seed's level is subtracted first: its mean loss over the rates that every seed ran.
    """
    finished = {rate: _finite(s) for rate, s in losses.items() if None not in s.values()}
    if not finished:
        return None
    seeds = set().union(*finished.values())
    complete = [s for s in finished.values() if len(s) == len(seeds)]
    if not complete:
        seeds = set.intersection(*map(set, finished.values()))
        complete = list(finished.values())
    level = {seed: fmean(s[seed] for s in complete) for seed in seeds}

    def height(rate: float) -> float:
        return fmean(loss - level[s] for s, loss in finished[rate].items() if s in seeds)

    return min(finished, key=height)


def _finite(losses: Mapping[int, float | None]) -> dict[int, float]:
    return {seed: loss for seed, loss in losses.items() if loss is not None}


def cliff_above(size: Size, records: Sequence[Record], best: float) -> float:
    """log2 of the lowest diverged or failed rate above the best; infinite if there is none.

    Pruned trials do not count: they would have finished.

    Args:
        size: The rung.
        records: Trials that have ended.
        best: log2 of the best rate.
    """
    lost = [r for r in records if r.size == size and r.loss is None and r.outcome != "pruned"]
    return min((x for r in lost if (x := log2(r.params["lr"])) > best), default=float("inf"))
