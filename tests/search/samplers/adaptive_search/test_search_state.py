"""What the adaptive search knows: budgets, costs, seeds of repeats, and where it would be lost."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log2

import numpy as np
import pytest

from mutransfer_cli.recipe.schema.search import Budget, Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.adaptive_search.search_state import (
    MOST_TRIALS,
    NUDGE,
    SEED_BLOCK,
    SearchState,
)
from mutransfer_cli.search.samplers.protocol import SearchProblem
from tests.helpers.sweeps import record_with

SMALL, LARGE, TARGET = Size(32, 2, 16, 200), Size(64, 2, 16, 200), Size(512, 2, 16, 200)
SPACE = {"lr": Space(log2=(-12, -3)), "eps": Space(log2=(-30, -20))}


def problem(**search: object) -> SearchProblem:
    made = Search(space=SPACE, sampler="adaptive", **search)  # type: ignore[arg-type]  # by name
    return SearchProblem(made, (LARGE, SMALL), 5, {}, TARGET)


def trial(x: float, size: Size = SMALL, seed: int = 5, loss: float | None = 2.0) -> Record:
    job = Job(size, seed, (("lr", 2.0**x), ("eps", 2.0**-25)))
    return replace(record_with(job, loss), flops=float(size.width))


def test_budgets_that_are_left() -> None:
    seen = [trial(-7), trial(-6), trial(-6, LARGE)]
    limited = SearchState(problem(budget=Budget(trials=10, flops=200.0)), seen)
    assert limited.trials_left == 7
    assert limited.flops_left == 200 - 32 - 32 - 64
    free = SearchState(problem(), seen)
    assert free.trials_left == 2 * MOST_TRIALS - 3 and free.flops_left == inf


def test_rungs_are_ordered_by_cost() -> None:
    state = SearchState(problem(), [trial(-7), trial(-7, LARGE, loss=None)])
    assert state.rungs == [SMALL, LARGE]
    assert state.costs == {SMALL: 32.0, LARGE: 64.0}
    assert state.trials == {SMALL: 1, LARGE: 1} and state.finished == {SMALL}


def test_goals() -> None:
    """At the target, or at the largest rung; octaves by name, or the regret."""
    octaves = SearchState(problem(precision={"lr": 0.25}), []).goal
    assert octaves.size == pytest.approx([log2(512)])
    assert octaves.tolerances is not None
    assert octaves.tolerances.tolist() == [0.25, inf] and octaves.regret is None
    regret = SearchState(problem(precision={"regret": "0.1%"}), []).goal
    assert regret.tolerances is None and regret.regret == pytest.approx(0.001)
    no_target = replace(problem(), target=None)
    assert SearchState(no_target, []).goal.size == pytest.approx([6])


def test_repeats_take_the_next_seed_and_then_a_setting_beside() -> None:
    """By hand, with two seeds from 5: the setting with both, then half an eighth on each side."""
    point = np.array([-7.0, -25.0])
    jobs = SearchState(problem(seeds=2), []).jobs([(SMALL, point)] * 4)
    assert len({job.key for job in jobs}) == 4
    assert [job.seed for job in jobs] == [5, 6, 5, 6]
    rates = [log2(job.params["lr"]) for job in jobs]
    assert rates == pytest.approx([-7, -7, -7 - NUDGE, -7 - NUDGE])
    known = [trial(-7, seed=5)]  # the control: what has been run is not run again
    (job,) = SearchState(problem(seeds=2), known).jobs([(SMALL, point)])
    assert job.seed == 6


def test_trials_of_a_rung_share_a_seed_in_blocks() -> None:
    points = [(SMALL, np.array([-10 + i / 4, -25.0])) for i in range(2 * SEED_BLOCK)]
    jobs = SearchState(problem(seeds=2), []).jobs(points)
    assert [job.seed for job in jobs] == [5] * SEED_BLOCK + [6] * SEED_BLOCK


def test_settings_next_to_a_divergence_are_hopeless() -> None:
    """As seen from the optimum: -7 on this rung, where a trial three octaves above diverged."""
    seen = [trial(x, loss=2 + 0.02 * (x + 7) ** 2) for x in np.arange(-10.0, -4.5, 0.5)]
    state = SearchState(problem(), [*seen, trial(-4, loss=None)])
    center = np.median(state.optimum_draws(SMALL), axis=0)
    settings = np.array([[-4.1, center[1]], [-4.9, center[1]], [-7.0, center[1]]])
    assert state.hopeless(center)(settings).tolist() == [True, False, False]
    other = center + np.array([2.0, 0.0])  # a rung whose optimum is two octaves higher
    assert state.hopeless(other)(settings + np.array([2.0, 0.0])).tolist() == [True, False, False]


def test_the_surface_is_that_of_fit() -> None:
    """Optima that move by half an octave per rung: noise leaves open whether the drift decays."""
    rng, sizes = np.random.default_rng(1), (SMALL, LARGE, Size(128, 2, 16, 200))
    seen = [
        trial(x, size, loss=2 + 0.02 * (x + 7 + i / 2) ** 2 + 0.006 * float(rng.standard_normal()))
        for i, size in enumerate(sizes)
        for x in np.arange(-11.0, -3.0)
    ]
    plain = replace(problem(), rungs=sizes)
    shares = [
        float(np.mean(SearchState(replace(plain, limits=limits), seen).surface.draws.decays))
        for limits in ((), ("depth",), ("width",))
    ]
    assert shares[0] == shares[1] < shares[2] - 0.1
