"""The grid: every combination on every rung, grown along lr until the optimum is bracketed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import product
from statistics import fmean

from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.storage.record import Record, rounded

NEIGHBOURS = 2  # points wanted on each side of the best: five make a parabola with its spread

Setting = tuple[tuple[str, float], ...]


def settings(space: Mapping[str, Space]) -> list[Setting]:
    """All combinations of the grid values."""
    names = list(space)
    return [
        tuple(zip(names, values, strict=True))
        for values in product(*(space[name].grid() for name in names))
    ]


def wanted(
    search: Search, rungs: Sequence[Size], seeds: Sequence[int], records: Sequence[Record]
) -> list[Job]:
    """All trials that the grid asks for by what is known so far, whether they ended or not."""
    base = settings(search.space)
    jobs: list[Job] = []
    for size in rungs:
        rung = [Job(size, seed, setting) for setting in base for seed in seeds]
        jobs += rung
        known = [r for r in records if r.size == size]
        if "lr" in search.space and not missing(rung, known):
            jobs += [
                Job(size, seed, setting) for setting in grown(search, base, known) for seed in seeds
            ]
    return jobs


def setting_of(record: Record) -> Setting:
    return tuple(sorted(record.params.items()))


def means(records: Sequence[Record]) -> dict[Setting, float | None]:
    """Mean loss of each setting over its seeds; None where any seed did not finish."""
    losses: dict[Setting, list[float | None]] = defaultdict(list)
    for record in records:
        losses[setting_of(record)].append(record.loss)
    return {
        setting: None
        if any(v is None for v in values)
        else fmean(v for v in values if v is not None)
        for setting, values in losses.items()
    }


def grown(search: Search, base: Sequence[Setting], records: Sequence[Record]) -> list[Setting]:
    """Settings beyond the ends of the lr grid: what was added before, and what is next.

    At most `extend` steps on either side. Where everything diverged the grid grows downwards.
    """
    space = search.space["lr"]
    if space.spacing is None:
        return []
    by_setting = means(records)
    finished = {s: v for s, v in by_setting.items() if v is not None}
    best = min(finished, key=lambda s: finished[s]) if finished else None
    rest = {k: v for k, v in (best or tuple(sorted(base[0]))) if k != "lr"}
    order = [name for name, _ in base[0]]

    def at(position: float) -> Setting:
        values = {**rest, "lr": space.value(position)}
        return tuple((name, values[name]) for name in order)

    low, _ = space.bounds
    inside = len(space.grid())
    top = low + (inside - 1) * space.spacing
    below = [low - (i + 1) * space.spacing for i in range(search.extend)]
    above = [top + (i + 1) * space.spacing for i in range(search.extend)]
    line = {rounded(dict(s)["lr"]) for s in by_setting if {k: v for k, v in s if k != "lr"} == rest}
    tried = [p for p in (*below, *above) if rounded(space.value(p)) in line]
    tried_rates = sorted(float(rate) for rate in line)
    extra = list(tried)
    if best is None:
        extra += [p for p in below if p not in tried][:NEIGHBOURS]
        return [at(p) for p in extra]
    rate = float(rounded(dict(best)["lr"]))
    under = sum(r < rate for r in tried_rates)
    over = sum(r > rate for r in tried_rates)
    extra += [p for p in below if p not in tried][: max(0, NEIGHBOURS - under)]
    extra += [p for p in above if p not in tried][: max(0, NEIGHBOURS - over)]
    return [at(p) for p in extra]


def most(search: Search, rungs: Sequence[Size]) -> int:
    """The number of trials if every rung's grid grows as far as it may."""
    extension = 2 * search.extend if "lr" in search.space else 0
    return len(rungs) * search.seeds * (len(settings(search.space)) + extension)
