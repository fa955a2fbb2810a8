"""Regret against curves whose truth is known, and where it cannot be measured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import exp

import numpy as np
import pytest

from mutransfer_cli.surface.curves.ladder_fit import fit_ladder
from tests.helpers.loss_curves import OCTAVES, exact, runs_of, sweep


def test_regret_is_the_parabola_s() -> None:
    # 0.035·1² above a lowest loss of 2.2 + 3/64, for an optimum one octave away
    found = exact({32: -5.5, 64: -6.5})
    (regret,) = found.regrets
    cost = regret.cost
    assert cost is not None
    assert cost.value == pytest.approx(0.035 / (2.2 + 3 / 64), rel=0.02)
    assert cost.low is not None and cost.high is not None and cost.low <= cost.value <= cost.high


def test_regret_at_a_pruned_rate_says_so() -> None:
    runs = sweep(np.random.default_rng(0), {32: -8.0, 64: -5.0}, noise=0.01)
    assert fit_ladder(runs).regrets[0].cost is not None
    far = [
        replace(r, loss=None, pruned=True) if r.width == 64 and r.lr < 2.0**-7 else r for r in runs
    ]
    (regret,) = fit_ladder(far).regrets
    assert regret.cost is None and "pruned" in (regret.note or "")


def test_regret_outside_the_range_or_at_a_rate_that_diverges_is_not_measured() -> None:
    grid = tuple(range(-11, -2))
    runs = sweep(np.random.default_rng(0), {32: -5.0, 64: -8.0}, noise=0.001, grid=grid)
    narrow = [r for r in runs if r.width == 32 or r.lr < 2.0**-5.5]
    (regret,) = fit_ladder(narrow).regrets
    assert regret.cost is None and "outside the range" in (regret.note or "")
    lost = [replace(r, loss=None) if r.width == 64 and r.lr > 2.0**-5.5 else r for r in runs]
    (regret,) = fit_ladder(lost).regrets
    assert regret.cost is None and "diverges" in (regret.note or "")


def test_a_loss_below_zero_has_no_relative_cost() -> None:
    rates = {x: 2 for x in range(-9, -2)}
    runs = [o for w in (32, 64) for o in runs_of(lambda x, s: -3 + 0.04 * (x + 6.2) ** 2, rates, w)]
    (regret,) = fit_ladder(runs).regrets
    assert regret.cost is None and regret.note


def bell(best: float, x: float, seed: int) -> float:
    return exp(0.5 * (x - best) ** 2)


def test_regret_on_logarithms_is_relative() -> None:
    """exp(0.5 (x - best)²), best -6.5 and -5.5: 1 octave off costs exp(0.5) - 1."""
    runs = [
        o
        for width, best in ((32, -6.5), (64, -5.5))
        for o in runs_of(partial(bell, best), OCTAVES, width)
    ]
    (regret,) = fit_ladder(runs).regrets
    assert regret.cost is not None
    assert regret.cost.value == pytest.approx(exp(0.5) - 1, rel=1e-6)
