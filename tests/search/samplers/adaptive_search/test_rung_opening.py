"""The first trials of a rung in the adaptive search."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import pytest

from mutransfer_cli.recipe.schema.search import Budget, Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.adaptive_search.rung_opening import RungOpening
from mutransfer_cli.search.samplers.adaptive_search.search_state import SearchState
from mutransfer_cli.search.samplers.protocol import SearchProblem
from tests.helpers.sweeps import record_with

SMALL, MIDDLE, LARGE = (Size(width, 2, 16, 200) for width in (32, 64, 128))


def opening(records: list[Record], **search: object) -> RungOpening:
    """A search of one learning rate, from -12 to -3, that starts at -7."""
    space = {"lr": Space(log2=(-12, -3))}
    made = Search(space=space, sampler="adaptive", extend=1, **search)  # type: ignore[arg-type]
    problem = SearchProblem(made, (SMALL, MIDDLE, LARGE), 0, {"lr": 2.0**-7})
    return RungOpening(SearchState(problem, records))


def trials(jobs: list[Job], best: float = -7.0) -> list[Record]:
    """Trials whose losses are a parabola about the best rate, at a cost of the width squared."""
    return [
        replace(
            record_with(job, 2 + 0.02 * (log2(job.params["lr"]) - best) ** 2),
            flops=float(job.size.width) ** 2,
        )
        for job in jobs
    ]


def rates(jobs: list[Job]) -> list[float]:
    return sorted(log2(job.params["lr"]) for job in jobs)


def test_the_search_starts_about_the_recipe_on_the_cheapest_rung() -> None:
    jobs = opening([]).first()
    assert {job.size for job in jobs} == {SMALL} and len(jobs) == 8
    assert rates(jobs)[0] == pytest.approx(-10) and rates(jobs)[-1] == pytest.approx(-4)


def test_larger_rungs_follow_about_the_predicted_optimum() -> None:
    records = trials(opening([]).first(), best=-5.5)
    middle = opening(records).next_rung()
    assert {job.size for job in middle} == {MIDDLE}
    assert sum(rates(middle)) / len(middle) == pytest.approx(-5.5, abs=0.3)
    large = opening(records + trials(middle, best=-5.5)).next_rung()
    assert {job.size for job in large} == {LARGE}
    assert rates(large)[-1] - rates(large)[0] < rates(middle)[-1] - rates(middle)[0]
    assert opening(records + trials(middle) + trials(large)).next_rung() == []


def test_a_rung_that_the_budget_does_not_pay_for_stays_closed() -> None:
    """By hand: eight small trials cost 8192; 4096 for each of the middle rung, 16384 above."""
    records = trials(opening([]).first())
    assert len(opening(records, budget=Budget(flops=8192 + 4 * 4096 / 0.8)).next_rung()) == 4
    assert len(opening(records, budget=Budget(flops=8192 + 3 * 4096 / 0.8 + 1)).next_rung()) == 3
    assert opening(records, budget=Budget(flops=8192 + 2 * 4096 / 0.8)).next_rung() == []


def test_where_every_trial_diverged_lower_rates_follow() -> None:
    lost = [record_with(job, None) for job in opening([]).first()]
    lower = opening(lost).lower()
    assert {job.size for job in lower} == {SMALL}
    assert max(rates(lower)) < min(rates([*opening([]).first()]))
    assert min(rates(lower)) >= -13  # the range, and what it may be extended by
    at_the_end = [*lost, *(record_with(job, None) for job in lower)]
    assert opening(at_the_end).lower() == []
    assert opening(trials(opening([]).first())).lower() == []  # the control: some finished


def test_the_cheapest_rung_is_searched_until_its_optimum_is_located() -> None:
    """Losses that hardly vary say nothing of the optimum; those of a parabola do."""
    first = opening([]).first()
    assert opening(trials(first)).locating_goal() is None
    flat = [record_with(job, 2 + 0.001 * (i * 7 % 5)) for i, job in enumerate(first)]
    goal = opening(flat).locating_goal()
    assert goal is not None and goal.size == pytest.approx([5])
    few = opening(flat, budget=Budget(trials=16)).locating_goal()
    assert few is None  # half of the trials are spent: the larger rungs need the others


def test_an_optimum_at_the_end_of_the_range_is_noticed() -> None:
    first = opening([]).first()
    falling = [record_with(job, 3 - 0.1 * log2(job.params["lr"])) for job in first]
    more = [Job(SMALL, 0, (("lr", 2.0**x),)) for x in (-3.5, -3.0, -2.5, -2.0)]
    falling += [record_with(job, 3 - 0.1 * log2(job.params["lr"])) for job in more]
    assert opening(falling).at_edge() == "lr"
    assert opening(trials([*first, *more])).at_edge() is None
