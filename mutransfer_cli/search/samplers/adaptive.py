"""Few learning rates spread over the range, then those that sharpen the fitted optimum most.

The smallest rung goes first; the others start around its optimum. The first seed finds five rates
an octave apart around the best. Then, until the interval of the optimum is narrow enough: where the
noise limits it, another seed of the four outer ones (the middle says nothing of the slope there);
where the curve's shape does, rates between them. Rounds are replayed from the first, so that a
sweep that was interrupted goes on as it would have gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import ceil, log2
from statistics import fmean

from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.storage.record import Record, observation_of
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.rung_optima import RungFit, rung_fits

APART = 2.25  # octaves between the first rates, at most
NEAR = 0.35  # of the distance: a rate so near is taken for the one that is wanted
AROUND = (-2, -1, 1, 2)  # octaves from the best: with it the five rates of a parabola
FEWEST_SEEDS = 2  # the optimum of one seed may lie off by more than its own residuals show
MOST_SEEDS = 3  # times `search.seeds`
CLIFF = 0.3  # octaves: no closer to a rate that diverged

Losses = dict[float, dict[int, float | None]]  # log2(lr): seed: loss, None where it has none


Fitted = Callable[[Sequence[Record]], Mapping[Size, RungFit]]
UNKNOWN = RungFit(None)


def fit_rungs(records: Sequence[Record]) -> Mapping[Size, RungFit]:
    """The optimum of each rung with its interval, by the trials so far."""
    by_size: dict[Size, list[Observation]] = defaultdict(list)
    for record in records:
        if record.outcome != "failed":
            by_size[record.size].append(observation_of(record, record.params["lr"]))
    return rung_fits({size: by_size[size] for size in sorted(by_size)})


def propose(
    search: Search,
    sizes: Sequence[Size],
    first_seed: int,
    records: Sequence[Record],
    fitted: Fitted = fit_rungs,
) -> list[Job]:
    """The round that is open: what is missing of it; empty where every rung is sharp enough."""
    by_key = {record.key: record for record in records}
    seen: list[Record] = []
    while True:
        jobs = round_after(search, sizes, first_seed, seen, fitted)
        left = missing(jobs, records)
        if left or not jobs:
            return left
        seen += [by_key[job.key] for job in jobs]


def round_after(
    search: Search, sizes: Sequence[Size], first_seed: int, seen: Sequence[Record], fitted: Fitted
) -> list[Job]:
    """What to run next, by what was run in earlier rounds."""
    known = fitted(seen)
    lead = min(sizes, key=lambda s: (s.width, s.depth, s.batch * s.steps))
    jobs = on_rung(search, lead, first_seed, seen, known.get(lead, UNKNOWN), None)
    if jobs:
        return jobs
    found = known.get(lead, UNKNOWN).optimum
    start = found.value if found else best_of(losses_of(lead, seen))
    return [
        job
        for size in sizes
        if size != lead
        for job in on_rung(search, size, first_seed, seen, known.get(size, UNKNOWN), start)
    ]


def losses_of(size: Size, seen: Sequence[Record]) -> Losses:
    found: Losses = defaultdict(dict)
    for record in seen:
        if record.size == size:
            found[log2(record.params["lr"])][record.seed] = record.loss
    return found


def best_of(losses: Losses) -> float | None:
    """The best rate of those that finished, by all seeds, each seed's own level taken out.

    A seed's level is its mean over the rates that every seed ran.
    """
    finished = {x: finite(s) for x, s in losses.items() if None not in s.values()}
    if not finished:
        return None
    seeds = set().union(*finished.values())
    full = [s for s in finished.values() if len(s) == len(seeds)]
    if not full:
        seeds = set.intersection(*map(set, finished.values()))
        full = list(finished.values())
    level = {seed: fmean(s[seed] for s in full) for seed in seeds}

    def height(x: float) -> float:
        return fmean(loss - level[s] for s, loss in finished[x].items() if s in seeds)

    return min(finished, key=height)


def finite(losses: Mapping[int, float | None]) -> dict[int, float]:
    return {seed: loss for seed, loss in losses.items() if loss is not None}


def on_rung(
    search: Search,
    size: Size,
    first_seed: int,
    seen: Sequence[Record],
    shape: RungFit,
    start: float | None,
) -> list[Job]:
    """The next rates and seeds of one rung."""
    low, high = (log2(search.space["lr"].value(end)) for end in search.space["lr"].bounds)
    losses = losses_of(size, seen)

    floor, ceiling = low - search.extend, high + search.extend
    left = trials(search)[1] - sum(map(len, losses.values()))

    def jobs(rates: Sequence[float], seeds: Sequence[int]) -> list[Job]:
        inside = [x for x in rates if floor <= x <= ceiling]
        wanted = [Job(size, s, (("lr", 2.0**x),)) for s in seeds for x in inside]
        return missing(wanted, seen)[:left]

    if not losses:
        return jobs(around(start, AROUND) if start is not None else spread(low, high), [first_seed])
    best = best_of(losses)
    if best is None:  # everything diverged: lower rates, as long as the recipe allows
        return jobs([min(losses) - 2, min(losses) - 4], [first_seed])
    seeds = sorted(set().union(*losses.values()))
    cliff = cliff_above(size, seen, best)
    around_it = jobs(neighbours(losses, best, cliff), seeds)
    if around_it or best in (min(losses), max(losses)):  # at an edge that cannot move: no optimum
        return around_it
    enough = len(seeds) >= min(FEWEST_SEEDS, search.seeds)
    if enough and shape.optimum is not None and shape.optimum.half_width <= search.precision:
        return []
    return jobs(*sharper(losses, best, seeds, search.seeds, shape, cliff))


def spread(low: float, high: float) -> list[float]:
    """Rates over the whole range, its ends among them."""
    count = max(3, ceil((high - low) / APART) + 1)
    return [low + i * (high - low) / (count - 1) for i in range(count)]


def around(centre: float, at: Sequence[float]) -> list[float]:
    return [centre + step for step in sorted({0.0, *at})]


def cliff_above(size: Size, seen: Sequence[Record], best: float) -> float:
    """The lowest rate above the best that did not finish; a pruned one would have."""
    lost = [r for r in seen if r.size == size and r.loss is None and r.outcome != "pruned"]
    return min((x for r in lost if (x := log2(r.params["lr"])) > best), default=float("inf"))


def neighbours(losses: Losses, best: float, cliff: float) -> list[float]:
    """Rates that are missing around the best; above it only as far as nothing diverges."""

    def tried(x: float) -> bool:
        return any(abs(x - other) <= NEAR for other in losses)

    wanted = [best + step for step in AROUND if best + step < cliff - CLIFF]
    if cliff - CLIFF <= best + 2:
        wanted.append(best - 3)  # five rates, fewer of them above
        if cliff - best > 2 * CLIFF and not any(best < x < cliff for x in losses):
            return [(best + cliff) / 2]
    return [x for x in wanted if not tried(x)]


def sharper(
    losses: Losses,
    best: float,
    seeds: Sequence[int],
    asked: int,
    shape: RungFit,
    cliff: float,
) -> tuple[list[float], list[int]]:
    """Rates between the five around the best, or another seed of the outer four."""
    rates = sorted(x for x, s in losses.items() if None not in s.values())
    at = rates.index(best)
    start = min(max(at - 2, 0), max(len(rates) - 5, 0))
    window = rates[start : start + 5]
    halves = [x for x in around(best, (-0.5, 0.5)) if x < cliff - CLIFF]
    between = [x for x in halves if all(abs(x - y) > 0.2 for y in losses)]
    if between and (not shape.has_window or (shape.lack_of_fit and len(seeds) >= asked)):
        return between, list(seeds)
    if len(seeds) == MOST_SEEDS * asked:
        return [], []
    middle = min(window, key=lambda x: abs(x - (window[0] + window[-1]) / 2))
    return [x for x in window if x != middle or len(window) < 5], [*seeds, max(seeds) + 1]


def trials(search: Search) -> tuple[int, int]:
    """How many a rung takes where the loss is smooth, and how many at most."""
    low, high = (log2(search.space["lr"].value(end)) for end in search.space["lr"].bounds)
    rates = len(spread(low, high)) + len(AROUND)
    seeds = len(AROUND) * (min(FEWEST_SEEDS, search.seeds) - 1)
    return rates + seeds, rates + 2 * search.extend + 5 * (MOST_SEEDS * search.seeds - 1)
