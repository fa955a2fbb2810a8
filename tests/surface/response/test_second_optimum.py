"""Two valleys are found, one is not taken for two."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.response_surface import fit_response
from mutransfer_cli.surface.response.runs import Array, Runs
from mutransfer_cli.surface.response.second_optimum import highest_ridge, second_optimum


def ladder(curve: Array, rates: Array, noise: float) -> Runs:
    """The same curve on three rungs, with two seeds."""
    rng = np.random.default_rng(5)
    losses = np.concatenate([curve + noise * rng.standard_normal(len(rates)) for _ in range(6)])
    return Runs(
        np.tile(rates, 6)[:, None],
        np.repeat([0.0, 1.0, 2.0], 2 * len(rates))[:, None],
        np.tile(np.repeat([0, 1], len(rates)), 3),
        losses,
    )


RATES = np.arange(-4.0, 5.0)


def test_a_double_well_has_a_second_optimum() -> None:
    """The wells of (u^2 - 4)^2 are at -2 and 2, here the right one lower by .002."""
    wells = 0.002 * (RATES**2 - 4) ** 2 - 0.0005 * RATES
    found = second_optimum(fit_response(ladder(wells, RATES, 0.0005)))
    assert found is not None
    assert found.lower[0] == 2
    assert found.other[0] == -2
    # In the middle half of the way only 0 was run: .002 * 16, above the higher well of .001.
    assert found.ridge == pytest.approx(0.032 - 0.001, abs=0.003)
    assert found.rungs == 3


@pytest.mark.parametrize("noise", [0.0005, 0.005])
@pytest.mark.parametrize(
    "curve", [0.01 * RATES**2, 0.01 * (np.exp(RATES) - RATES), 0.02 * np.abs(RATES)]
)
def test_one_valley_is_not_two(curve: Array, noise: float) -> None:
    assert second_optimum(fit_response(ladder(curve, RATES, noise))) is None


def test_the_ridge_between_two_settings() -> None:
    """By hand: 1.2 is between 1.0 and 1.1; its height over the higher one is .1."""
    settings = np.array([[0.0], [1.0], [2.0], [3.0]])
    assert highest_ridge(settings, np.array([1.0, 1.2, 1.1, 1.5])) == pytest.approx((0, 2, 0.1))
    assert highest_ridge(settings, np.array([1.0, 1.05, 1.1, 1.5])) is None
