"""A sweep with pruning goes in waves: a trial is judged by those of earlier waves alone.

On each line along the learning rate a grid first trains a few rates spread over it; then, whole,
those around the best, as far as the fit's parabola may reach; the rest is judged. The other
samplers go in rounds by themselves, and each round is a wave. Waves are replayed from the first,
so that a sweep that was interrupted, or that others work on too, prunes the same trials.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf, log2
from statistics import fmean

from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.pruning.decision import FEWEST, judge_of
from mutransfer_cli.search.samplers.registry import wanted
from mutransfer_cli.search.storage.record import Record
from mutransfer_cli.train.pruner import Pruner

SPREAD = 2.0  # octaves between the first rates of a line, about
NEAR = 2.5  # octaves from the best, where nothing is judged
BESIDE = 2  # rates on each side of the best, however far apart: with it a parabola's five
CLIFF = 3.0  # times the rise of the other side: the fit's window may lie one rate further off it

Means = dict[float, float | None]  # rate: mean loss; None where a seed did not finish
Line = tuple[Size, tuple[tuple[str, float], ...]]  # a rung, and all but the learning rate


class Waves:
    """The waves of a sweep; `open` goes on from where it was."""

    def __init__(self, recipe: Recipe, sizes: Sequence[Size], first_seed: int) -> None:
        self.recipe, self.sizes, self.first_seed = recipe, sizes, first_seed
        self.seen: list[Record] = []  # of the waves that have ended
        self.asked: list[Job] = []  # by those

    def open(self, records: Sequence[Record]) -> list[Job]:
        """What is missing of the open wave, each with its judge; empty where none is left."""
        by_key = {record.key: record for record in records}
        while True:
            self.asked = wanted(self.recipe, self.sizes, self.first_seed, self.seen)
            wave = next_wave(self.recipe, self.asked, self.seen)
            left = missing(wave, records)
            if left or not wave:
                return [replace(job, judge=self.judge(job)) for job in left]
            self.seen += [by_key[job.key] for job in wave]

    def judge(self, job: Job) -> Pruner | None:
        """Who judges a trial of the open wave; None where it runs to its end."""
        rung = [r for r in self.seen if r.size == job.size]
        line = [r for r in rung if line_of(r) == line_of(job)]
        rates = rates_of([j for j in self.asked if line_of(j) == line_of(job)], line)
        references = finished(line, job.seed)
        if len(rates) > 1:
            if protected(rate(job), rates, means(line)) or len(references) < FEWEST:
                return None
            near = [r for r in references if protected(rate(r), rates, means(line))]
        else:  # all else is not equal: the better half of the rung's stands for the optimum
            references = sorted(finished(rung, job.seed), key=lambda r: r.loss or 0.0)
            near = references[: ceil(len(references) / 2)]
        curves = [r.curve for r in references]
        return judge_of(self.recipe, job.size, curves, [r.curve for r in near])


def next_wave(recipe: Recipe, asked: Sequence[Job], seen: Sequence[Record]) -> list[Job]:
    """What is trained next of all that is asked for by what was seen."""
    if recipe.search.sampler not in ("grid", "independent"):
        return missing(asked, seen)
    lines: dict[Line, list[Job]] = defaultdict(list)
    for job in asked:
        lines[line_of(job)].append(job)
    known: dict[Line, list[Record]] = defaultdict(list)
    for record in seen:
        known[line_of(record)].append(record)
    return [job for line, jobs in lines.items() for job in next_of(jobs, known[line])]


def next_of(jobs: Sequence[Job], known: Sequence[Record]) -> list[Job]:
    """Of one line: rates spread over it, then those around the best, then the rest."""
    left = missing(jobs, known)
    rates = rates_of(jobs, known)
    first = spread(rates)
    if len({rate(r) for r in known}) < len(first):
        return [job for job in left if rate(job) in first] or left
    found = means(known)
    return [job for job in left if protected(rate(job), rates, found)] or left


def line_of(trial: Job | Record) -> Line:
    return trial.size, tuple(sorted((k, v) for k, v in trial.params.items() if k != "lr"))


def rate(trial: Job | Record) -> float:
    """Its learning rate to the digits that a round trip keeps; 1 where none is searched."""
    return float(f"{trial.params.get('lr', 1.0):.12g}")


def rates_of(jobs: Sequence[Job], records: Sequence[Record]) -> list[float]:
    return sorted({*map(rate, jobs), *map(rate, records)})


def finished(records: Sequence[Record], seed: int) -> list[Record]:
    return [r for r in records if r.seed == seed and r.loss is not None]


def means(records: Sequence[Record]) -> Means:
    by_rate: dict[float, list[float | None]] = defaultdict(list)
    for record in records:
        by_rate[rate(record)].append(record.loss)
    return {
        x: None if None in losses else fmean(v for v in losses if v is not None)
        for x, losses in by_rate.items()
    }


def spread(rates: Sequence[float]) -> list[float]:
    """The middles of equal parts of a line; the ends, where a trial is worst, are left out."""
    count = max(1, ceil(len(rates) / 3))
    if len(rates) > 2 and rates[0] > 0:
        count = min(count, max(2, ceil(log2(rates[-1] / rates[0]) / SPREAD)))
    return [rates[int((i + 0.5) * len(rates) / count)] for i in range(count)]


def octaves(a: float, b: float) -> float:
    return log2(a / b) if a > 0 and b > 0 else (0.0 if a == b else inf)


def protected(x: float, rates: Sequence[float], found: Means) -> bool:
    """Whether a rate may be part of the parabola around the best; all are before there is a best.

    Next to a cliff the fit takes a window that lies further off it: one rate more is kept there.
    """
    known = {r: loss for r, loss in found.items() if loss is not None}
    if not known:
        return True
    best = min(known, key=lambda r: (known[r], r))
    below = [r for r in found if r < best and in_reach(r, best, rates)]
    above = [r for r in found if r > best and in_reach(r, best, rates)]
    low, high = rise(below, found, best), rise(above, found, best)
    if in_reach(x, best, rates):
        return True
    further = high > CLIFF * low if x < best else low > CLIFF * high
    return further and in_reach(x, best, rates, 1)


def in_reach(x: float, best: float, rates: Sequence[float], more: int = 0) -> bool:
    beside = abs(rates.index(x) - rates.index(best)) <= BESIDE + more
    return beside or abs(octaves(x, best)) <= NEAR + more + 1e-6


def rise(side: Sequence[float], found: Means, best: float) -> float:
    """How far the loss rises on one side of the best; without end where it diverges."""
    top = [loss if (loss := found[r]) is not None else inf for r in side]
    lowest = found[best]
    assert lowest is not None
    return max((loss - lowest for loss in top), default=0.0)
