"""The uncertainty of the rungs' levels, with the effect of seeds as it was measured.

The surface assumes that a seed moves all losses of a rung by twice the noise of a run, so that its
levels are as uncertain as that. Here the seeds of all rungs measure it instead.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mutransfer_cli.surface.response.draws import inflation_of
from mutransfer_cli.surface.response.noise_model import SEED_EFFECT
from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array, Runs

NEAR = 0.1  # of the fitted loss above a rung's best: runs off the optimum are noisier
PRIOR_FREEDOM = 2.0  # weight of the assumed effect, in degrees of freedom
COMMON = 0.3  # share of the variance of seeds that is common to all rungs, before any is measured
MOST_COMMON = 0.9
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
    common, apart = seed_variances(surface.runs, SEED_EFFECT**2 * noise)
    scale = np.sqrt((rest + apart / seeds) / own)
    return middle, covariance * np.outer(scale, scale) + common * shared_seeds(surface.runs)


def moments(draws: Array) -> tuple[Array, Array]:
    """Median of every column, and their covariance without far outliers."""
    middle = np.median(draws, axis=0)
    spread = np.quantile(np.abs(draws - middle), 0.9, axis=0) / 1.645 + 1e-300
    cut = np.clip(draws, middle - FARTHEST * spread, middle + FARTHEST * spread)
    return middle, np.atleast_2d(np.cov(cut.T))


def seed_variances(runs: Runs, assumed: float) -> tuple[float, float]:
    """The variance of a seed's mean loss near the optimum: common to all rungs, and the rest.

    Over widths a seed is the same data in the same order, and moves all rungs alike.

    Args:
        runs: All runs.
        assumed: The variance of both that is assumed with the weight of `PRIOR_FREEDOM`.
    """
    squares, freedom = 0.0, 0
    apart: list[dict[int, float]] = []  # of each rung, a seed's mean less that of all
    for r in range(len(runs.rungs)):
        means = seed_means(runs, r)
        if len(means) > 1:
            center = float(np.mean(list(means.values())))
            apart.append({seed: mean - center for seed, mean in means.items()})
            squares += sum(difference**2 for difference in apart[-1].values())
            freedom += len(means) - 1
    total = (squares + PRIOR_FREEDOM * assumed) / (freedom + PRIOR_FREEDOM)
    products, pairs = 0.0, 0
    for one, other in combinations(apart, 2):
        if one.keys() == other.keys():
            products += sum(one[seed] * other[seed] for seed in one)
            pairs += len(one) - 1
    alike = 0.0 if not pairs else products / pairs
    known = 0 if not pairs else max(len(rung) for rung in apart) - 1
    common = (known * alike + PRIOR_FREEDOM * COMMON * total) / (known + PRIOR_FREEDOM)
    common = float(np.clip(common, 0.0, MOST_COMMON * total))
    return common, total - common


def shared_seeds(runs: Runs) -> Array:
    """By how much the effect of seeds that rungs share is in two levels, shape (rungs, rungs)."""
    seeds = [set(runs.seeds[runs.rung == r].tolist()) for r in range(len(runs.rungs))]
    return np.array([[len(a & b) / (len(a) * len(b)) for b in seeds] for a in seeds])


def seed_means(runs: Runs, rung: int) -> dict[int, float]:
    """The mean loss of each seed over the settings near the optimum that all seeds finished.

    Args:
        runs: All runs.
        rung: Index of the rung.
    """
    rows = np.flatnonzero((runs.rung == rung) & ~runs.diverged)
    _, setting = np.unique(runs.settings[rows].round(9), axis=0, return_inverse=True)
    names, seed = np.unique(runs.seeds[rows], return_inverse=True)
    table = np.full((int(setting.max(initial=-1)) + 1, int(seed.max(initial=-1)) + 1), np.nan)
    table[setting.reshape(-1), seed.reshape(-1)] = runs.losses[rows]
    complete = table[~np.isnan(table).any(1)]
    if not len(complete):
        return {}
    level = complete.mean(1)
    means = complete[level <= level.min() + NEAR].mean(0)
    return {int(name): float(mean) for name, mean in zip(names, means, strict=True)}
