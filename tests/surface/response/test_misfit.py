"""The misfit's covariance: nothing at the optimum, positive definite elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.misfit import conditioned, misfit_correlation


def test_covariance_conditioned_on_value_and_slope() -> None:
    """By the textbook: k(u,u') - k(u,.) K^-1 k(.,u') with the value and slope at 0 as data."""
    u, w = 1.3, -0.7
    kernel = np.exp(-((u - w) ** 2) / 2)
    at_u = np.array([np.exp(-(u**2) / 2), u * np.exp(-(u**2) / 2)])  # cov with g(0) and g'(0)
    at_w = np.array([np.exp(-(w**2) / 2), w * np.exp(-(w**2) / 2)])
    by_hand = kernel - at_u @ np.linalg.inv(np.eye(2)) @ at_w
    assert conditioned(np.array([[u]]), np.array([[w]]), 1.0)[0, 0] == pytest.approx(by_hand)


def test_the_misfit_vanishes_at_the_optimum_with_its_slope() -> None:
    near = np.array([[0.0], [0.01]])
    zero = np.zeros((2, 1))
    variance = np.diag(misfit_correlation(near, near, zero, zero))
    assert variance[0] == 0
    assert variance[1] < 1e-6  # of fourth order: (0.01)^4 / 2 and its like
    far = np.array([[3.0]])  # the control, by hand: 1 - exp(-v^2) (1 + v^2) for v = 3/2 and 3/.8
    by_hand = 0.65 * (1 - np.exp(-2.25) * 3.25) + 0.35 * (1 - np.exp(-14.0625) * 15.0625)
    assert misfit_correlation(far, far, zero[:1], zero[:1])[0, 0] == pytest.approx(by_hand)


def test_positive_definite_and_fading_with_size() -> None:
    rng = np.random.default_rng(1)
    u, z = rng.normal(0, 2, (40, 3)), rng.normal(0, 3, (40, 2))
    assert np.linalg.eigvalsh(misfit_correlation(u, u, z, z)).min() > -1e-9
    one = np.array([[2.0]])
    near, far = np.array([[0.0]]), np.array([[5.0]])
    ratio = misfit_correlation(one, one, near, far) / misfit_correlation(one, one, near, near)
    assert ratio[0, 0] == pytest.approx(np.exp(-0.5))  # one length scale of 5 octaves
