"""The shape of the surface: its special cases by their formulas, its gradient by differences."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.shape import shape_at, side_factor, valley

V = np.linspace(-3, 3, 25)


def test_equal_rates_are_a_hyperbolic_cosine() -> None:
    """f'' = cosh(m v): f = (cosh(m v) - 1) / m^2."""
    value = valley(V, np.zeros(()), np.full((), 0.8))[0]
    assert value == pytest.approx((np.cosh(0.8 * V) - 1) / 0.64, rel=1e-9)


def test_one_rate_is_linex() -> None:
    """Rates 0 and k (Varian 1975): f = (exp(k v) - k v - 1) / k^2, with skew = range = k/2."""
    value = valley(V, np.full((), 0.3), np.full((), 0.3))[0]
    assert value == pytest.approx((np.exp(0.6 * V) - 0.6 * V - 1) / 0.36, rel=1e-8, abs=1e-12)


def test_rates_of_one_sign_are_the_morse_potential() -> None:
    """Rates k and 2k (Morse 1929): f = (exp(k v) - 1)^2 / (2 k^2), with skew 3k/2 and range k/2."""
    value = valley(V, np.full((), 0.6), np.full((), 0.2))[0]
    assert value == pytest.approx(np.expm1(0.4 * V) ** 2 / (2 * 0.16), rel=1e-8, abs=1e-12)


def test_no_rates_are_a_parabola() -> None:
    value, slope, _, _ = valley(V, np.zeros(()), np.zeros(()))
    assert value == pytest.approx(V**2 / 2, rel=1e-6)
    assert slope == pytest.approx(V, rel=1e-6, abs=1e-9)
    skewed = valley(V, np.full((), 0.2), np.zeros(()))[0]  # the control
    assert skewed[-1] > 1.2 * V[-1] ** 2 / 2 > 1.2 * skewed[0]


def test_sides_differ_by_a_constant_factor_far_from_the_optimum() -> None:
    """By hand: e^s and e^-s far off; v^2/2 e^(s tanh v) = v^2/2 + s v^3/2 + ... near it."""
    factor, _ = side_factor(np.array([-9.0, 0.0, 9.0]), np.full((), 0.3))
    assert factor == pytest.approx(np.exp([-0.3, 0.0, 0.3]), rel=1e-6)
    near = np.array([-1e-2, 1e-2])
    cubic = near**2 / 2 * side_factor(near, np.full((), 0.3))[0] - near**2 / 2
    assert cubic == pytest.approx(0.3 * near**3 / 2, rel=2e-2)


@pytest.mark.parametrize(("hyperparameters", "axes"), [(1, 1), (3, 2)])
def test_the_gradient_is_that_of_differences(hyperparameters: int, axes: int) -> None:
    rng = np.random.default_rng(0)
    layout = Layout(3, hyperparameters, axes, walls=True)
    theta = rng.normal(0, 0.4, layout.size)
    settings, rung = rng.normal(0, 2, (20, hyperparameters)), rng.integers(0, 3, 20)
    sizes, trend = rng.normal(0, 1, (2, 3, axes))

    def losses(at: np.ndarray) -> np.ndarray:
        excess = shape_at(at, layout, settings, rung, sizes, trend).excess
        return np.asarray(excess + at[layout.slices["level"]][rung])

    step = 1e-5
    differences = [
        (losses(theta + step * e) - losses(theta - step * e)) / (2 * step)
        for e in np.eye(layout.size)
    ]
    gradient = shape_at(theta, layout, settings, rung, sizes, trend).gradient
    assert gradient == pytest.approx(np.array(differences).T, abs=1e-7)
    assert np.abs(gradient).max(0).min() > 1e-6  # the control: every parameter has an effect
