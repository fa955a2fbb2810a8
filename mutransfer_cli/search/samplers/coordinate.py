"""The learning rate first, then each further hyperparameter on a line by itself (u-μP, §4.2).

All of it on the smallest rung; the best values together are then what every rung searches its
learning rate at. (Blake et al. 2024, arXiv 2407.17465, figure 1: in a good parameterization the
others' optima hardly depend on each other.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.samplers import grid
from mutransfer_cli.search.samplers.grid import Setting, means
from mutransfer_cli.search.storage.record import Record


def wanted(
    search: Search,
    sizes: Sequence[Size],
    seeds: Sequence[int],
    records: Sequence[Record],
    defaults: Mapping[str, float],
) -> list[Job]:
    """All trials asked for by what is known so far; defaults: the recipe's own values."""
    lead = min(sizes, key=lambda s: (s.width, s.depth, s.batch * s.steps))
    known = [r for r in records if r.size == lead]
    others = [name for name in search.space if name != "lr"]
    jobs = rates(search, [lead], seeds, known, {n: defaults[n] for n in others})
    if missing(jobs, records):
        return jobs
    first = best_of(jobs, known)
    if first is None:
        return jobs
    chosen = dict(first)
    for name in others:
        line = [
            Job(lead, seed, tuple({**dict(first), name: value}.items()))
            for value in search.space[name].grid()
            for seed in seeds
        ]
        jobs += line
        found = best_of([*line, *(j for j in jobs if j.setting == first)], known)
        if found is not None:
            chosen[name] = dict(found)[name]
    if missing(jobs, records):
        return jobs
    fixed = {name: chosen[name] for name in others}
    for size in sizes:
        jobs += rates(search, [size], seeds, [r for r in records if r.size == size], fixed)
    return list({job.key: job for job in jobs}.values())


def rates(
    search: Search,
    sizes: Sequence[Size],
    seeds: Sequence[int],
    records: Sequence[Record],
    fixed: Mapping[str, float],
) -> list[Job]:
    """The grid of learning rates, and its growth, at fixed values of the rest."""
    alone = search.model_copy(update={"space": {"lr": search.space["lr"]}})
    own = [r for r in records if {k: v for k, v in r.params.items() if k != "lr"} == dict(fixed)]
    plain = [record_of_rate(r) for r in own]
    return [
        Job(
            job.size, job.seed, tuple({n: {**fixed, **job.params}[n] for n in search.space}.items())
        )
        for job in grid.wanted(alone, sizes, seeds, plain)
    ]


def record_of_rate(record: Record) -> Record:
    """The record as if nothing but its learning rate had been searched."""

    return replace(record, params={"lr": record.params["lr"]})


def best_of(jobs: Sequence[Job], records: Sequence[Record]) -> Setting | None:
    """The setting among these jobs with the lowest mean loss; None where all diverged."""
    losses = means(records)
    asked = {tuple(sorted(job.setting)): job.setting for job in jobs}
    finished = {key: loss for key in asked if (loss := losses.get(key)) is not None}
    return asked[min(finished, key=lambda key: finished[key])] if finished else None
