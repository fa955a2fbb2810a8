"""Rungs against the trend of the others."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.rung_departures import departures_of

SIZES = np.array([64.0, 128.0, 256.0, 512.0])


def test_the_error_of_a_finite_width_is_a_trend() -> None:
    """Levels 3 + 500/width, by the theory of `probe limit`; the control: one rung is 20 off."""
    seeds = np.array([-1.0, 0.0, 1.0])
    levels = 3 + 500 / SIZES[:, None] + seeds
    assert [d.value for d in departures_of(levels, SIZES, True, 0.9)] == pytest.approx(
        [0.0] * 4, abs=1e-9
    )
    levels[3] += 20
    last = departures_of(levels, SIZES, True, 0.9)[3]
    assert last.low is not None and last.low > 2


def test_a_power_between_the_forms_is_a_trend() -> None:
    """Levels 3 + 5 width^-0.35, between a logarithm and an inverse root; its control is 5 % off."""
    seeds = np.array([-0.01, 0.0, 0.01])
    levels = 3 + 5 * SIZES[:, None] ** -0.35 + seeds
    assert [d.value for d in departures_of(levels, SIZES, True, 0.9)] == pytest.approx(
        [0.0] * 4, abs=1e-9
    )
    levels[3] *= 0.95
    last = departures_of(levels, SIZES, True, 0.9)[3]
    assert last.high is not None and last.high < 0
