"""A grid on every rung that grows along the learning rate until the optimum is bracketed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

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


def grid_jobs(
    search: Search, rungs: Sequence[Size], seeds: Sequence[int], records: Sequence[Record]
) -> list[Job]:
    """All trials of the grid as far as it has grown, whether they ended or not.

    Args:
        search: The recipe's section `search`: its space, and how far the grid may grow.
        rungs: Sizes that are searched.
        seeds: Seeds that every setting is run with.
        records: Trials that have ended.
    """
    base = grid_settings(search.space)
    jobs: list[Job] = []
    for size in rungs:
        rung = [Job(size, seed, setting) for setting in base for seed in seeds]
        jobs += rung
        of_rung = [r for r in records if r.size == size]
        if "lr" in search.space and not missing(rung, of_rung):
            extra = grown_settings(search, base, of_rung)
            jobs += [Job(size, seed, setting) for setting in extra for seed in seeds]
    return jobs


def grown_settings(
    search: Search, base: Sequence[Setting], records: Sequence[Record]
) -> list[Setting]:
    """Settings beyond the ends of the lr grid: those added before, and those to add next.

    The grid grows by at most `extend` steps on either side, downwards if everything diverged.
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

    low, _ = space.bounds
    inside = len(space.grid())
    top = low + (inside - 1) * space.spacing
    below = [low - (i + 1) * space.spacing for i in range(search.extend)]
    above = [top + (i + 1) * space.spacing for i in range(search.extend)]
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
