"""Positive normal factors, against closed forms and rejection."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.laws.loss.positive_factors import log_all_positive, positive_draws
from mutransfer_cli.surface.laws.loss_forecast import forecast_loss


@pytest.mark.parametrize(("rho", "tolerance"), [(0.0, 1e-12), (0.5, 0.005), (-0.5, 0.005)])
def test_the_probability_of_a_quadrant_is_that_of_sheppard(rho: float, tolerance: float) -> None:
    covariance = np.array([[[4.0, 2 * rho], [2 * rho, 1.0]]])
    found = np.exp(log_all_positive(np.zeros((1, 2)), covariance))[0]
    assert found == pytest.approx(0.25 + np.arcsin(rho) / (2 * np.pi), abs=tolerance)


def test_the_probability_of_one_variable_is_its_normal_tail() -> None:
    # Φ(-2) = 0.0227501
    found = np.exp(log_all_positive(np.array([[-6.0]]), np.array([[[9.0]]])))[0]
    assert found == pytest.approx(0.0227501, rel=1e-5)


@pytest.mark.parametrize("rho", [0.6, -0.8])
def test_draws_have_the_moments_of_rejection(rho: float) -> None:
    mean, covariance = np.array([0.3, -0.2]), np.array([[1.0, rho], [rho, 1.0]])
    rng = np.random.default_rng(0)
    plain = rng.multivariate_normal(mean, covariance, 400_000)
    kept = plain[(plain > 0).all(axis=1)]
    count = 40_000
    drawn = positive_draws(
        np.tile(mean, (count, 1)), np.tile(np.linalg.inv(covariance), (count, 1, 1)), rng
    )
    assert (drawn >= 0).all()
    error = 4 * kept.std(axis=0) * (1 / count + 1 / len(kept)) ** 0.5
    np.testing.assert_array_less(np.abs(drawn.mean(axis=0) - kept.mean(axis=0)), error)
    assert drawn.std(axis=0) == pytest.approx(kept.std(axis=0), rel=0.03)


def test_draws_keep_a_sum_that_is_known() -> None:
    # a + b = 1 ± 0.001, of which the mean has a = 3 and b = -2: both are between 0 and 1
    precision = 1e6 * np.ones((2, 2)) + 1e-2 * np.eye(2)
    drawn = positive_draws(
        np.tile([3.0, -2.0], (2000, 1)), np.tile(precision, (2000, 1, 1)), np.random.default_rng(1)
    )
    assert np.abs(drawn.sum(axis=1) - 1) == pytest.approx(0, abs=0.005)


def test_draws_far_below_zero_stay_finite() -> None:
    drawn = positive_draws(
        np.full((10, 1), -1e6), np.full((10, 1, 1), 1.0), np.random.default_rng(0)
    )
    assert np.isfinite(drawn).all() and (drawn >= 0).all()
    assert np.isfinite(log_all_positive(np.full((1, 1), -1e6), np.ones((1, 1, 1)))).all()


def test_sizes_that_grow_together_forecast_as_one_of_them_does() -> None:
    # 2 + 8·z^-0.5 over four octaves; depth and batch grow with the width
    z = np.arange(4.0)
    level = 2 + 8 * 2 ** (-0.5 * (z + 3))
    together = np.stack([z, np.log2(z + 2), z], axis=1)
    target = np.array([4.0, np.log2(6.0), 4.0])
    truth = 2 + 8 * 2**-3.5
    one = forecast_loss(level, np.full(4, 0.004), z[:, None], target[:1], 0.9).loss
    several = forecast_loss(level, np.full(4, 0.004), together, target, 0.9).loss
    assert one.low is not None and one.high is not None
    assert several.low is not None and several.high is not None
    assert several.low <= truth <= several.high
    assert several.value == pytest.approx(truth, rel=0.02)
    assert several.high - several.low < 3 * (one.high - one.low)
