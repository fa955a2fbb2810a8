"""Searches of a sampler that proposes round by round, on a function in place of training."""

from __future__ import annotations

from collections.abc import Callable
from math import log2

from mutransfer_cli.recipe.schema.search import Budget, Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import missing
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import SearchProblem, make_sampler
from tests.helpers.sweeps import record_with

SIZE = Size(8, 1, 4, 10)


def problem(sampler: str, settings: int, seed: int = 0) -> SearchProblem:
    """One rung and one seed, learning rates from 2^0 to 2^8."""
    search = Search(
        space={"lr": Space(log2=(0.0, 8.0))},
        sampler=sampler,
        seeds=1,
        budget=Budget(trials=settings),
    )
    return SearchProblem(search, (SIZE,), seed, {"lr": 1.0})


def positions(
    sampler: str, settings: int, loss: Callable[[float], float], seed: int = 0
) -> list[float]:
    """log2 of the learning rates in the order of their trials.

    Args:
        sampler: Its name.
        settings: How many settings there are in all.
        loss: The loss at log2 of a learning rate.
        seed: The first seed.
    """
    made, records = make_sampler(problem(sampler, settings, seed)), list[Record]()
    while jobs := missing(made.propose(records), records):
        records += [record_with(job, loss(log2(job.params["lr"]))) for job in jobs]
    assert len(records) == settings
    return [log2(record.params["lr"]) for record in records]
