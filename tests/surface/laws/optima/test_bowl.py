from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.laws.optima.bowl import Shape, excess, exponents

SHAPE = Shape(
    root=np.array([[-1.0, 0.0], [0.2, -1.5]]),
    skew=np.array([0.3, -0.2]),
    log_flat=-1.0,
    terms=np.linspace(-0.2, 0.2, 9),
    window=0.05,
)


def test_the_minimum_is_at_the_optimum() -> None:
    part = excess(np.zeros((1, 2)), np.zeros(1), SHAPE)
    assert part.value == pytest.approx(0) and part.by_distance == pytest.approx(np.zeros((1, 2)))


def test_a_quadratic_by_hand() -> None:
    """k = 0, L = 1, a = 2, τ large: q = |u|² = 1 + 4."""
    flat = Shape(np.zeros((2, 2)), np.zeros(2), 20.0, np.zeros(0), 1.0)
    part = excess(np.array([[1.0, 2.0]]), np.log([2.0]), flat)
    assert part.value == pytest.approx([5.0], rel=1e-4)


def test_there_are_four_cubic_and_five_quartic_terms_in_two_variables() -> None:
    assert len(exponents(2)) == 9 and len(exponents(1)) == 2


def test_derivatives_are_those_of_the_value() -> None:
    """By central differences, in distance, curvature and terms."""
    u, a, step = np.array([[0.3, -0.4]]), np.array([0.1]), 1e-6
    part = excess(u, a, SHAPE)
    for j in range(2):
        e = np.eye(2)[[j]] * step
        slope = (excess(u + e, a, SHAPE).value - excess(u - e, a, SHAPE).value) / (2 * step)
        assert part.by_distance[0, j] == pytest.approx(slope[0], rel=1e-5)
    up, down = excess(u, a + step, SHAPE).value, excess(u, a - step, SHAPE).value
    assert part.by_log_curvature == pytest.approx((up - down) / (2 * step), rel=1e-5)
    for j in range(9):
        vector = SHAPE.vector.copy()
        vector[j - 9] += step
        slope = (excess(u, a, SHAPE.with_vector(vector)).value - part.value) / step
        assert part.by_term[0, j] == pytest.approx(slope[0], rel=1e-4, abs=1e-9)


def test_a_bowl_without_skew_changes_with_it() -> None:
    """φ = u + k·u²/2 at small k, so that q = a/2·(u² + k·u³): for a = 2 and u = 2, by 8 per k."""
    straight = Shape(np.zeros((1, 1)), np.zeros(1), 20.0, np.zeros(0), 1.0)
    skewed = Shape(np.zeros((1, 1)), np.array([1e-6]), 20.0, np.zeros(0), 1.0)
    at = np.array([[2.0]]), np.log([2.0])
    change = excess(*at, skewed).value - excess(*at, straight).value
    assert change / 1e-6 == pytest.approx([8.0], rel=1e-3)
