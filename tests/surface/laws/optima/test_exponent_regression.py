from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from mutransfer_cli.surface.bends import BentLine
from mutransfer_cli.surface.laws.optima.exponent_priors import ExponentPrior, exponent_priors
from mutransfer_cli.surface.laws.optima.exponent_regression import ExponentLaw, fit_exponents

UNKNOWN = [ExponentPrior(0.0, 1.0)]


def optima(scatter: float, seed: int, count: int = 10) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(0, 5, count)[:, None]
    return x, -8 - 0.5 * x[:, 0] + scatter * np.random.default_rng(seed).standard_normal(count)


def test_the_line_is_recovered() -> None:
    x, y = optima(scatter=0.02, seed=0)
    law = fit_exponents(x, y, np.full(10, 1e-4), UNKNOWN, seed=0)
    assert law.estimate[1] == pytest.approx(-0.5, abs=0.03)
    assert law.constant(law.estimate) == pytest.approx(-8, abs=0.06)


def test_an_odd_size_does_not_turn_the_line() -> None:
    x, y = optima(scatter=0.02, seed=0)
    y[-1] += 2.0
    law = fit_exponents(x, y, np.full(10, 1e-4), UNKNOWN, seed=0)
    assert law.estimate[1] == pytest.approx(-0.5, abs=0.1)  # least squares: −0.39


def test_predictions_follow_a_law_that_bends() -> None:
    """Optima −8 − 0.5·x + 0.05·x²: at x = 8, −8.8, where the nearest line through 0 to 5 has −10.

    A line keeps the value that it says itself, and no note.
    """
    x, straight = optima(scatter=0.02, seed=0, count=24)
    line = fit_exponents(x, straight, np.full(24, 1e-4), UNKNOWN, seed=0)
    assert line.at(np.array([8.0]), seed=1)[0] == pytest.approx(
        line.constant(line.estimate) + 8.0 * line.estimate[1]
    )
    assert line.clear_bends() == []
    bent = fit_exponents(x, straight + 0.05 * x[:, 0] ** 2, np.full(24, 1e-4), UNKNOWN, seed=0)
    value, draws = bent.at(np.array([8.0]), seed=1)
    low, high = np.percentile(draws, [5, 95])
    assert value == pytest.approx(-8.8, abs=0.4)
    assert low < -8.8 < high
    ((first, second, change),) = bent.clear_bends()
    assert (first, second) == (0, 0)
    assert change == pytest.approx(0.1, abs=0.03)  # of the exponent, per octave
    assert bent.estimate[1] == pytest.approx(-0.25, abs=0.05)  # the power law's: −0.5 + 0.05·5


def test_the_value_leaves_the_power_law_without_a_jump() -> None:
    """A bend b of sd 1: its draws' 25th percentile is b − .674 (R: qnorm(.25)).

    Half the square is 8 at 4 from the mean of the sizes −1, 0, 1, where the line has 1/3.
    """
    sizes = np.array([[-1.0], [0.0], [1.0]])
    line, zero, z = BentLine.of(sizes), np.zeros(1), norm.ppf((np.arange(4000) + 0.5) / 4000)
    for bend in np.linspace(-1.5, 1.5, 31):
        draws = np.zeros((4000, 3))
        draws[:, 2] = bend + z
        law = ExponentLaw(line, zero, zero, draws.mean(axis=0), draws, np.zeros(4000), zero)
        value = law.at(np.array([4.0]), seed=0)[0]
        beyond = np.sign(bend) * max(abs(bend) - 0.6745, 0)
        assert value == pytest.approx((8 - 1 / 3) * beyond, abs=0.01)


def test_prediction_intervals_grow_with_distance() -> None:
    x, y = optima(scatter=0.05, seed=1)
    law = fit_exponents(x, y, np.full(10, 1e-3), UNKNOWN, seed=0)
    widths = [np.std(law.at(np.array([at]), seed=1)[1]) for at in (2.5, 6.0, 8.0)]
    assert widths[0] < widths[1] < widths[2]


def test_the_prior_decides_where_sizes_do_not_differ() -> None:
    x = np.linspace(0, 0.01, 6)[:, None]
    prior = exponent_priors("lr", ("params",))
    law = fit_exponents(x, np.full(6, -8.0), np.full(6, 1e-2), prior, seed=0)
    assert law.estimate[1] == pytest.approx(prior[0].mean, abs=0.02)
    assert np.std(law.draws[:, 1]) == pytest.approx(prior[0].sd, rel=0.1)


def test_unlisted_exponents_are_unknown() -> None:
    assert exponent_priors("weight_decay", ("width",)) == UNKNOWN


@pytest.mark.slow
def test_prediction_coverage() -> None:
    """90 % intervals for a new size an octave on hold .84 to .97 of 300 truths."""
    inside = 0
    for seed in range(300):
        x, y = optima(scatter=0.12, seed=seed, count=8)
        law = fit_exponents(x, y, np.full(8, 1e-3), UNKNOWN, seed=0)
        _, draws = law.at(np.array([6.0]), seed=1)
        new = -8 - 3.0 + 0.12 * np.random.default_rng(10_000 + seed).standard_normal()
        low, high = np.percentile(draws, [5, 95])
        inside += bool(low <= new <= high)
    assert 0.84 <= inside / 300 <= 0.97
