from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.laws.loss.shared_scatter import Scatter

SIZES = np.array([[0.0, -1.0], [0.0, 0.0], [-1.0, 0.0]])
CORRELATION = np.array([[1, 0.5, 0], [0.5, 1, 0.2], [0, 0.2, 1]])  # .5 for the first, .2 the second


def test_both_covariances_are_made_diagonal() -> None:
    """Wᵀ·M·W = 1, Wᵀ·C·W = diag(c), and ½·log det M of a matrix computed by hand: .71."""
    measured = np.diag([0.1, 0.2, 0.3]) + 0.05
    scatter = Scatter.of(measured, SIZES, (0.5, 0.2))
    w = scatter.whitening
    assert w.T @ CORRELATION @ w == pytest.approx(np.eye(3), abs=1e-12)
    assert w.T @ measured @ w == pytest.approx(np.diag(scatter.variances), abs=1e-12)
    assert scatter.log_determinant == pytest.approx(0.5 * np.log(1 - 0.25 - 0.04))


def test_a_new_size_shares_the_error_of_its_like() -> None:
    """Of τ = 2 and exact levels: k = (.5) with the one equal size, so mean .5·e, sd 2·√.75."""
    scatter = Scatter.of(np.zeros((2, 2)), SIZES[[0, 2]], (0.5, 0.2))
    mean, sd = scatter.new(
        SIZES[[0, 2]], np.array([[0.0, 5.0], [3.0, 5.0]]), np.array([[0.6, 9.0]]), np.array([2.0])
    )
    assert mean == pytest.approx(np.array([[0.3, 0.0]]))
    assert sd == pytest.approx(np.array([[2 * 0.75**0.5, 2.0]]))


def test_drawn_errors_have_the_covariance() -> None:
    """C + τ²·M with τ = 2, of 100,000 draws."""
    scatter = Scatter.of(0.5 * np.eye(3), SIZES, (0.5, 0.2))
    normal = np.random.default_rng(0).standard_normal((100_000, 3))
    drawn = scatter.errors(np.full(len(normal), 2.0), normal)
    assert np.cov(drawn.T) == pytest.approx(0.5 * np.eye(3) + 4 * CORRELATION, abs=0.08)


def test_without_shares_errors_are_independent() -> None:
    """The control."""
    scatter = Scatter.of(np.zeros((3, 3)), SIZES)
    assert abs(scatter.whitening) == pytest.approx(np.eye(3)) and scatter.log_determinant == 0
