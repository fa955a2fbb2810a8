"""Seeds that not every rate ran, the scale of the losses, the window and the cubic term."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import exp, log2

import numpy as np
import pytest

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.fit.study_fit import fit
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curve import curves_of
from mutransfer_cli.surface.loss_transform import LossTransform, transformed_curves
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.parabola import Parabola

OUTER = (-8.0, -7.0, -5.0, -4.0)


def optimum(found: FitDocument) -> Interval:
    (rung,) = found.rungs
    assert rung.optimum is not None, rung.note
    return rung.optimum["lr"]


def half(found: FitDocument) -> float:
    e = optimum(found)
    assert e.low is not None and e.high is not None
    return (log2(e.high) - log2(e.low)) / 2


def runs_of(
    loss: Callable[[float, int], float], rates: Mapping[float, int], width: int = 64
) -> list[Observation]:
    """loss(log2(lr), seed); rates: how many seeds each ran."""
    return [Observation(width, 2.0**x, s, loss(x, s)) for x, n in rates.items() for s in range(n)]


def seeds_of_the_outer_rates(level: float) -> list[Observation]:
    """0.035 (x + 6.2)²: the rates an octave and two from -6 with three seeds, -6 with one."""
    rates = {-6.0: 1, **dict.fromkeys(OUTER, 3)}
    return runs_of(lambda x, s: 2 + 0.035 * (x + 6.2) ** 2 + level * s, rates)


def test_seeds_that_one_rate_lacks_shift_no_optimum() -> None:
    """Each seed's whole curve is a half higher; a mean of every rate would bend at -6."""
    found = fit(seeds_of_the_outer_rates(0.5))
    assert log2(optimum(found).value) == pytest.approx(-6.2, abs=1e-6)
    (curve,) = curves_of({64: seeds_of_the_outer_rates(0.5)}).values()
    assert curve is not None
    # at the level of the seed that all rates ran
    assert curve.means == pytest.approx([2 + 0.035 * (x + 6.2) ** 2 for x in curve.x])
    # the control: plain means, with -6 half a unit too low, have their vertex elsewhere
    plain = np.polyfit(curve.x, [np.mean(list(of.values())) for of in curve.runs], 2)
    assert abs(-plain[1] / (2 * plain[0]) + 6.2) > 0.05


def test_seeds_of_the_outer_rates_narrow_the_interval() -> None:
    """As much as seeds of all five: the middle one says nothing of the slope."""
    rng = np.random.default_rng(2)
    noise = {(x, s): rng.normal(0, 0.008) for x in (*OUTER, -6.0) for s in range(4)}

    def loss(x: float, s: int) -> float:
        return 2 + 0.035 * (x + 6.1) ** 2 + 0.01 * s + noise[x, s]

    one, outer, whole = (
        half(fit(runs_of(loss, {-6.0: middle, **dict.fromkeys(OUTER, n)})))
        for middle, n in ((1, 1), (1, 4), (4, 4))
    )
    assert outer < 0.75 * one
    assert outer < 1.3 * whole


def test_one_rate_that_lacks_the_common_seed_is_left_out() -> None:
    """A seed that failed, or a run more at a seed of its own, costs that rate alone."""
    runs = runs_of(lambda x, s: 2 + 0.035 * (x + 6.2) ** 2 + s, {x: 2 for x in range(-9, -2)})
    lost = [o for o in runs if (o.lr, o.seed) not in {(2.0**-9, 0), (2.0**-3, 1)}]
    for some, points in ((lost, 6), ([*runs, Observation(64, 2.0**-12, 7, 3.0)], 7)):
        (rung,) = fit(some).rungs
        assert rung.points == points
        assert log2(optimum(fit(some)).value) == pytest.approx(-6.2, abs=1e-6)
        assert rung.loss == pytest.approx(2.5)  # of both seeds, in the window


def test_a_seed_that_one_rate_ran_moves_no_level() -> None:
    runs = runs_of(lambda x, s: 2 + 0.035 * (x + 6.2) ** 2 + s, {x: 2 for x in range(-9, -2)})
    (rung,) = fit([*runs, Observation(64, 2.0**-6, 9, 9.0)]).rungs
    assert rung.loss == pytest.approx(2.5)


def test_a_loss_below_zero_has_no_relative_cost() -> None:
    rates = {x: 2 for x in range(-9, -2)}
    runs = [o for w in (32, 64) for o in runs_of(lambda x, s: -3 + 0.04 * (x + 6.2) ** 2, rates, w)]
    (cost,) = fit(runs).regret
    assert cost.value is None and cost.note


def test_rates_without_a_common_seed_are_not_compared() -> None:
    apart = [Observation(64, 2.0**x, i, 2 + (x + 6) ** 2) for i, x in enumerate(range(-9, -2))]
    (rung,) = fit(apart).rungs
    assert rung.optimum is None


def square(level: float, x: float, seed: int) -> float:
    return level + (x + 6.2) ** 2


def bell(best: float, x: float, seed: int) -> float:
    return exp(0.5 * (x - best) ** 2)


def parabola(runs: list[Observation]) -> Parabola:
    (found,) = transformed_curves({64: runs}).parabolas.values()
    return found


def transform(runs: list[Observation]) -> LossTransform:
    return transformed_curves({64: runs}).transform


def test_losses_that_vary_several_times_are_compared_as_logarithms() -> None:
    """exp of a parabola with its lowest at -5.7: 0.05 there, 1.5 two octaves off."""
    rates = dict.fromkeys((-9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0), 2)
    steep = runs_of(lambda x, s: 0.05 * exp(0.85 * (x + 5.7) ** 2 + 0.1 * s), rates)
    found = fit(steep)
    assert transform(steep).logarithmic
    assert log2(optimum(found).value) == pytest.approx(-5.7, abs=1e-6)
    assert found.rungs[0].loss == pytest.approx(0.05 * exp(0.05), rel=1e-6)  # between two seeds
    # in units of the loss: 10 % of losses that are 0.3 or so on the (geometric) average
    rng = np.random.default_rng(1)
    noisy = [replace(o, loss=(o.loss or 0) * exp(0.1 * rng.standard_normal())) for o in steep]
    assert fit(noisy).noise == pytest.approx(0.03, rel=0.5)
    # the control: the parabola through the losses themselves misses
    xs = np.array([-8.0, -7, -6, -5, -4])
    plain = np.polyfit(xs, 0.05 * np.exp(0.85 * (xs + 5.7) ** 2), 2)
    assert abs(-plain[1] / (2 * plain[0]) + 5.7) > 0.05


def test_losses_that_are_a_parabola_or_not_positive_are_taken_as_they_are() -> None:
    rates = dict.fromkeys((-8.0, -7.0, -6.0, -5.0, -4.0), 2)
    for level in (1.0, -3.0):
        runs = runs_of(partial(square, level), rates)
        assert not transform(runs).logarithmic
        assert log2(optimum(fit(runs)).value) == pytest.approx(-6.2, abs=1e-6)


def test_regret_on_logarithms_is_relative() -> None:
    """exp(0.5 (x - best)²), best -6.5 and -5.5: 1 octave off costs exp(0.5) - 1."""
    rates = dict.fromkeys((-9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0), 2)
    runs = [
        o
        for width, best in ((32, -6.5), (64, -5.5))
        for o in runs_of(partial(bell, best), rates, width)
    ]
    (cost,) = fit(runs).regret
    assert cost.value == pytest.approx(exp(0.5) - 1, rel=1e-6)


HALVES = {x / 2: 3 for x in range(-20, -5)}


def noisy(shape: Callable[[float], float], rates: Mapping[float, int]) -> list[Observation]:
    rng = np.random.default_rng(4)
    return runs_of(lambda x, s: shape(x) + rng.normal(0, 0.004), rates)


def test_a_fine_grid_is_used_as_far_as_the_curve_is_a_parabola() -> None:
    wide = parabola(noisy(lambda x: 2 + 0.035 * (x + 6.1) ** 2, HALVES))
    assert list(wide.x) == [-8, -7.5, -7, -6.5, -6, -5.5, -5, -4.5, -4]
    # the control: beyond an octave from the best this curve rises no further
    narrow = parabola(noisy(lambda x: 2 + 0.07 * min((x + 6.1) ** 2, 1.0), HALVES))
    assert len(narrow.x) <= 6 and narrow.low >= -7.5 and narrow.high <= -4.5
    # nor does a grid of octaves grow
    octaves = parabola(noisy(lambda x: 2 + 0.035 * (x + 6.1) ** 2, {x: 3 for x in range(-10, -2)}))
    assert len(octaves.x) == 5


def test_an_optimum_is_the_cubic_s_where_the_curve_has_a_cubic_term() -> None:
    """2 + 0.035 t² + 0.004 t³ has its lowest at t = 0.

    The parabola through t = -2..2 has the slope 0.004 Σt⁴/Σt² = 0.0136 there, so its vertex lies
    0.0136 / (2 · 0.035) = 0.194 octaves too low.
    """
    rates = dict.fromkeys((-9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0), 2)
    rng = np.random.default_rng(0)
    runs = runs_of(
        lambda x, s: 2 + 0.035 * (x + 6) ** 2 + 0.004 * (x + 6) ** 3 + rng.normal(0, 1e-6), rates
    )
    assert log2(optimum(fit(runs)).value) == pytest.approx(-6, abs=0.01)
    assert parabola(runs).vertex == pytest.approx(-6.194, abs=0.01)
