"""The uncertainty of the rungs' levels, with the effect of seeds as it was measured.

The surface assumes that a seed moves all losses of a rung by twice the noise of a run, so that its
levels are as uncertain as that. Here the seeds of all rungs measure it instead.
"""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.response.draws import inflation_of
from mutransfer_cli.surface.response.noise_model import SEED_EFFECT
from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array, Runs

NEAR = 0.1  # of the fitted loss above a rung's best: runs off the optimum are noisier
PRIOR_FREEDOM = 2.0  # weight of the assumed effect, in degrees of freedom
LEAST = 0.05  # of a level's variance that is not due to seeds
FARTHEST = 4.0  # spreads of a level's draws about their median; those beyond are cut back


def level_moments(surface: ResponseSurface) -> tuple[Array, Array]:
    """Median of every rung's level, shape (rungs,), and covariance, shape (rungs, rungs).

    Args:
        surface: The fitted surface.
    """
    middle, covariance = moments(surface.draws.level)
    own = np.diag(covariance)
    seeds = np.array(
        [len(np.unique(surface.runs.seeds[surface.runs.rung == r])) for r in range(len(middle))]
    )
    noise = float((surface.draws.noise**2).mean())
    widened = inflation_of(surface.runs.hyperparameters)
    assumed = np.where(seeds > 1, (widened * SEED_EFFECT) ** 2 * noise / seeds, 0.0)
    rest = np.maximum(own - assumed, LEAST * own)
    measured = seed_variance(surface.runs, SEED_EFFECT**2 * noise)
    scale = np.sqrt((rest + measured / seeds) / own)
    return middle, covariance * np.outer(scale, scale)


def moments(draws: Array) -> tuple[Array, Array]:
    """Median of every column, and their covariance without far outliers."""
    middle = np.median(draws, axis=0)
    spread = np.quantile(np.abs(draws - middle), 0.9, axis=0) / 1.645 + 1e-300
    cut = np.clip(draws, middle - FARTHEST * spread, middle + FARTHEST * spread)
    return middle, np.atleast_2d(np.cov(cut.T))


def seed_variance(runs: Runs, assumed: float) -> float:
    """The variance of a seed's mean loss near the optimum of its rung.

    Args:
        runs: All runs.
        assumed: The variance that is assumed with the weight of `PRIOR_FREEDOM`.
    """
    squares, freedom = 0.0, 0
    for r in range(len(runs.rungs)):
        means = seed_means(runs, r)
        if len(means) > 1:
            squares += float(((means - means.mean()) ** 2).sum())
            freedom += len(means) - 1
    return (squares + PRIOR_FREEDOM * assumed) / (freedom + PRIOR_FREEDOM)


def seed_means(runs: Runs, rung: int) -> Array:
    """The mean loss of each seed over the settings near the optimum that all seeds finished.

    Args:
        runs: All runs.
        rung: Index of the rung.
    """
    rows = np.flatnonzero((runs.rung == rung) & ~runs.diverged)
    _, setting = np.unique(runs.settings[rows].round(9), axis=0, return_inverse=True)
    _, seed = np.unique(runs.seeds[rows], return_inverse=True)
    table = np.full((int(setting.max(initial=-1)) + 1, int(seed.max(initial=-1)) + 1), np.nan)
    table[setting.reshape(-1), seed.reshape(-1)] = runs.losses[rows]
    complete = table[~np.isnan(table).any(1)]
    if not len(complete):
        return np.empty(0)
    level = complete.mean(1)
    return np.asarray(complete[level <= level.min() + NEAR].mean(0))
