"""The state of a sweep, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.problem import search_problem
from mutransfer_cli.search.progress import event, rung_state, yet_to_propose
from mutransfer_cli.search.samplers.protocol import make_sampler
from tests.helpers.run_directories import RECIPE
from tests.helpers.sweeps import record_with

NARROW, WIDE = Size(8, 1, 4, 10), Size(16, 1, 4, 10)


def job(size: Size, lr: float) -> Job:
    return Job(size, 0, (("lr", lr),))


def test_outcomes_and_rungs_are_counted() -> None:
    pruned = replace(record_with(job(NARROW, 0.3), None), outcome="pruned")
    records = [
        record_with(job(NARROW, 0.1), 2.0),
        record_with(job(NARROW, 0.2), 1.0),
        pruned,
        record_with(job(WIDE, 0.1), None),
    ]
    found = event([NARROW, WIDE], records, [job(WIDE, 0.2)], "ended", 2, 9.0)
    assert (found.done, found.total, found.running, found.seconds_left) == (4, 5, 2, 9.0)
    assert (found.pruned, found.diverged, found.failed) == (1, 1, 0)
    narrow, wide = found.rungs
    assert (narrow.done, narrow.total, narrow.loss, narrow.params) == (3, 3, 1.0, {"lr": 0.2})
    assert (wide.done, wide.total, wide.loss, wide.params) == (1, 2, None, {})


def test_a_loss_of_zero_is_the_best() -> None:
    records = [record_with(job(NARROW, 0.1), 0.0), record_with(job(NARROW, 0.2), 0.5)]
    assert rung_state(NARROW, records, []).params == {"lr": 0.1}


@pytest.mark.parametrize("sampler", ["sobol", "tpe", "gp"])
def test_what_is_yet_to_be_proposed_counts(sampler: str) -> None:
    """24 trials on 3 rungs are 8 each; a round proposes one setting, of 2 seeds, on each."""
    search = f"seeds: 2, sampler: {sampler}, budget: {{trials: 24}}"
    problem = search_problem(loads(RECIPE.replace("seeds: 2", search)).recipe, 0, None)
    made = make_sampler(problem)
    proposed = made.propose([])
    later = yet_to_propose(problem, made, [], proposed)
    assert [later[size] for size in problem.rungs] == [6, 6, 6]
    found = event(problem.rungs, [], proposed, "", 0, None, later)
    assert found.total == 24 and [rung.total for rung in found.rungs] == [8, 8, 8]
    ended = [record_with(job, 1.0) for job in proposed[:2]]
    again = missing(made.propose(ended), ended)
    later = yet_to_propose(problem, made, ended, again)
    assert event(problem.rungs, ended, again, "", 0, None, later).total == 24
    later = yet_to_propose(problem, made, ended, [])  # between two rounds
    assert event(problem.rungs, ended, [], "", 0, None, later).total == 24


def test_a_grid_proposes_all_at_once() -> None:
    problem = search_problem(loads(RECIPE).recipe, 0, None)
    made = make_sampler(problem)
    assert not yet_to_propose(problem, made, [], made.propose([]))
