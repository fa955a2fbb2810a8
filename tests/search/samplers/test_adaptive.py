"""Adaptive and independent search on losses whose optima are known, without any training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import log2, sin

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.problem import search_problem
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.adaptive import AdaptiveSampler
from mutransfer_cli.search.samplers.adaptive_search.adaptive_round import AdaptiveRound
from mutransfer_cli.search.samplers.adaptive_search.search_state import SearchState
from tests.helpers.sweeps import proposed, record_with, sampler_of

Loss = Callable[[Job], float | None]
HALF_OCTAVE_GRID = 19 * 3  # trials of a rung: 2^-12 to 2^-3, three seeds
QUARTER_OCTAVE = 0.25


def recipe(search: str) -> Recipe:
    return loads(
        "name: a\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 32, d_out: 8}\n"
        "base: {width: 32, depth: 2, batch: 32, steps: 100}\nladder: {width: [32, 64, 128]}\n"
        f"search: {search}\n"
    ).recipe


ADAPTIVE = recipe("{sampler: adaptive, space: {lr: {log2: [-12, -3]}}}")


def flops(records: Sequence[Record]) -> float:
    """Cost of trials, which grows with the square of the width."""
    return float(sum(record.width**2 for record in records))


def run_through(sampler: AdaptiveSampler, loss: Loss) -> list[Record]:
    """All trials of a search."""
    records: list[Record] = []
    while jobs := missing(sampler.propose(records), records):
        records += [replace(record_with(j, loss(j)), flops=j.size.width**2 * 1.0) for j in jobs]
        assert len(records) < 500
    return records


def searched(loss: Loss, asked: Recipe = ADAPTIVE) -> list[Record]:
    """All trials of an adaptive search."""
    return run_through(AdaptiveSampler(search_problem(asked, 0)), loss)


def rounds_of(loss: Loss, asked: Recipe) -> list[Record]:
    """All trials of another sampler until nothing more is asked for."""
    records: list[Record] = []
    while jobs := missing(proposed(asked, records), records):
        records += [record_with(job, loss(job)) for job in jobs]
        assert len(records) < 500
    return records


def end_of(records: Sequence[Record], asked: Recipe = ADAPTIVE) -> str:
    """Why the search has ended."""
    return AdaptiveSampler(search_problem(asked, 0)).end_reason(records)


def answer(records: Sequence[Record], asked: Recipe = ADAPTIVE) -> Mapping[str, float]:
    """log2 of the optimum of every hyperparameter on the largest rung."""
    state = SearchState(search_problem(asked, 0), records)
    setting = state.space.setting(np.median(state.optimum_draws(state.rungs[-1]), axis=0))
    return {name: log2(value) for name, value in setting}


def bowl(best: float, drift: float, noise: float, seed: int, cliff: float = 3.0) -> Loss:
    """2.3 at log2(lr) = best, level far away, divergent `cliff` octaves above."""
    rng = np.random.default_rng(seed)

    def loss(job: Job) -> float | None:
        t = log2(job.params["lr"]) - best - drift * log2(job.size.width / 32)
        if t > cliff:
            return None
        flat = 0.8 * (1 - 1 / (1 + 0.03 / 0.8 * t * t))
        return float(2.3 + flat + 0.02 * sin(job.seed) + noise * rng.standard_normal())

    return loss


@pytest.mark.parametrize("drift", [0.0, -0.7])
def test_the_optimum_within_a_quarter_octave_for_a_quarter_of_a_grid(drift: float) -> None:
    grid = HALF_OCTAVE_GRID * (32**2 + 64**2 + 128**2)
    costs = []
    for seed in range(4):
        best = -8 + 3 * sin(seed)  # anywhere from 2^-11 to 2^-5
        records = searched(bowl(best, drift, 0.001, seed))
        assert end_of(records).startswith("search.precision is reached: lr to ±0.")
        assert abs(answer(records)["lr"] - best - drift * 2) < QUARTER_OCTAVE
        costs.append(flops(records))
    assert np.mean(costs) <= grid / 4


def test_it_asks_for_more_where_the_loss_is_noisier() -> None:
    """The control of its economy: what is cheap on a smooth loss is not on a noisy one."""
    quiet, loud = (len(searched(bowl(-7, 0, noise, 3))) for noise in (0.0005, 0.02))
    assert loud > 1.5 * quiet
    most = sampler_of(ADAPTIVE).count_trials().at_most
    assert loud <= most  # what a dry run says


TWO = recipe(
    "{sampler: adaptive, precision: {lr: 0.25, logit_multiplier: 0.5}, space: "
    "{lr: {log2: [-12, -3]}, logit_multiplier: {log2: [-4, 4]}}}"
)


def valley(job: Job) -> float:
    """The optimum is at 2^-6 and 2^1, and both move together along a diagonal."""
    a = log2(job.params["lr"]) + 6
    b = log2(job.params["logit_multiplier"]) - 1
    noise = np.random.default_rng([job.seed, int(1000 * abs(a)), int(1000 * abs(b))])
    return 2 + 0.02 * (a + 0.5 * b) ** 2 + 0.01 * b**2 + 0.001 * float(noise.standard_normal())


def test_two_entangled_hyperparameters() -> None:
    records = searched(valley, TWO)
    found = answer(records, TWO)
    assert end_of(records, TWO).startswith("search.precision is reached: lr to ±0.")
    assert abs(found["lr"] + 6) < 0.25 and abs(found["logit_multiplier"] - 1) < 0.5
    grid = 10 * 9 * 2 * (32**2 + 64**2 + 128**2)  # octaves, two seeds
    assert flops(records) < grid / 10


def test_what_is_known_well_enough_costs_nothing_more() -> None:
    """A hyperparameter without a tolerance, and a regret, are cheaper to satisfy."""
    search = "{{sampler: adaptive, precision: {}, space: {}}}"
    space = "{lr: {log2: [-12, -3]}, logit_multiplier: {log2: [-4, 4]}}"
    fine, coarse = (
        searched(valley, recipe(search.format(precision, space)))
        for precision in ("{lr: 0.03, logit_multiplier: 0.03}", "{regret: 0.2%}")
    )
    assert flops(coarse) < flops(fine)


def test_a_target_beyond_the_ladder_sets_the_goal() -> None:
    """The ladder cannot say more of a distant optimum than its line; the search says so."""
    text = (
        "target: {{width: {}}}\nsearch: {{sampler: adaptive, space: {{lr: {{log2: [-12, -3]}}}}}}"
    )
    near, far = (
        loads(
            "name: a\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 32, d_out: 8}\n"
            "base: {width: 32, depth: 2, batch: 32, steps: 100}\n"
            f"ladder: {{width: [32, 64, 128]}}\n{text.format(width)}\n"
        ).recipe
        for width in (128, 4096)
    )
    loss = bowl(-7, 0, 0.0005, 1)
    assert "is reached" in end_of(searched(loss, near), near)
    assert "add a rung nearer the target" in end_of(searched(loss, far), far)


@pytest.mark.parametrize("cliff", [1.0, 1.5, 2.2])
def test_an_optimum_below_a_cliff_is_found(cliff: float) -> None:
    for seed in range(3):
        best = -8 + 2 * sin(seed)
        records = searched(bowl(best, 0, 0.002, seed, cliff))
        assert abs(answer(records)["lr"] - best) < 0.3
        assert len(records) < 3 * 30
        lost = [r for r in records if r.loss is None]
        assert len(lost) < len(records) / 4


@pytest.mark.parametrize(("seeds", "used"), [(2, {0, 1}), (1, {0})])
def test_seeds_are_those_of_the_recipe(seeds: int, used: set[int]) -> None:
    made = recipe(f"{{sampler: adaptive, seeds: {seeds}, space: {{lr: {{log2: [-12, -3]}}}}}}")
    assert {r.seed for r in searched(bowl(-7, 0, 0.03, 0), made)} == used


def test_a_precision_is_confirmed_by_a_trial_at_the_optimum() -> None:
    """Few trials can look surer than they are: reached once is not enough."""
    problem = search_problem(ADAPTIVE, 0)
    sampler, loss = AdaptiveSampler(problem), bowl(-7, 0, 0.0005, 1)
    records: list[Record] = []
    reached, last = [], []
    while jobs := sampler.propose(records):
        if {job.size.width for job in jobs} != {32}:  # the surface knows every rung it needs
            state = SearchState(problem, records)
            reached.append(bool(records) and state.goal.is_reached(state.surface))
        last = jobs
        records += [record_with(job, loss(job)) for job in jobs]
    assert reached[-1]  # it was reached before the last round
    assert end_of(records).startswith("search.precision is reached")
    tried = [log2(job.params["lr"]) for job in last if job.size.width == 128]
    assert min(abs(x - answer(records)["lr"]) for x in tried) < 0.1


def test_trials_are_spent_near_the_optimum() -> None:
    records = searched(bowl(-7, 0, 0.02, 5))
    for record in records:
        if record.width > 32:
            assert abs(log2(record.params["lr"]) + 7) < 3.5
    assert len({r.key for r in records}) == len(records)  # none twice


def test_an_optimum_beyond_the_range_is_followed_as_far_as_the_recipe_allows() -> None:
    records = searched(bowl(-2.5, 0, 0.0005, 1))
    assert abs(answer(records)["lr"] + 2.5) < QUARTER_OCTAVE
    beyond = searched(bowl(6.0, 0, 0.0005, 1, cliff=20))
    rates = [log2(r.params["lr"]) for r in beyond]
    assert max(rates) <= -3 + ADAPTIVE.search.extend + 1e-9
    assert end_of(beyond) == "the best trials are at the end of the range of lr"
    assert {r.width for r in beyond} == {32}  # larger rungs would cost more, for nothing
    assert len(beyond) < 100


def test_everything_divergent_goes_down_and_ends() -> None:
    records = searched(lambda job: None)
    assert {r.size.width for r in records} == {32}  # larger rungs would cost more, for nothing
    assert min(log2(r.params["lr"]) for r in records) >= -12 - ADAPTIVE.search.extend
    assert end_of(records) == "no trial of width 32 finished at any learning rate"


def test_rates_that_all_diverge_are_lowered() -> None:
    records = searched(bowl(-14.0, 0, 0.0005, 1, cliff=0.9))
    assert any(r.loss is not None for r in records)
    assert abs(answer(records)["lr"] + 14) < 0.5


def test_a_larger_rung_where_everything_diverges_is_left_out() -> None:
    usual = bowl(-7, 0, 0.001, 3)
    records = searched(lambda job: usual(job) if job.size.width < 128 else None)
    assert sum(r.width == 128 for r in records) < 40
    assert end_of(records) != ""


def test_budgets_are_kept() -> None:
    loss = bowl(-7, 0, 0.03, 4)
    for budget, used in (
        ("{trials: 25}", lambda records: len(records) / 25),
        ("{flops: 60000}", lambda records: flops(records) / 60000),
    ):
        text = f"{{sampler: adaptive, budget: {budget}, space: {{lr: {{log2: [-12, -3]}}}}}}"
        records = searched(loss, recipe(text))
        assert 0.7 < used(records) <= 1
        assert end_of(records, recipe(text))
    unlimited = searched(loss)  # the control
    assert len(unlimited) > 25 and flops(unlimited) > 60000


def test_an_interrupted_search_goes_on_as_it_would_have() -> None:
    """Half of every round is lost, and a new sampler goes on: the same trials come out."""
    losses: dict[object, float | None] = {}
    bowl_ = bowl(-7, -0.3, 0.003, 2)

    def fixed(job: Job) -> float | None:
        return losses.setdefault(job.key, bowl_(job))

    whole = searched(fixed)
    records: list[Record] = []
    while jobs := proposed(ADAPTIVE, records):
        kept = jobs[: max(1, len(jobs) // 2)]
        records += [
            replace(record_with(j, losses[j.key]), flops=j.size.width**2 * 1.0) for j in kept
        ]
    assert sorted(map(key, records)) == sorted(map(key, whole))
    np.random.default_rng(0).shuffle(records)  # type: ignore[arg-type]  # a list
    assert proposed(ADAPTIVE, records) == []  # in whatever order they are stored


def test_trials_of_another_version_are_used_and_not_repeated() -> None:
    """A record that no round proposes: the search goes on from all of them."""
    loss = bowl(-7, 0, 0.001, 3)
    sampler = AdaptiveSampler(search_problem(ADAPTIVE, 0))
    first = [record_with(job, loss(job)) for job in sampler.propose([])]
    foreign = record_with(replace(sampler.propose([])[0], setting=(("lr", 2.0**-6.9),)), 2.31)
    jobs = sampler.propose([*first, foreign])
    assert jobs and not {job.key for job in jobs} & {r.key for r in [*first, foreign]}
    records = [*first, foreign]
    while more := missing(sampler.propose(records), records):
        records += [record_with(job, loss(job)) for job in more[:3]]
        assert len(records) < 200
    assert sampler.end_reason(records).startswith("search.precision is reached")


def test_it_says_why_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        records = searched(bowl(-7, 0, 0.0005, 1))
    (line,) = [m for m in caplog.messages if "ends after" in m]
    assert line.startswith(f"adaptive search ends after {len(records)} trials: search.precision")


def test_a_pruned_trial_is_no_divergence() -> None:
    """Where a trial diverged, candidates next to it are left out; where it was pruned, not."""
    loss = bowl(-7, 0, 0.001, 3)
    sampler = AdaptiveSampler(search_problem(ADAPTIVE, 0))
    first = [record_with(job, loss(job)) for job in sampler.propose([])]
    highest = max(first, key=lambda r: r.params["lr"])
    for outcome, allowed in (("pruned", True), ("diverged", False)):
        rest = [r for r in first if r is not highest]
        lost = replace(highest, loss=None, outcome=outcome)
        state = SearchState(search_problem(ADAPTIVE, 0), [*rest, lost])
        _, found = AdaptiveRound(state).candidates({state.rungs[0]})
        assert (found.settings.max() > log2(highest.params["lr"]) - 0.2) == allowed


def key(record: Record) -> tuple[int, int, float]:
    return record.width, record.seed, record.params["lr"]


INDEPENDENT = (
    "{sampler: independent, seeds: 2, space: {lr: {log2: [-12, -3]}, "
    "logit_multiplier: {log2: [-3, 3]}, weight_decay: {choice: [0.0, 0.1, 0.3]}}}"
)


def apart(job: Job) -> float:
    """Optima at 2^-7, 4 and 0.3, none of which depends on the others."""
    p = job.params
    off = (log2(p["lr"]) + 7) ** 2 + (log2(p["logit_multiplier"]) - 2) ** 2
    return 2 + 0.03 * off + (0.3 - p["weight_decay"]) * 0.1 + 0.01 * job.seed


def test_independent_takes_one_line_after_another() -> None:
    asked = recipe(INDEPENDENT)
    records = rounds_of(apart, asked)
    best = min(records, key=lambda r: r.loss or 9.0)
    assert best.params == {"lr": 2.0**-7, "logit_multiplier": 4.0, "weight_decay": 0.3}
    alone = [r for r in records if r.width == 32]
    # 10 rates, 7 + 3 lines that share one point with them, 10 rates at the best of the rest
    assert len(alone) == 2 * (10 + 6 + 3 - 1 + 10)
    larger = [r for r in records if r.width > 32]
    assert {r.params["logit_multiplier"] for r in larger} == {4.0}
    product = 10 * 7 * 3 * 2 * 3  # what a full grid would take
    assert len(records) < product / 8


def test_a_grid_of_everything_is_what_independent_saves() -> None:
    full = recipe(INDEPENDENT.replace("independent", "grid"))
    assert len(proposed(full)) == 10 * 7 * 3 * 2 * 3


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ("{sampler: adaptive, space: {lr: {choice: [0.1, 0.2]}}}", "searches ranges"),
        (
            "{sampler: adaptive, space: {lr: {log2: [-9, -3]}, eps: {choice: [1.0e-8, 1.0e-6]}}}",
            "for a choice take grid",
        ),
        (
            "{sampler: independent, space: {lr: {log2: [-9, -3]}, init_std: {log2: [-5, 0]}}}",
            "init.std is null",
        ),
        ("{sampler: gp, space: {lr: {log2: [-9, -3]}}}", "needs search.budget.trials"),
    ],
)
def test_what_a_sampler_cannot_search_is_refused(search: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        recipe(search)


def same(records: Sequence[Record]) -> list[tuple[int, int, float]]:
    return sorted(map(key, records))


def test_a_gaussian_process_is_replayed() -> None:
    asked = recipe("{sampler: gp, seeds: 1, budget: {trials: 24}, space: {lr: {log2: [-9, -3]}}}")
    first, again = (rounds_of(bowl(-6, 0, 0.0, 0), asked) for _ in range(2))
    assert same(first) == same(again)
    assert len(first) == 24
    assert min(abs(log2(r.params["lr"]) + 6) for r in first) < 0.25


def test_a_rate_that_is_known_narrows_the_first_box() -> None:
    """Five trials within 1.5 octaves of it, instead of eight within three."""
    for rate, count, half in ((None, 8, 3.0), (2.0**-6, 5, 1.5)):
        problem = search_problem(ADAPTIVE, 0, rate)
        first = AdaptiveSampler(problem).propose([])
        center = log2(problem.defaults["lr"])
        assert len(first) == count
        assert max(abs(log2(j.params["lr"]) - center) for j in first) == pytest.approx(
            half, abs=1 / 16
        )
