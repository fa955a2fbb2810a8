"""Tries a few learning rates over the range, then those that sharpen the fitted optimum most.

The smallest rung is searched first; the others start around its optimum. On each rung the first
seed brackets the optimum with five rates an octave apart. Rounds follow until the interval of the
optimum is narrow enough: where noise limits it, the four outer rates are run with another seed
(the middle one says nothing about the slope); where the fit's model does, rates in between are
added. Rounds are replayed from the first, so that an interrupted sweep resumes with the same
proposals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import ceil, log2
from typing import TypeAlias

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.record import Record, observation_of
from mutransfer_cli.search.samplers.protocol import SearchProblem, TrialCount
from mutransfer_cli.search.samplers.rate_losses import (
    RateLosses,
    best_of,
    cliff_above,
    losses_of,
)
from mutransfer_cli.surface.curves.rung_optima import RungFit, rung_fits
from mutransfer_cli.surface.observation import Observation

FIRST_SPACING = 2.25  # octaves between the first rates, at most
SAME_RATE_OCTAVES = 0.35  # rates closer than this count as the same rate
NEIGHBOR_OFFSETS = (-2, -1, 1, 2)  # octaves from the best: with it the five rates of a parabola
FEWEST_SEEDS = 2  # the optimum of one seed may be off by more than its own residuals show
MOST_SEEDS_FACTOR = 3  # a rung runs at most this many times `search.seeds`
DIVERGED_DISTANCE = 0.3  # octaves to keep from a rate that diverged

FitRungs: TypeAlias = Callable[[Sequence[Record]], Mapping[Size, RungFit]]
NO_FIT = RungFit(None)


def fit_rungs(records: Sequence[Record]) -> Mapping[Size, RungFit]:
    """Fit the optimum of each rung, with its interval, to the trials so far."""
    by_size: dict[Size, list[Observation]] = defaultdict(list)
    for record in records:
        if record.outcome != "failed":
            by_size[record.size].append(observation_of(record, record.params["lr"]))
    return rung_fits({size: by_size[size] for size in sorted(by_size)})


class AdaptiveSampler:
    """Narrows the interval of every rung's optimal learning rate, in rounds."""

    def __init__(self, problem: SearchProblem, fit: FitRungs = fit_rungs) -> None:
        """Make a sampler.

        Args:
            problem: A search of the learning rate only.
            fit: Fits every rung to the trials so far.
        """
        self.problem = problem
        self.fit = fit
        space = problem.search.space["lr"]
        self.low, self.high = (log2(space.value(end)) for end in space.bounds)

    def propose(self, records: Sequence[Record]) -> list[Job]:
        """Trials of the open round that have not ended; empty once every rung is narrow enough."""
        by_key = {record.key: record for record in records}
        seen: list[Record] = []
        while True:
            jobs = self.next_round(seen)
            remaining = missing(jobs, records)
            if remaining or not jobs:
                return remaining
            seen += [by_key[job.key] for job in jobs]

    def count_trials(self) -> TrialCount:
        """The count for smooth losses; `at_most` is the limit that noisy losses may reach."""
        search = self.problem.search
        rates = len(spread(self.low, self.high)) + len(NEIGHBOR_OFFSETS)
        seeds = len(NEIGHBOR_OFFSETS) * (min(FEWEST_SEEDS, search.seeds) - 1)
        return TrialCount(rates + seeds, self.most_trials * len(self.problem.rungs))

    @property
    def most_trials(self) -> int:
        """Trials that a rung takes at most."""
        search = self.problem.search
        rates = len(spread(self.low, self.high)) + len(NEIGHBOR_OFFSETS)
        return rates + 2 * search.extend + 5 * (MOST_SEEDS_FACTOR * search.seeds - 1)

    def next_round(self, seen: Sequence[Record]) -> list[Job]:
        """What to run next, given the trials of earlier rounds."""
        fits = self.fit(seen)
        smallest = self.problem.smallest
        jobs = self.next_on_rung(smallest, seen, fits.get(smallest, NO_FIT), None)
        if jobs:
            return jobs
        optimum = fits.get(smallest, NO_FIT).optimum
        start = optimum.value if optimum else best_of(losses_of(smallest, seen))
        return [
            job
            for size in self.problem.rungs
            if size != smallest
            for job in self.next_on_rung(size, seen, fits.get(size, NO_FIT), start)
        ]

    def next_on_rung(
        self, size: Size, seen: Sequence[Record], fit: RungFit, start: float | None
    ) -> list[Job]:
        """The next rates and seeds of one rung.

        Args:
            size: The rung.
            seen: Trials of earlier rounds, on all rungs.
            fit: The fit of this rung to them.
            start: log2 of the rate to start around; None: spread over the whole range.
        """
        search, first_seed = self.problem.search, self.problem.first_seed
        losses = losses_of(size, seen)
        floor, ceiling = self.low - search.extend, self.high + search.extend
        room = self.most_trials - sum(map(len, losses.values()))

        def jobs(rates: Sequence[float], seeds: Sequence[int]) -> list[Job]:
            inside = [x for x in rates if floor <= x <= ceiling]
            return missing([Job(size, s, (("lr", 2.0**x),)) for s in seeds for x in inside], seen)[
                :room
            ]

        if not losses:
            if start is None:
                return jobs(spread(self.low, self.high), [first_seed])
            return jobs(around(start, NEIGHBOR_OFFSETS), [first_seed])
        best = best_of(losses)
        if best is None:  # everything diverged: lower rates, as far as the recipe allows
            return jobs([min(losses) - 2, min(losses) - 4], [first_seed])
        seeds = sorted(set().union(*losses.values()))
        cliff = cliff_above(size, seen, best)
        next_to_best = jobs(neighbors(losses, best, cliff), seeds)
        if next_to_best or best in (min(losses), max(losses)):
            return next_to_best  # empty if the best is at a fixed edge: there is no optimum
        enough = len(seeds) >= min(FEWEST_SEEDS, search.seeds)
        if enough and fit.optimum is not None and fit.optimum.half_width <= search.precision:
            return []
        return jobs(*sharpening(losses, best, seeds, search.seeds, fit, cliff))


def spread(low: float, high: float) -> list[float]:
    """Rates over the whole range, its ends among them."""
    count = max(3, ceil((high - low) / FIRST_SPACING) + 1)
    return [low + i * (high - low) / (count - 1) for i in range(count)]


def around(center: float, steps: Sequence[float]) -> list[float]:
    """The center and the rates at some steps from it, in octaves."""
    return [center + step for step in sorted({0.0, *steps})]


def neighbors(losses: RateLosses, best: float, cliff: float) -> list[float]:
    """Rates around the best that have not been run and are not expected to diverge.

    Args:
        losses: Losses of the rung.
        best: log2 of the best rate.
        cliff: log2 of the lowest rate above it that diverged.
    """

    def is_run(x: float) -> bool:
        return any(abs(x - other) <= SAME_RATE_OCTAVES for other in losses)

    highest = cliff - DIVERGED_DISTANCE
    rates = [best + step for step in NEIGHBOR_OFFSETS if best + step < highest]
    if highest <= best + 2:
        rates.append(best - 3)  # five rates, fewer of them above
        if cliff - best > 2 * DIVERGED_DISTANCE and not any(best < x < cliff for x in losses):
            return [(best + cliff) / 2]
    return [x for x in rates if not is_run(x)]


def sharpening(
    losses: RateLosses,
    best: float,
    seeds: Sequence[int],
    least_seeds: int,
    fit: RungFit,
    cliff: float,
) -> tuple[list[float], list[int]]:
    """Rates between the five around the best, or another seed of the outer four.

    Args:
        losses: Losses of the rung.
        best: log2 of the best rate.
        seeds: Seeds that were run.
        least_seeds: The recipe's `search.seeds`.
        fit: The fit of the rung.
        cliff: log2 of the lowest rate above the best that diverged.

    Returns:
        Rates on the log2 scale, and the seeds to run each of them with.
    """
    rates = sorted(x for x, s in losses.items() if None not in s.values())
    start = min(max(rates.index(best) - 2, 0), max(len(rates) - 5, 0))
    window = rates[start : start + 5]
    halves = [x for x in around(best, (-0.5, 0.5)) if x < cliff - DIVERGED_DISTANCE]
    between = [x for x in halves if all(abs(x - y) > 0.2 for y in losses)]
    if between and (not fit.has_window or (fit.lack_of_fit and len(seeds) >= least_seeds)):
        return between, list(seeds)
    if len(seeds) == MOST_SEEDS_FACTOR * least_seeds:
        return [], []
    middle = min(window, key=lambda x: abs(x - (window[0] + window[-1]) / 2))
    return [x for x in window if x != middle or len(window) < 5], [*seeds, max(seeds) + 1]
