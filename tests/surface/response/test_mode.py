"""Steps of the fit that would alternate are cut, so that it converges."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.mode import RELAXATION, relaxed, reverses


def test_relaxation_solves_a_linear_fixed_point() -> None:
    """x -> -0.8 x: from 1 the change is -1.8; Aitken's part of the next one is 1 / 1.8."""
    first = np.array([-1.8])
    second = np.array([-0.8 * -0.8 - -0.8])  # from x = -.8
    part = relaxed(1.0, second, first)
    assert part == pytest.approx(1 / 1.8)
    assert -0.8 + part * second[0] == pytest.approx(0)


def test_relaxation_is_bounded() -> None:
    """x -> 0.9 x would take ten times the change, x -> -9 x a tenth of it."""
    low, high = RELAXATION
    assert relaxed(1.0, np.array([-0.09]), np.array([-0.1])) == high
    assert relaxed(1.0, np.array([90.0]), np.array([-10.0])) == low
    assert relaxed(0.7, np.array([1.0]), None) == 0.7
    assert relaxed(0.7, np.array([1.0]), np.array([1.0])) == 0.7  # no bend: no estimate


@pytest.mark.parametrize(
    ("step", "expected"),
    [((-1.0, 0.0), True), ((-1.0, 1.0), True), ((-1.0, 2.0), False), ((1.0, 0.0), False)],
)
def test_a_step_back_is_one_within_sixty_degrees(step: tuple[float, float], expected: bool) -> None:
    """Angles to the way back: 0, 45, 63 and 180 degrees."""
    assert reverses(np.array(step), np.array([2.0, 0.0])) == expected
    assert not reverses(np.array(step), None)
