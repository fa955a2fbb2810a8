"""The uncertainty of levels, with measured effects of seeds."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.forecast.level_noise import (
    level_moments,
    moments,
    seed_means,
    seed_variances,
    shared_seeds,
)
from mutransfer_cli.surface.response.response_surface import fit_response
from mutransfer_cli.surface.response.runs import Runs


def runs(effects: list[list[float]]) -> Runs:
    """Parabolas, 0.02 above the optimum for each octave squared; effects by rung and seed."""
    rng = np.random.default_rng(2)
    rows = [
        (x, float(r), s, 0.02 * (x + 6) ** 2 + effect + 1e-3 * rng.standard_normal())
        for r, seeds in enumerate(effects)
        for s, effect in enumerate(seeds)
        for x in range(-9, -2)
    ]
    settings, sizes, seeds, losses = (np.array(column) for column in zip(*rows, strict=True))
    return Runs(settings[:, None].astype(float), sizes[:, None], seeds, losses)


def test_moments_ignore_far_outliers() -> None:
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((4000, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    draws[:8] = 1e6
    middle, covariance = moments(draws)
    assert middle == pytest.approx([0, 0], abs=0.06)
    # of x and 0.5 x + y: 1, 0.5 and 1.25; the cut keeps them within a tenth
    assert covariance == pytest.approx(np.array([[1.0, 0.5], [0.5, 1.25]]), rel=0.1)
    assert np.cov(draws.T)[0, 0] > 1e6


def test_the_variance_of_seeds_is_pooled_over_rungs() -> None:
    found = seed_variances(runs([[0.0, 0.02], [0.0, 0.04]]), assumed=0.0)
    # squares about the means: 2·0.01² + 2·0.02² = 0.001, over 1 + 1 + 2 degrees of freedom
    assert sum(found) == pytest.approx(0.001 / 4, rel=0.1)


def test_what_seeds_do_to_all_rungs_alike_is_common() -> None:
    effects = [-0.03, 0.0, 0.03]
    common, rest = seed_variances(runs([effects] * 4), assumed=0.0)
    # variance .0018/2 = 9e-4 with 8 of 10 freedoms: 7.2e-4; common: 2 freedoms of what is seen,
    # 9e-4, and 2 of .3 times the total: 5.6e-4
    assert common == pytest.approx((9e-4 + 0.3 * 7.2e-4) / 2, rel=0.1)
    assert common + rest == pytest.approx(7.2e-4, rel=0.1)
    # in turn: one pair of rungs has 9e-4, five have −4.5e-4: none is common
    turned = [effects[r % 3 :] + effects[: r % 3] for r in range(4)]
    common, rest = seed_variances(runs(turned), assumed=0.0)
    assert common == pytest.approx(0.0, abs=1e-9)
    assert rest == pytest.approx(7.2e-4, rel=0.1)


def test_rungs_share_the_effect_of_the_seeds_that_both_have() -> None:
    """Means of two seeds and of three: variance 1/2 and 1/3; two are the same: 2/(2·3)."""
    share = shared_seeds(runs([[0.0, 0.0], [0.0, 0.0, 0.0]]))
    assert share == pytest.approx(np.array([[1 / 2, 1 / 3], [1 / 3, 1 / 3]]))


def test_without_repeats_the_assumption_stands() -> None:
    assert sum(seed_variances(runs([[0.0], [0.01]]), assumed=0.5)) == 0.5


def test_only_settings_near_the_optimum_that_all_seeds_finished_count() -> None:
    table = runs([[0.0, 0.02]])
    table.losses[0] += 5.0  # three octaves off: not near
    table.losses[3] = np.nan  # seed 0 diverged at the optimum, -6
    # near: within 0.1 of the best that is left, 0.02: all but -9 and -6
    means = seed_means(table, 0)
    assert means[1] - means[0] == pytest.approx(0.02, abs=2e-3)


def test_levels_are_as_uncertain_as_seeds_show() -> None:
    calm = fit_response(runs([[0.0, 0.0, 0.0]] * 3))
    rough = fit_response(runs([[-0.05, 0.0, 0.05], [0.0, 0.05, -0.05], [0.05, -0.05, 0.0]]))
    small, large = (np.sqrt(np.diag(level_moments(s)[1])) for s in (calm, rough))
    # the variance of a seed is (6·0.05² + 2·assumed)/8 with little assumed; a level has a third
    assert large == pytest.approx(np.full(3, (6 * 0.05**2 / 8 / 3) ** 0.5), rel=0.15)
    assert (small < large / 10).all()
