"""Few learning rates spread over the range, then those that sharpen the fitted optimum most.

The smallest rung goes first; the others start around its optimum. The first seed finds five rates
an octave apart around the best; then seeds, and rates half as far apart, are added there until the
interval of the optimum is narrow enough. Rounds are replayed from the first, so that a sweep that
was interrupted goes on as it would have gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2
from statistics import fmean

from mutransfer_cli.recipe.search import Search
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.study import Record

APART = 2.25  # octaves between the first rates, at most
NEAR = 0.35  # of the distance: a rate so near is taken for the one that is wanted
AROUND = (-2, -1, 1, 2)  # octaves from the best: with it the five rates of a parabola
MOST_SEEDS = 3  # times `search.seeds`
CLIFF = 0.3  # octaves: no closer to a rate that diverged

Losses = dict[float, dict[int, float | None]]  # log2(lr): seed: loss, None where it has none


@dataclass(frozen=True, slots=True)
class Resolved:
    """log2 of a rung's best learning rate, and its interval."""

    value: float
    low: float
    high: float

    @property
    def half(self) -> float:
        return max(self.high - self.value, self.value - self.low)


Fitted = Callable[[Sequence[Record]], Mapping[Size, Resolved]]


def propose(
    search: Search,
    sizes: Sequence[Size],
    first_seed: int,
    records: Sequence[Record],
    fitted: Fitted,
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
    resolved = fitted(seen)
    lead = min(sizes, key=lambda s: (s.width, s.depth, s.batch * s.steps))
    jobs = on_rung(search, lead, first_seed, seen, resolved.get(lead), None)
    if jobs:
        return jobs
    start = resolved[lead].value if lead in resolved else best_of(losses_of(lead, seen))
    return [
        job
        for size in sizes
        if size != lead
        for job in on_rung(search, size, first_seed, seen, resolved.get(size), start)
    ]


def losses_of(size: Size, seen: Sequence[Record]) -> Losses:
    found: Losses = defaultdict(dict)
    for record in seen:
        if record.size == size:
            found[log2(record.params["lr"])][record.seed] = record.loss
    return found


def best_of(losses: Losses) -> float | None:
    """The best rate, by the seeds that most of the best rates have."""
    finished = {x: s for x, s in losses.items() if None not in s.values()}
    if not finished:
        return None
    most = max(len(s) for s in finished.values())
    compared = {x: s for x, s in finished.items() if len(s) == most}
    return min(compared, key=lambda x: fmean(v for v in compared[x].values() if v is not None))


def on_rung(
    search: Search,
    size: Size,
    first_seed: int,
    seen: Sequence[Record],
    resolved: Resolved | None,
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
    seeds = sorted(losses[best])
    around_it = jobs(neighbours(losses, best, cliff_above(size, seen, best)), seeds)
    if around_it or best in (min(losses), max(losses)):  # at an edge that cannot move: no optimum
        return around_it
    if resolved is not None and resolved.half <= search.precision:
        return []
    return jobs(*sharper(losses, best, seeds, search.seeds, resolved is not None))


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
    if cliff < best + 2:
        wanted.append(best - 3)  # five rates, fewer of them above
        if cliff - best > 2 * CLIFF and not any(best < x < cliff for x in losses):
            return [(best + cliff) / 2]
    return [x for x in wanted if not tried(x)]


def sharper(
    losses: Losses, best: float, seeds: Sequence[int], asked: int, resolved: bool
) -> tuple[list[float], list[int]]:
    """More seeds of the five rates around the best, then rates between them, then seeds again.

    Rates between come first where the five alone make no parabola.
    """
    rates = sorted(x for x, s in losses.items() if None not in s.values())
    at = rates.index(best)
    start = min(max(at - 2, 0), max(len(rates) - 5, 0))
    window = rates[start : start + 5]
    between = [x for x in around(best, (-0.5, 0.5)) if all(abs(x - y) > 0.2 for y in rates)]
    if between and (len(seeds) >= asked or not resolved):
        return between, list(seeds)
    if len(seeds) < MOST_SEEDS * asked:
        return window, [*seeds, max(seeds) + 1]
    return [], []


def trials(search: Search) -> tuple[int, int]:
    """How many a rung takes where the loss is smooth, and how many at most."""
    low, high = (log2(search.space["lr"].value(end)) for end in search.space["lr"].bounds)
    rates = len(spread(low, high)) + len(AROUND)
    return rates, rates + 2 * search.extend + 5 * (MOST_SEEDS * search.seeds - 1)
