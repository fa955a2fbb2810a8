"""The loss of one run from the level at a size."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.fit.forecast.target_loss import moments, with_scatter
from mutransfer_cli.interval import Interval


def test_squares_of_half_widths_add() -> None:
    # below: √(0.3² + 0.4²) = 0.5; above: √(0.4² + 0.4²)
    loss = with_scatter(Interval(value=2.0, low=1.7, high=2.4), cost=0.1, scatter=0.4)
    assert loss.value == pytest.approx(2.1)
    assert loss.low == pytest.approx(1.6)
    assert loss.high == pytest.approx(2.1 + 0.4 * 2**0.5)


def test_moments_ignore_far_outliers() -> None:
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((4000, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    draws[:8] = 1e6
    middle, covariance = moments(draws)
    assert middle == pytest.approx([0, 0], abs=0.06)
    # of x and 0.5 x + y: 1, 0.5 and 1.25; the cut keeps them within a tenth
    assert covariance == pytest.approx(np.array([[1.0, 0.5], [0.5, 1.25]]), rel=0.1)
    assert np.cov(draws.T)[0, 0] > 1e6
