"""A grid on every rung that grows along the learning rate until the optimum is bracketed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import log2

from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.record import Record, rounded
from mutransfer_cli.search.samplers.settings import Setting, mean_losses

NEIGHBORS = 2  # points needed on each side of the best: five determine a parabola and its noise


def grid_settings(space: Mapping[str, Space]) -> list[Setting]:
    """All combinations of the grid values."""
    names = list(space)
    return [
        tuple(zip(names, values, strict=True))
        for values in product(*(space[name].grid() for name in names))
    ]


def left_out(search: Search, start_rate: float | None) -> tuple[int, int]:
    """How many rates at the low and the high end of the range a grid begins without.

    Args:
        search: The recipe's section `search`, with a range of lr on a logarithmic scale.
        start_rate: The rate about which it begins; None: it begins with all.
    """
    if start_rate is None:
        return 0, 0
    rates = search.space["lr"].grid()
    nearest = min(range(len(rates)), key=lambda i: abs(log2(rates[i] / start_rate)))
    count = min(len(rates), 2 * NEIGHBORS + 1)
    below = min(max(nearest - NEIGHBORS, 0), len(rates) - count)
    return below, len(rates) - count - below


def grid_jobs(
    search: Search,
    rungs: Sequence[Size],
    seeds: Sequence[int],
    records: Sequence[Record],
    start_rate: float | None = None,
) -> list[Job]:
    """All trials of the grid as far as it has grown, whether they ended or not.

    Args:
        search: The recipe's section `search`: its space, and how far the grid may grow.
        rungs: Sizes that are searched.
        seeds: Seeds that every setting is run with.
        records: Trials that have ended.
        start_rate: The learning rate about which the grid begins; None: with its complete range.
    """
    ends = left_out(search, start_rate)
    base = grid_settings(search.space)
    if start_rate is not None:
        rates = search.space["lr"].grid()
        first = set(rates[ends[0] : len(rates) - ends[1]])
        base = [setting for setting in base if dict(setting)["lr"] in first]
    jobs: list[Job] = []
    for size in rungs:
        rung = [Job(size, seed, setting) for setting in base for seed in seeds]
        jobs += rung
        of_rung = [r for r in records if r.size == size]
        if "lr" in search.space and not missing(rung, of_rung):
            extra = grown_settings(search, base, of_rung, ends)
            jobs += [Job(size, seed, setting) for setting in extra for seed in seeds]
    return jobs


def grown_settings(
    search: Search,
    base: Sequence[Setting],
    records: Sequence[Record],
    ends: tuple[int, int] = (0, 0),
) -> list[Setting]:
    """Settings beyond the ends of the lr grid: those added before, and those to add next.

    The grid grows by at most `extend` steps beyond its range, downwards if everything diverged.

    Args:
        search: The recipe's section `search`.
        base: The settings that the grid begins with.
        records: Trials of one rung that have ended.
        ends: How many rates of the range, at its low and its high end, it began without.
    """
    space = search.space["lr"]
    if space.spacing is None:
        return []
    losses = mean_losses(records)
    finished = {setting: loss for setting, loss in losses.items() if loss is not None}
    best = min(finished, key=lambda s: finished[s]) if finished else None
    rest = {k: v for k, v in (best or tuple(sorted(base[0]))) if k != "lr"}
    order = [name for name, _ in base[0]]

    def at(position: float) -> Setting:
        values = {**rest, "lr": space.value(position)}
        return tuple((name, values[name]) for name in order)

    low = space.bounds[0] + ends[0] * space.spacing
    inside = len(space.grid()) - sum(ends)
    top = low + (inside - 1) * space.spacing
    below = [low - (i + 1) * space.spacing for i in range(search.extend + ends[0])]
    above = [top + (i + 1) * space.spacing for i in range(search.extend + ends[1])]
    line = {rounded(dict(s)["lr"]) for s in losses if {k: v for k, v in s if k != "lr"} == rest}
    tried = [p for p in (*below, *above) if rounded(space.value(p)) in line]
    tried_rates = sorted(float(rate) for rate in line)
    extra = list(tried)
    if best is None:
        extra += [p for p in below if p not in tried][:NEIGHBORS]
        return [at(p) for p in extra]
    best_rate = float(rounded(dict(best)["lr"]))
    under = sum(rate < best_rate for rate in tried_rates)
    over = sum(rate > best_rate for rate in tried_rates)
    extra += [p for p in below if p not in tried][: max(0, NEIGHBORS - under)]
    extra += [p for p in above if p not in tried][: max(0, NEIGHBORS - over)]
    return [at(p) for p in extra]
