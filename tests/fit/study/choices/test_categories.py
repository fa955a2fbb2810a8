"""The cost of each value of a category, with its interval."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.fit.study.choices.categories import Category
from mutransfer_cli.fit.study.choices.category_differences import RungDifference
from mutransfer_cli.fit.study.loss_scale import LossScale


def test_intervals_of_costs_hold_the_truth() -> None:
    """Three rungs of five pairs with noise .002: the truth .003 is inside 90 % of the intervals."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        means = 0.003 + rng.normal(0, 0.002 * np.sqrt(2 / 5), 3)
        category = Category(0.0, {1.0: tuple(RungDifference(float(m), 5) for m in means)})
        cost = category.costs(LossScale(logarithmic=False), 0.002, 0.9)[1.0]
        assert cost.low is not None and cost.high is not None
        inside += cost.low <= 0.003 <= cost.high
    assert 0.86 * 300 <= inside <= 0.95 * 300


def test_rungs_that_disagree_widen_the_interval() -> None:
    alike = Category(0.0, {1.0: tuple(RungDifference(m, 5) for m in (0.01, 0.01, 0.01))})
    unlike = Category(0.0, {1.0: tuple(RungDifference(m, 5) for m in (-0.02, 0.01, 0.04))})
    widths = [
        c.costs(LossScale(logarithmic=False), 0.001, 0.95)[1.0].half_width for c in (alike, unlike)
    ]
    assert widths[1] > 10 * widths[0]
