from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.surface.laws.law_form import Array
from mutransfer_cli.surface.laws.loss_forecast import forecast_loss


def law(z: Array | float) -> Array:
    """2 + 1·2^(−z/2): 3, 2.707, 2.5, 2.354, 2.25 at 0 to 4 octaves; 2.125 at 6."""
    return np.asarray(2 + 2.0 ** (-0.5 * np.asarray(z)))


def test_the_truth_is_inside_and_the_interval_grows_with_distance() -> None:
    z = np.arange(5.0)
    widths = []
    for beyond in (1.0, 2.0, 4.0):
        forecast = forecast_loss(law(z), np.full(5, 0.003), z[:, None], np.array([4 + beyond]))
        loss = forecast.loss
        assert loss.low is not None and loss.high is not None
        assert loss.low < law(4 + beyond) < loss.high
        assert forecast.distance == beyond
        widths.append(loss.high - loss.low)
    assert widths[0] < widths[1] < widths[2]


def test_three_rungs_give_a_wide_interval() -> None:
    target = np.array([5.0])
    three, five = np.arange(2.0, 5.0), np.arange(5.0)
    wide = forecast_loss(law(three), np.full(3, 0.003), three[:, None], target).loss
    narrow = forecast_loss(law(five), np.full(5, 0.003), five[:, None], target).loss
    assert wide.half_width > narrow.half_width


def test_a_pure_power_law_is_seen_as_one() -> None:
    """Levels that halve at each octave have no floor; those that stop at 2 have one."""
    z = np.arange(8.0)
    pure = forecast_loss(2.0**-z, 1e-3 * 2.0**-z, z[:, None], np.array([9.0]))
    floored = forecast_loss(law(z), np.full(8, 1e-3), z[:, None], np.array([9.0]))
    assert pure.no_floor > 0.15 > 0.01 > floored.no_floor


def test_two_axes() -> None:
    """1.5 + 1·2^(−z/2) + 0.5·2^(−w): at (4, 3): 1.5 + .25 + .0625."""
    grid = np.array([(a, b) for a in range(4) for b in range(3)], dtype=float)
    levels = 1.5 + 2.0 ** (-0.5 * grid[:, 0]) + 0.5 * 2.0 ** -grid[:, 1]
    loss = forecast_loss(levels, np.full(12, 2e-3), grid, np.array([4.0, 3.0])).loss
    assert loss.low is not None and loss.high is not None
    assert loss.low < 1.8125 < loss.high
    assert loss.value == pytest.approx(1.8125, rel=0.01)


def test_a_covariance_stands_for_deviations() -> None:
    z, sd = np.arange(4.0), np.full(4, 0.004)
    by_sd = forecast_loss(law(z), sd, z[:, None], np.array([5.0]))
    assert forecast_loss(law(z), np.diag(sd**2), z[:, None], np.array([5.0])) == by_sd


def test_losses_that_can_be_negative() -> None:
    z = np.arange(5.0)
    loss = forecast_loss(law(z) - 2.4, np.full(5, 0.003), z[:, None], np.array([5.0])).loss
    assert loss.low is not None and loss.high is not None
    assert loss.low < law(5.0) - 2.4 < loss.high


def test_a_loss_that_rises_along_an_axis() -> None:
    """1.5 + 0.05·2^(z/2), as over the batch at equal examples: 1.783 at 5 octaves."""
    z = np.arange(5.0)
    rising = 1.5 + 0.05 * 2 ** (0.5 * z)
    loss = forecast_loss(rising, np.full(5, 0.004), z[:, None], np.array([5.0])).loss
    assert loss.low is not None and loss.high is not None
    assert loss.low < 1.5 + 0.05 * 2**2.5 < loss.high
    assert loss.value > rising[-1] + 0.02


def test_many_precise_rungs_leave_an_honest_interval() -> None:
    """1.69 + 406·N^−.34 + 410·D^−.28 (Hoffmann et al. 2022, of their form) at 21 sizes, to 0.1 %.

    Half a percent around the truth; not a few draws of the prior that happen to fit.
    """
    sizes = np.array(
        [(n, d) for n in (26, 27, 28, 29) for d in range(31, 38) if 3 <= d - n <= 8], float
    )

    def loss(z: Array) -> Array:
        return np.asarray(1.69 + 406 * 2 ** (-0.34 * z[..., 0]) + 410 * 2 ** (-0.28 * z[..., 1]))

    target = np.array([30.0, 37.0])
    errors = []
    for seed in range(3):
        noise = 1 + 1e-3 * np.random.default_rng(seed).standard_normal(len(sizes))
        found = forecast_loss(
            loss(sizes) * noise, 1e-3 * loss(sizes), sizes, target, confidence=0.9, seed=seed
        ).loss
        assert found.low is not None and found.high is not None
        assert found.low < loss(target) < found.high
        assert 0.0005 < found.half_width / found.value < 0.005
        errors.append(found.value / loss(target) - 1)
    assert np.abs(errors).max() < 0.003


def test_what_cannot_be_forecast() -> None:
    z = np.arange(3.0)
    with pytest.raises(Inconclusive, match="3 rungs"):
        forecast_loss(law(z[:2]), np.full(2, 0.01), z[:2, None], np.array([4.0]))
    sizes = np.column_stack([z, np.zeros(3)])
    with pytest.raises(Inconclusive, match="an axis on which no rung does"):
        forecast_loss(law(z), np.full(3, 0.01), sizes, np.array([4.0, 1.0]))
    with pytest.raises(InputError, match="shape"):
        forecast_loss(law(z), np.full(3, 0.01), sizes, np.array([4.0]))


@pytest.mark.slow
@pytest.mark.parametrize("second_term", [False, True])
@pytest.mark.parametrize("beyond", [1, 2])
def test_coverage(second_term: bool, beyond: int) -> None:
    """Over 150 truths 90 % intervals hold .83 to .98 (.87 to .95 ± 1.6 standard errors)."""
    inside = 0
    for seed in range(150):
        rng = np.random.default_rng([seed, second_term, beyond])
        rungs, floor = int(rng.integers(3, 6)), rng.uniform(1.5, 3)
        factor, alpha = rng.uniform(0.5, 1.5), rng.uniform(0.25, 0.7)
        noise = 10 ** rng.uniform(np.log10(5e-4), np.log10(6e-3))
        share, faster = second_term * rng.uniform(0.2, 1), alpha * rng.uniform(1.5, 3)
        z = np.arange(rungs + beyond, dtype=float)
        truth = floor + factor * (2.0 ** (-alpha * z) + share * 2.0 ** (-faster * z))
        seen = truth[:rungs] * (1 + noise * rng.standard_normal(rungs))
        loss = forecast_loss(seen, noise * seen, z[:rungs, None], z[-1:], confidence=0.9).loss
        assert loss.low is not None and loss.high is not None
        inside += bool(loss.low <= truth[-1] <= loss.high)
    assert 0.83 <= inside / 150 <= 0.98
