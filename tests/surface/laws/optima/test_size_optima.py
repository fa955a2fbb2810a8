from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.laws.law_form import Array
from mutransfer_cli.surface.laws.optima.size_optima import size_optima
from mutransfer_cli.surface.range_end import range_end


def skewed(u: Array) -> Array:
    """LINEX, e^u − 1 − u: steeper above, minimum at 0."""
    return np.asarray(np.exp(u) - 1 - u)


def test_skewed_curves_on_an_octave_grid() -> None:
    """Optima between grid points, of a form that is not the model's: to a tenth of an octave."""
    truth = np.array([-8.3, -8.0, -7.6])
    x = np.arange(-12.0, -4.0)
    settings = np.tile(x, 3)[:, None]
    size = np.repeat(np.arange(3), len(x))
    rng = np.random.default_rng(0)
    loss = np.log(2.5) + 0.02 * skewed(0.6 * (settings[:, 0] - truth[size]))
    fitted = size_optima(settings, loss + 3e-4 * rng.standard_normal(len(loss)), size)
    assert fitted.optima[:, 0] == pytest.approx(truth, abs=0.1)
    assert fitted.levels == pytest.approx(np.full(3, np.log(2.5)), abs=1e-3)
    assert fitted.reasons == ("", "", "")


def test_a_loss_that_is_quadratic_in_the_rate_itself() -> None:
    """Flat below the optimum, four times as steep with every octave above it."""
    truth = np.array([[-8.3, 7.6], [-8.0, 8.0], [-7.6, 8.2]])
    grid = np.array([(a, b) for a in range(-13, -4) for b in range(5, 11)], dtype=float)
    settings, size = np.tile(grid, (3, 1)), np.repeat(np.arange(3), len(grid))
    u = settings - truth[size]
    rise = 0.006 * ((2.0 ** u[:, 0] - 1) / np.log(2)) ** 2 + 0.005 * u[:, 1] ** 2
    kept = rise < 0.7
    noise = 5e-4 * np.random.default_rng(0).standard_normal(len(rise))
    fitted = size_optima(settings[kept], (np.log(2.5) + rise + noise)[kept], size[kept])
    assert fitted.reasons == ("", "", "")
    assert fitted.optima == pytest.approx(truth, abs=0.1)
    assert np.sqrt(fitted.covariances[:, 0, 0]).max() < 0.2


def test_repeats_of_a_setting_count_once() -> None:
    """Twenty seeds at each rate: the nearest runs are not all of one rate, and settle nothing."""
    truth = np.array([-8.2, -7.7])
    x = np.repeat(np.arange(-11.0, -4.5, 0.5), 20)
    settings, size = np.tile(x, 2)[:, None], np.repeat(np.arange(2), len(x))
    rng = np.random.default_rng(1)
    loss = np.log(2.5) + 0.02 * skewed(0.6 * (settings[:, 0] - truth[size]))
    fitted = size_optima(settings, loss + 1e-3 * rng.standard_normal(len(loss)), size)
    assert fitted.reasons == ("", "")
    assert fitted.optima[:, 0] == pytest.approx(truth, abs=0.1)


def test_an_outlier_does_not_move_the_optimum() -> None:
    x = np.arange(-12.0, -4.0, 0.5)
    loss = np.log(2.5) + 0.01 * (x + 8) ** 2
    loss[9] += 0.3  # a run that crashed
    fitted = size_optima(x[:, None], loss, np.zeros(len(x), dtype=int))
    assert fitted.optima[0, 0] == pytest.approx(-8, abs=0.15)


def test_edges_and_flat_losses_have_reasons() -> None:
    x = np.arange(-12.0, -6.0)
    size = np.zeros(len(x), dtype=int)
    falling = size_optima(x[:, None], np.log(2.5) + 0.01 * (x + 5) ** 2, size)
    assert falling.reasons == ("the best {0} is at the high end of the range; run higher ones",)
    two = size_optima(np.tile([-8.0, -7.0], 4)[:, None], np.tile([1.0, 1.1], 4), np.zeros(8, int))
    assert two.reasons == ("fewer than three values of {0}; run more",)


def test_optima_beside_an_end() -> None:
    """The third size's second hyperparameter is best a quarter octave beyond its values.

    The first is answered there all the same, and at two octaves beyond no longer.
    """
    grid = np.array([(a, b) for a in range(-12, -4) for b in range(5, 11)], dtype=float)
    settings, size = np.tile(grid, (3, 1)), np.repeat(np.arange(3), len(grid))
    noise = 3e-4 * np.random.default_rng(3).standard_normal(len(size))
    for beyond, beside in ((0.25, True), (2.0, False)):
        truth = np.array([[-8.3, 7.6], [-8.0, 8.0], [-7.6, 10 + beyond]])
        u = settings - truth[size]
        rise = 0.01 * u[:, 0] ** 2 + 0.005 * u[:, 1] ** 2 - 0.004 * u[:, 0] * u[:, 1]
        fitted = size_optima(settings, np.log(2.5) + rise + noise, size)
        assert fitted.reasons[2] == range_end("{1}", "high")
        assert fitted.known.tolist() == [[True, True], [True, True], [beside, False]]
        if beside:
            assert fitted.optima[2, 0] == pytest.approx(-7.6, abs=0.15)


@pytest.mark.slow
def test_coverage_of_entangled_optima() -> None:
    """90 % intervals of lr and batch over 40 tables of 6 sizes hold .85 to 1 of the truths."""
    inside, total = 0, 0
    grid = np.array([(a, b) for a in range(-12, -3) for b in range(4, 12)], dtype=float)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = np.column_stack([rng.uniform(-9, -7, 6), rng.uniform(7, 9, 6)])
        settings, size = np.tile(grid, (6, 1)), np.repeat(np.arange(6), len(grid))
        u = settings - truth[size]
        along = u[:, 0] - 0.4 * u[:, 1]
        loss = 1 + 0.03 * skewed(0.5 * along) + 0.02 * skewed(-0.3 * u[:, 1])
        fitted = size_optima(settings, loss + 1e-3 * rng.standard_normal(len(loss)), size)
        half = 1.645 * np.sqrt(np.einsum("rii->ri", fitted.covariances))
        inside += int((np.abs(fitted.optima - truth) <= half).sum())
        total += truth.size
    assert 0.85 <= inside / total <= 1.0


def test_the_last_losses_of_diverged_runs_do_not_move_the_optimum() -> None:
    """A table that keeps them: 8 and more two octaves above the optimum, where the best is 2.5."""
    truth = np.array([-8.3, -8.0, -7.6])
    x = np.arange(-12.0, -4.0)
    settings = np.tile(x, 3)[:, None]
    size = np.repeat(np.arange(3), len(x))
    rng = np.random.default_rng(0)
    above = settings[:, 0] - truth[size]
    loss = np.log(2.5) + 0.02 * above**2 + 1e-3 * rng.standard_normal(len(above))
    blown = np.where(above > 1.9, np.log(rng.uniform(8, 50, len(above))), loss)
    fitted = size_optima(settings, blown, size)
    assert fitted.optima[:, 0] == pytest.approx(truth, abs=0.1)
    assert fitted.levels == pytest.approx(np.full(3, np.log(2.5)), abs=3e-3)
    assert fitted.reasons == ("", "", "")
    assert list(fitted.runs) == [8, 8, 8]
    assert fitted.diverged == int(np.sum(above > 1.9))
    assert size_optima(settings, loss, size).diverged == 0
