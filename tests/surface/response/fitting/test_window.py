"""Which runs of a rung with many are fitted."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.fitting.window import MOST_RUNS, in_window
from mutransfer_cli.surface.response.response_surface import fit_response, interval
from mutransfer_cli.surface.response.runs import Runs


def repeated(seeds: int) -> Runs:
    """Two rungs of seven settings, log loss 1 + .01 x² with noise of .01."""
    rng = np.random.default_rng(0)
    x = np.tile(np.arange(-3.0, 4.0), 2 * seeds)
    return Runs(
        x[:, None],
        np.repeat([0.0, 1.0], 7 * seeds)[:, None],
        np.tile(np.repeat(np.arange(seeds), 7), 2),
        1 + 0.01 * x**2 + rng.normal(0, 0.01, len(x)),
    )


def test_the_best_of_many_seeds_are_not_picked() -> None:
    """Of 500 seeds, the best runs are 2 sd too good: the level of 1 would be .98."""
    runs = repeated(500)
    kept = in_window(runs, 0.25)
    assert 7 < kept.sum() <= MOST_RUNS
    assert set(np.unique(runs.settings[kept]).tolist()) == set(range(-3, 4))
    level = np.median(fit_response(runs).draws.level, axis=0)
    # 22 seeds of 7 settings leave a standard error of some .002
    assert np.abs(level - 1).max() < 0.008


def test_runs_that_do_not_repeat_settings_stay_even_with_a_seed_each() -> None:
    """Each run has a seed of its own: the best of a rung stay, whatever their seeds."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, 1000)
    runs = Runs(x[:, None], np.zeros((1000, 1)), np.arange(1000), 1 + 0.01 * x**2)
    kept = in_window(runs, 0.25)
    best = np.argsort(runs.losses)[: MOST_RUNS // 2]
    assert kept[best].all()


def grid(spacing: float, rungs: int = 1) -> Runs:
    """All of x, y, z: log loss .01 (x + .3)² + .005 y² + .01 (z - .5)² with noise of .001."""
    axes = (np.arange(-4.0, 5.0), 2 * np.arange(-2.0, 3.0), spacing * np.arange(-1.0, 2.0))
    one = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    settings = np.tile(one, (rungs, 1))
    excess = (settings - [-0.3, 0.0, 0.5]) ** 2 @ [0.01, 0.005, 0.01]
    return Runs(
        settings,
        np.repeat(np.arange(float(rungs)), len(one))[:, None],
        np.zeros(len(settings), dtype=int),
        1 + excess + 0.001 * np.random.default_rng(0).standard_normal(len(settings)),
    )


@pytest.mark.parametrize(("spacing", "added"), [(4.0, 18), (8.0, 0), (0.5, 0)])
def test_values_apart_stay_beside_the_best_runs(spacing: float, added: int) -> None:
    """Runs at z = ±4 lose .12 and .20 at least: a window of .03 has z = 0 alone.

    With three hyperparameters nine runs of each other value stay. At z = ±8 they lose more than
    .25; at ±.5 the window has them.
    """
    runs = grid(spacing)
    kept, near = in_window(runs, 0.03), runs.losses <= runs.losses.min() + 0.03
    best = np.argsort(runs.losses)[: max(12, int(near.sum()))]
    assert kept[best].all()
    assert kept.sum() - len(best) == added


def test_optima_are_known_beside_values_apart() -> None:
    """z was known to ±10 octaves without the runs at ±4, and so x to ±1 and y to ±1.4."""
    optimum = fit_response(grid(4.0, rungs=2)).at(np.zeros(1)).optimum
    low, high = np.quantile(optimum, [0.05, 0.95], axis=0)
    assert (low < [-0.3, 0.0, 0.5]).all() and (high > [-0.3, 0.0, 0.5]).all()
    assert (high - low < [0.3, 1.0, 5.0]).all()


@pytest.mark.parametrize("count", [60, 1000])
def test_many_random_settings_say_more_than_few(count: int) -> None:
    """Noise of .005 on .01 x²: with n settings in ±4 a vertex has sd .005/(.02 √(5.3 n)) octaves.

    That is .014 for 60, if the curve is a parabola, and its interval ±.03.

    Windows so narrow that noise alone picks the best runs would leave the curvature unknown, and
    the optimum to octaves.
    """
    rng = np.random.default_rng(1)
    x = rng.uniform(-4, 4, (4 * count, 1))
    sizes = np.repeat(np.arange(4.0), count)[:, None]
    losses = 1 + 0.01 * x[:, 0] ** 2 + rng.normal(0, 0.005, len(x))
    surface = fit_response(Runs(x, sizes, np.zeros(len(x), dtype=int), losses))
    for rung in surface.rungs:
        found = interval(surface.at(rung).optimum[:, 0], 0.95)
        assert found.half_width < 0.2
        assert found.value == pytest.approx(0, abs=0.1)
