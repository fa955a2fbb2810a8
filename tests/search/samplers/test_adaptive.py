"""Adaptive and independent search on losses whose optima are known, without any training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import log2, sin

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, rungs
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.problem import search_problem
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.adaptive import (
    AdaptiveSampler,
    FitRungs,
    fit_rungs,
    neighbors,
)
from mutransfer_cli.search.samplers.rate_losses import (
    RateLosses,
    best_of,
    cliff_above,
    losses_of,
)
from mutransfer_cli.surface.curves.rung_optima import RungFit
from tests.helpers.sweeps import proposed, record_with, sampler_of

Loss = Callable[[Job], float | None]
HALF_OCTAVE_GRID = 19 * 3  # trials of a rung: 2^-12 to 2^-3, three seeds


def recipe(search: str) -> Recipe:
    return loads(
        "name: a\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 32, d_out: 8}\n"
        "base: {width: 32, depth: 2, batch: 32, steps: 100}\nladder: {width: [32, 64, 128]}\n"
        f"search: {search}\n"
    ).recipe


ADAPTIVE = recipe("{sampler: adaptive, space: {lr: {log2: [-12, -3]}}}")


def resolved(records: Sequence[Record]) -> dict[Size, Interval]:
    return {s: f.optimum for s, f in fit_rungs(records).items() if f.optimum}


def searched(loss: Loss, asked: Recipe = ADAPTIVE) -> list[Record]:
    """All trials until nothing more is asked for."""
    records: list[Record] = []
    while jobs := missing(proposed(asked, records), records):
        records += [record_with(job, loss(job)) for job in jobs]
        assert len(records) < 500
    return records


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
def test_optima_within_a_quarter_octave_for_a_quarter_of_a_grid(drift: float) -> None:
    counts = []
    for seed in range(20):
        best = -8 + 3 * sin(seed)  # anywhere from 2^-11 to 2^-5
        records = searched(bowl(best, drift, 0.001, seed))
        found = resolved(records)
        assert len(found) == 3
        for size, r in found.items():
            assert abs(r.value - best - drift * log2(size.width / 32)) < 0.25
            assert r.half_width <= 0.25 or sum(x.size == size for x in records) > 40
        counts.append(len(records) / 3)
    assert np.mean(counts) <= HALF_OCTAVE_GRID / 4


def test_it_asks_for_more_where_the_loss_is_noisier() -> None:
    """The control of its economy: what is cheap on a smooth loss is not on a noisy one."""
    quiet, loud = (len(searched(bowl(-7, 0, noise, 3))) for noise in (0.0005, 0.03))
    assert loud > 1.5 * quiet
    most = sampler_of(ADAPTIVE).count_trials().at_most
    assert loud <= most  # what a dry run says


def shape_of(optimum: Interval | None, bent: bool) -> FitRungs:
    size = rungs(ADAPTIVE)[0]
    return lambda records: {size: RungFit(optimum, bent)}


def smallest(fit: FitRungs) -> AdaptiveSampler:
    """A search of the smallest rung only, with a fit by hand."""
    problem = search_problem(ADAPTIVE, 0)
    return AdaptiveSampler(replace(problem, rungs=problem.rungs[:1]), fit)


def test_what_limits_the_interval_says_what_is_run_next() -> None:
    """By hand: five rates about -7, two seeds. Noise: the outer four again; a bend: halves."""
    size = rungs(ADAPTIVE)[:1]
    rates = (-9.0, -8.0, -7.0, -6.0, -5.0)
    bowl_ = {x: 2 + 0.03 * (x + 7.1) ** 2 for x in (*rates, -12.0, -3.0)}
    seen = [
        record_with(Job(size[0], s, (("lr", 2.0**x),)), bowl_[x] + s)
        for x in bowl_
        for s in (0, 1)
        if s == 0 or x in rates
    ]

    def asked(optimum: Interval | None, bent: bool) -> set[tuple[float, int]]:
        jobs = smallest(shape_of(optimum, bent)).next_round(seen)
        return {(log2(j.params["lr"]), j.seed) for j in jobs}

    wide, narrow = (
        Interval(value=-7.1, low=-7.4, high=-6.8),
        Interval(value=-7.1, low=-7.3, high=-6.9),
    )
    outer = {(x, 2) for x in (-9.0, -8.0, -6.0, -5.0)}
    assert asked(wide, False) == asked(None, False) == outer
    assert asked(wide, True) == {(x, s) for x in (-7.5, -6.5) for s in (0, 1)}
    assert asked(narrow, False) == asked(narrow, True) == set()


def test_a_half_octave_that_was_lost_is_not_waited_for() -> None:
    """By hand: five rates about -7, two seeds; -7.5 is there. The search goes on otherwise."""
    size = rungs(ADAPTIVE)[:1]
    rates = (-9.0, -8.0, -7.5, -7.0, -6.0, -5.0)
    seen = [
        record_with(Job(size[0], s, (("lr", 2.0**x),)), 2 + 0.03 * (x + 7.1) ** 2)
        for x in (*rates, -12.0, -3.0)
        for s in (0, 1)
    ]
    for outcome in ("failed", "pruned"):
        lost = [
            replace(record_with(Job(size[0], s, (("lr", 2.0**-6.5),)), None), outcome=outcome)
            for s in (0, 1)
        ]
        jobs = smallest(shape_of(None, True)).next_round([*seen, *lost])
        assert jobs and all(abs(log2(job.params["lr"]) + 6.5) > 0.2 for job in jobs)
        assert outcome == "failed" or {job.seed for job in jobs} == {2}


@pytest.mark.parametrize("cliff", [1.0, 1.5, 2.2])
def test_an_optimum_below_a_cliff_is_found(cliff: float) -> None:
    """With fewer than five rates, more of them and not more seeds."""
    one = recipe("{sampler: adaptive, space: {lr: {log2: [-12, -3]}}}")
    for seed in range(6):
        best = -8 + 2 * sin(seed)
        records = searched(bowl(best, 0, 0.002, seed, cliff), one)
        found = resolved(records)
        assert len(found) == 3
        assert all(abs(r.value - best) < 0.3 for r in found.values())
        assert len(records) < 3 * 25


def test_one_seed_is_no_evidence_where_two_are_asked_for() -> None:
    """Seeds differ in their optimum: the control asks for one, and is content with it."""
    for seeds, more in ((2, True), (1, False)):
        made = recipe(f"{{sampler: adaptive, seeds: {seeds}, space: {{lr: {{log2: [-12, -3]}}}}}}")
        records = searched(bowl(-7, 0, 0.0001, 0), made)
        assert ({r.seed for r in records} == {0, 1}) == more


def test_the_best_is_of_all_seeds_at_one_level() -> None:
    """By hand: seed 1 lies 5 higher and ran the outer rates alone; -7 stays the best."""
    losses: RateLosses = {
        -8.0: {0: 2.2, 1: 7.1}, -7.0: {0: 2.0}, -6.0: {0: 2.1, 1: 7.2}, -5.0: {0: 2.4, 1: None},
    }  # fmt: skip
    # levels 2.15 and 7.15: -8 is at 0, -7 at -0.15, -6 at 0; a plain mean would be the same by luck
    assert best_of(losses) == -7.0
    losses[-7.0] = {0: 2.2}  # the control: 0.05 above the level of seed 0
    assert best_of(losses) in (-8.0, -6.0)


def test_seeds_are_spent_near_the_optimum() -> None:
    records = searched(bowl(-7, 0, 0.02, 5))
    for record in records:
        if record.seed > 0:
            assert abs(log2(record.params["lr"]) + 7) < 3.5
    assert any(record.seed > 0 for record in records)


def test_an_optimum_beyond_the_range_is_followed_as_far_as_the_recipe_allows() -> None:
    records = searched(bowl(-2.5, 0, 0.0005, 1))
    for r in resolved(records).values():
        assert abs(r.value + 2.5) < 0.25
    beyond = searched(bowl(6.0, 0, 0.0005, 1, cliff=20))
    rates = [log2(r.params["lr"]) for r in beyond]
    assert max(rates) <= -3 + ADAPTIVE.search.extend + 1e-9
    assert resolved(beyond) == {} and len(beyond) < 50


def test_everything_divergent_goes_down_and_ends() -> None:
    records = searched(lambda job: None)
    assert {r.size.width for r in records} == {32, 64, 128}
    assert min(log2(r.params["lr"]) for r in records) >= -12 - ADAPTIVE.search.extend


def test_an_interrupted_search_goes_on_as_it_would_have() -> None:
    """Half of every round is lost: the same trials come out."""
    losses: dict[object, float | None] = {}
    bowl_ = bowl(-7, -0.3, 0.003, 2)

    def fixed(job: Job) -> float | None:
        return losses.setdefault(job.key, bowl_(job))

    whole = searched(fixed)
    records: list[Record] = []
    while jobs := proposed(ADAPTIVE, records):
        kept = jobs[: max(1, len(jobs) // 2)]
        records += [record_with(job, losses[job.key]) for job in kept]
    assert sorted(map(key, records)) == sorted(map(key, whole))


def key(record: Record) -> tuple[int, int, float]:
    return record.width, record.seed, record.params["lr"]


def test_a_pruned_rate_is_no_cliff() -> None:
    """By hand: best -7, lost at -5.5. Pruned: the neighbors; diverged: half way to the cliff."""
    size = rungs(ADAPTIVE)[0]
    jobs = [Job(size, 0, (("lr", 2.0**x),)) for x in (-10, -9, -7, -5.5)]
    for outcome, expected in (("pruned", [-8, -6, -5]), ("diverged", [-6.25])):
        *kept, lost = [record_with(job, abs(log2(job.params["lr"]) + 7)) for job in jobs]
        seen = [*kept, replace(lost, loss=None, outcome=outcome)]
        found = neighbors(losses_of(size, seen), -7.0, cliff_above(size, seen, -7.0))
        assert sorted(found) == sorted(expected)


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
    records = searched(apart, asked)
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
        ("{sampler: adaptive, space: {eps: {log10: [-9, -6]}}}", "needs a range of lr"),
        ("{sampler: adaptive, space: {lr: {choice: [0.1, 0.2]}}}", "needs a range of lr"),
        (
            "{sampler: adaptive, space: {lr: {log2: [-9, -3]}, eps: {log10: [-9, -6]}}}",
            "the learning rate and nothing else",
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
    first, again = (searched(bowl(-6, 0, 0.0, 0), asked) for _ in range(2))
    assert same(first) == same(again)
    assert len(first) == 24
    assert min(abs(log2(r.params["lr"]) + 6) for r in first) < 0.25
