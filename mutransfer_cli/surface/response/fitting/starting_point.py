"""Where a fit starts."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.response.layout import FLATTENING, STEEPENING, WALL_STEEPNESS
from mutransfer_cli.surface.response.linearization import Problem
from mutransfer_cli.surface.response.noise_model import GROWTH, NoiseModel
from mutransfer_cli.surface.response.runs import Array

OPTIMUM_ERROR = 0.1  # octaves, typical of a rung's optimum
NEAREST_WALL = 0.5  # octaves above the optimum, at least


def start_of(problem: Problem, fraction: float) -> tuple[Array, NoiseModel]:
    """Parameters and noise to start from.

    Args:
        problem: The runs.
        fraction: Fraction of the best runs of each rung whose mean setting is the optimum.
    """
    layout, runs, rung = problem.layout, problem.runs, problem.rung
    p, at = layout.hyperparameters, layout.slices
    theta = np.zeros(layout.size)
    best = np.zeros((layout.rungs, p))
    for r in range(layout.rungs):
        members = np.flatnonzero(rung == r)
        order = members[np.argsort(runs.losses[members], kind="stable")]
        count = max(1, round(fraction * len(order)))
        best[r] = runs.settings[order[:count]].mean(0)
        theta[at["level"].start + r] = runs.losses[order[0]]
    design = np.hstack([np.ones((layout.rungs, 1)), problem.sizes])
    ridge = np.diag([1e-6] + [0.3] * layout.axes)
    line = np.linalg.solve(design.T @ design + ridge, design.T @ best)
    theta[at["optimum"]] = line[0]
    theta[at["drift"]] = line[1:].T.reshape(-1)
    u = runs.settings - (design @ line)[rung]
    excess = np.maximum(runs.losses - theta[at["level"]][rung], 0)
    near = np.abs(u).max(1) < 3
    features = (u**2)[near] / 2
    if len(features) > p:
        solution = np.linalg.lstsq(features, excess[near], rcond=None)[0]
    else:
        solution = np.full(p, np.nan)
    typical = np.median(excess[excess > 0]) if (excess > 0).any() else 0.01
    scale = np.where(np.isfinite(solution) & (solution > 1e-5), solution, max(typical / 2, 1e-5))
    theta[at["scale"]] = np.log(scale) / 2
    theta[at["flattening"]] = FLATTENING[0]
    theta[at["steepening"]] = STEEPENING[0]
    if layout.walls:
        theta[at["wall_location"]] = np.log(np.maximum(u.max(0), NEAREST_WALL))
        theta[at["wall_steepness"]] = WALL_STEEPNESS[0]
    sigma = np.full(layout.rungs, max(0.1 * typical, 1e-4))
    return theta, NoiseModel(sigma, GROWTH, runs.counts, runs.counts)


def on_trend(problem: Problem, theta: Array, before: Problem, drift: Array) -> Array:
    """Parameters of a fit as those at which a fit with another trend starts.

    Args:
        problem: The runs with the other trend.
        theta: Parameters of the fit.
        before: The runs with the fit's own trend.
        drift: Standard deviation of each drift under the other trend, in octaves per octave, shape
            (hyperparameters * axes,).
    """
    layout, t = problem.layout, problem.trend.rungs
    at, k = layout.slices, layout.axes
    departure = theta[at["departure"]].reshape(layout.rungs, -1)
    optima = before.trend.rungs @ theta[at["drift"]].reshape(-1, k).T + departure
    slopes = [
        np.linalg.solve(t.T @ t + np.diag((OPTIMUM_ERROR / sd) ** 2), t.T @ optima[:, j])
        for j, sd in enumerate(drift.reshape(-1, k))
    ]
    start = theta.copy()
    start[at["drift"]] = np.concatenate(slopes)
    start[at["departure"]] = (optima - t @ np.array(slopes).T).reshape(-1)
    return start
