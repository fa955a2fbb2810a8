"""How far the loss of one run is from the level of its rung: noise and the effect of its seed."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.response.noise_model import SEED_EFFECT
from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array

NEAR = 0.1  # of the fitted loss above a rung's best: runs off the optimum are noisier
PRIOR_FREEDOM = 2.0  # weight of the assumed seed effect, in degrees of freedom


def run_scatter(surface: ResponseSurface) -> tuple[float, float]:
    """The standard deviation of one run's loss, in units of the fit, and its degrees of freedom.

    Runs of several seeds at the same setting measure it. Seeds are common to all settings of a
    rung, so that a rung counts once for each seed but the first.

    Args:
        surface: The fitted surface.
    """
    runs = surface.runs
    noise = float(np.median(surface.draws.noise))
    assumed = noise**2 * (1 + SEED_EFFECT**2)
    squares, freedom = 0.0, 0.0
    for r in range(len(runs.rungs)):
        rows = np.flatnonzero((runs.rung == r) & ~runs.diverged)
        if len(rows):
            rung = _within_settings(
                runs.settings[rows], runs.losses[rows], runs.losses[rows].min() + NEAR
            )
            squares += rung[0]
            freedom += rung[1]
    variance = (squares + PRIOR_FREEDOM * assumed) / (freedom + PRIOR_FREEDOM)
    return float(np.sqrt(variance)), freedom + PRIOR_FREEDOM


def _within_settings(settings: Array, losses: Array, most: float) -> tuple[float, float]:
    """The variance between seeds at the same setting times the seeds less one, and that number."""
    _, setting = np.unique(settings.round(9), axis=0, return_inverse=True)
    variances, seeds = [], []
    for s in range(int(setting.max()) + 1):
        same = losses[setting.reshape(-1) == s]
        if len(same) > 1 and same.mean() <= most:
            variances.append(float(same.var(ddof=1)))
            seeds.append(len(same))
    if not variances:
        return 0.0, 0.0
    freedom = float(np.mean(seeds) - 1)
    return float(np.mean(variances)) * freedom, freedom
