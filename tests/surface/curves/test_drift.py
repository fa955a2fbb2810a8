"""The drift of optima along an axis, against ladders whose truth is known."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest

from mutransfer_cli.surface.curves.drift import RungVertex, drift_line
from mutransfer_cli.surface.curves.noise import Noise
from tests.helpers.loss_curves import exact


def test_drift_of_sp_is_recovered() -> None:
    # η* ∝ width⁻¹: one octave down per doubling
    found = exact({32: -5.2, 64: -6.2, 128: -7.2})
    assert found.line is not None
    assert found.line.drift.value == pytest.approx(-1, abs=1e-3)
    assert found.verdict == "fails"
    assert found.source == 128
    assert log2(found.hyperparameters["lr"]) == pytest.approx(-7.2, abs=1e-3)
    there = found.line.at(1024)
    assert there is not None
    assert log2(there.value) == pytest.approx(-10.2, abs=1e-2)


def test_the_line_is_that_of_weighted_least_squares() -> None:
    """By hand, with weights 1 and 3 at log2(size) 0 and 4: the center is 3, the drift 2/4."""
    noise = Noise(variance=1.0, degrees_of_freedom=10**9)  # quantiles of the normal distribution
    line = drift_line([RungVertex(1, -6.0, 3.0), RungVertex(16, -4.0, 1.0)], noise, 0.95)
    assert line is not None
    assert line.center == pytest.approx(2.0**3)
    assert line.drift.value == pytest.approx(0.5)
    # Σw = 4/3, Σw(x - 3)² = 1/3·9 + 1·1 = 4: standard errors √(3/4) and 1/2
    assert line.drift.half_width == pytest.approx(1.96 / 2, rel=1e-3)
    assert log2(line.lr.value) == pytest.approx(-4.5)
    assert line.lr.high is not None
    assert log2(line.lr.high) - log2(line.lr.value) == pytest.approx(1.96 * 0.75**0.5, rel=1e-3)
    # four octaves above the center both errors add in squares
    far = line.at(2.0**7)
    assert far is not None and far.high is not None
    half = 1.96 * np.hypot(0.75**0.5, 4 / 2)
    assert log2(far.high) - log2(far.value) == pytest.approx(half, rel=1e-3)


def test_optima_that_scatter_widen_the_interval() -> None:
    """By hand: -6, -5, -6 at 0, 1, 2 scatter by 2/3 about their mean, 1 degree of freedom."""
    noise = Noise(variance=1.0, degrees_of_freedom=10**9)

    def half(variance: float) -> float:
        points = [RungVertex(2**i, y, variance) for i, y in enumerate((-6.0, -5.0, -6.0))]
        line = drift_line(points, noise, 0.95)
        assert line is not None and line.drift.value == pytest.approx(0.0)
        return line.drift.half_width

    # Σw(x - 1)² = 2/variance; the reduced chi-square is (2/3)/variance
    assert half(0.01) == pytest.approx(1.96 * (0.01 / 2) ** 0.5 * (2 / 3 / 0.01) ** 0.5, rel=1e-3)
    assert half(10.0) == pytest.approx(1.96 * (10.0 / 2) ** 0.5, rel=1e-3)  # the control


def test_one_optimum_has_no_drift() -> None:
    assert drift_line([RungVertex(64, -6.0, 1.0)], Noise(1.0, 10), 0.95) is None
