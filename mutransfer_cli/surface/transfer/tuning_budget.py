"""What a budget for tuning buys at a target: by trials on a proxy, or by trials at the target.

A search of k trials draws k settings from a box, and takes the one with the lowest loss. On each
draw of the surface several searches are simulated, with the noise of a run: on a proxy, whose best
setting is used at the target unchanged, and at the target itself. The regret at the target as a
function of what all trials cost is the curve that compute-optimal grid search is judged by (Ghosh,
Wu and Bietti, arXiv 2512.22768); random search stands for a grid in several hyperparameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.response.draws import thinned
from mutransfer_cli.surface.response.response_surface import (
    ResponseSurface,
    SurfaceAt,
    excess_at,
)
from mutransfer_cli.surface.response.runs import Array, Indices

SIMULATED = 200  # draws of the surface
SEARCHES = 8  # on each, whose regrets are averaged
MOST_TRIALS_LOG2 = 7  # more trials than 2^7 bring nothing more
SEED = 5


@dataclass(frozen=True)
class TrialSize:
    """A size at which trials can be run.

    Attributes:
        size: In octaves, shape (axes,).
        cost: Cost of one trial, in the unit of the budgets.
    """

    size: Array
    cost: float


@dataclass(frozen=True)
class TuningCurves:
    """The expected regret at the target after spending each budget, in units of the fit.

    Attributes:
        proxy: Draws after tuning on the best proxy for the budget, shape (budgets, draws); NaN
            where no proxy's trial is affordable.
        direct: Draws after tuning at the target, shape (budgets, draws); NaN likewise.
        best_proxy: Index of the proxy that has the lowest expected regret; None where there is
            none.
        trials: Trials on that proxy.
    """

    proxy: Array
    direct: Array
    best_proxy: tuple[int | None, ...]
    trials: tuple[int, ...]


def tuning_curves(
    surface: ResponseSurface,
    proxies: Sequence[TrialSize],
    target: TrialSize,
    box: tuple[Array, Array],
    budgets: Sequence[float],
) -> TuningCurves:
    """The regret at the target as a function of the budget for tuning.

    Args:
        surface: The surface.
        proxies: Sizes below the target.
        target: The target.
        box: Lowest and highest value of each hyperparameter in octaves, each of shape
            (hyperparameters,).
        budgets: What all trials may cost.
    """
    rows = np.linspace(0, len(surface.draws.saturation) - 1, SIMULATED).round().astype(int)
    rows = np.repeat(rows, SEARCHES)
    rng = np.random.default_rng(SEED)
    settings = _settings(box, len(rows), rng)
    at_target = _regrets(surface, target.size, rows, settings)
    found = []
    for trial in (*proxies, target):
        excess = _regrets(surface, trial.size, rows, settings)
        seen = excess + _noise(surface, trial.size, rows)[:, None] * rng.standard_normal(
            excess.shape
        )
        chosen = np.take_along_axis(at_target, _best_so_far(seen), axis=1)
        found.append(chosen.reshape(SIMULATED, SEARCHES, -1).mean(1))
    nothing = np.full(SIMULATED, np.nan)
    proxy, direct, best, trials = [], [], [], []
    for budget in budgets:
        counts = [_affordable(budget, trial.cost) for trial in (*proxies, target)]
        regrets = [f[:, k - 1] if k else nothing for f, k in zip(found, counts, strict=True)]
        means = [float(r.mean()) if k else np.inf for r, k in zip(regrets, counts, strict=True)]
        index = int(np.argmin(means[:-1])) if np.isfinite(means[:-1]).any() else None
        best.append(index)
        trials.append(counts[index] if index is not None else 0)
        proxy.append(regrets[index] if index is not None else nothing)
        direct.append(regrets[-1])
    return TuningCurves(np.array(proxy), np.array(direct), tuple(best), tuple(trials))


def _affordable(budget: float, cost: float) -> int:
    """The number of trials that a budget pays for."""
    return int(min(budget / cost * (1 + 1e-9), 2**MOST_TRIALS_LOG2))


def _settings(box: tuple[Array, Array], count: int, rng: np.random.Generator) -> Array:
    """Quasi-random settings, shifted at random for each draw, shape (draws, trials, p)."""
    low, high = box
    from scipy.stats import qmc  # imported here: half a second

    unit = qmc.Sobol(len(low), scramble=False).random_base2(MOST_TRIALS_LOG2)
    shifted = (unit[None] + rng.random((count, 1, len(low)))) % 1.0
    return np.asarray(low + shifted * (high - low))


def _regrets(surface: ResponseSurface, size: Array, rows: Indices, settings: Array) -> Array:
    """Excess loss of every setting at a size, shape (draws, trials)."""
    at, draws = surface.at(size), thinned(surface.draws, rows)
    there = SurfaceAt(at.optimum[rows], at.curvature[rows], at.rung, at.wall[rows])
    columns = [excess_at(draws, there, settings[:, k]) for k in range(settings.shape[1])]
    return np.stack(columns, axis=1)


def _noise(surface: ResponseSurface, size: Array, rows: Indices) -> Array:
    """Standard deviation of a run's noise at a size: that of the nearest rung, shape (draws,)."""
    nearest = int(np.argmin(((surface.rungs - size) ** 2).sum(1)))
    return np.asarray(surface.draws.noise[rows, nearest])


def _best_so_far(losses: Array) -> Indices:
    """Index of the lowest loss among the first trials, for each number of them."""
    lowest = np.minimum.accumulate(losses, axis=1)
    is_new = losses <= lowest
    return np.maximum.accumulate(np.where(is_new, np.arange(losses.shape[1]), 0), axis=1)
