"""Which runs of a rung with many are fitted."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.response.fitting.window import MOST_RUNS, in_window
from mutransfer_cli.surface.response.response_surface import fit_response
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
