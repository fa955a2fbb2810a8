"""A search ends at the first limit that it reaches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.recipe.schema.search import Budget, Search
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.budget import limit_reached
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from tests.helpers.sweeps import record_with

SIZE = Size(8, 1, 4, 10)


def records(count: int, flops: float = 0.0) -> list[Record]:
    jobs = [Job(SIZE, seed, (("lr", 0.1),)) for seed in range(count)]
    return [replace(record_with(job, 1.0), flops=flops) for job in jobs]


@pytest.mark.parametrize(
    ("budget", "count", "minutes", "reached"),
    [
        ({"trials": 3}, 3, 0.0, "search.budget.trials: 3 reached"),
        ({"trials": 3}, 2, 0.0, None),
        ({"flops": 2e6}, 2, 0.0, "search.budget.flops: 2e+06 reached"),  # 1e6 a trial
        ({"flops": 2e6}, 1, 0.0, None),
        ({"minutes": 5}, 1, 5.0, "search.budget.minutes: 5 reached"),
        ({"minutes": 5}, 1, 4.9, None),
        ({}, 1000, 1e6, None),
        ({"trials": 2, "minutes": 1}, 2, 9.0, "search.budget.trials: 2 reached"),
    ],
)
def test_limits(budget: dict[str, float], count: int, minutes: float, reached: str | None) -> None:
    search = Search(budget=Budget.model_validate(budget))
    assert limit_reached(search, records(count, flops=1e6), minutes) == reached


def test_samplers_that_share_the_trials_among_rungs_end_by_themselves() -> None:
    search = Search(sampler="sobol", budget=Budget(trials=2, flops=5e6))
    assert limit_reached(search, records(4)) is None
    assert limit_reached(search, records(5, flops=1e6)) == "search.budget.flops: 5e+06 reached"
