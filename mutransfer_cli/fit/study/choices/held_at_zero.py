"""Hyperparameters that are best at 0, in a surface that was fitted to other values of them too.

On a scale of octaves 0 stands one step below the smallest positive value that was run, an
assumption that says little of the loss between the two. Whether 0 is best is seen from the runs;
the surface is then asked for the best of the other hyperparameters beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.fit.study.choices.categories import Category
from mutransfer_cli.fit.study.choices.category_differences import (
    Rung,
    category_differences,
    mean_difference,
)
from mutransfer_cli.fit.study.coordinates import Coordinate, setting_of_run
from mutransfer_cli.fit.study.entanglement import hessians
from mutransfer_cli.fit.study.loss_scale import LossScale
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.draws import Draws

Array = NDArray[np.float64]

FLAT = 1e-12  # of the largest curvature, below which it is a rounding error


def zero_category(
    observations: Sequence[Observation], rungs: Sequence[Rung], scale: LossScale, name: str
) -> Category:
    """A hyperparameter as a category whose value is 0.

    Args:
        observations: The runs.
        rungs: The rung of each run.
        scale: The scale of the losses.
        name: The hyperparameter.
    """
    return Category(0.0, category_differences(observations, rungs, scale, {name: 0.0}, name))


def best_at_zero(
    observations: Sequence[Observation],
    rungs: Sequence[Rung],
    scale: LossScale,
    coordinates: Sequence[Coordinate],
) -> dict[int, float]:
    """The coordinate of 0, by the index of hyperparameters of which every other value is worse.

    Args:
        observations: The runs.
        rungs: The rung of each run.
        scale: The scale of the losses.
        coordinates: The hyperparameters.
    """
    found = {}
    for j, c in enumerate(coordinates):
        if min(setting_of_run(o)[c.name] for o in observations) != 0:
            continue
        differences = zero_category(observations, rungs, scale, c.name).differences
        if differences and all(mean_difference(d) > 0 for d in differences.values()):
            found[j] = c.position(0.0)
    return found


def beside(optima: Array, draws: Draws, held: dict[int, float]) -> Array:
    """The best settings with some hyperparameters held, shape (draws, hyperparameters).

    Of a loss with the Hessian H, the others o move by -H_oo⁻¹ H_oh d where the held ones h are d
    off their optima (derived). Along a direction of no curvature the runs tell nothing, and they
    stay: the pseudo-inverse.

    Args:
        optima: Draws of the optimum, shape (draws, hyperparameters).
        draws: Draws of the surface's shape.
        held: By index of the hyperparameter, its coordinate.
    """
    if not held:
        return optima
    names = list(held)
    others = [j for j in range(optima.shape[1]) if j not in held]
    moved = optima.copy()
    moved[:, names] = list(held.values())
    hessian = hessians(draws)
    slopes = hessian[:, :, names] @ (moved - optima)[:, names, None]
    curvature = hessian[:, others][:, :, others]
    inverse = np.linalg.pinv(curvature, rcond=FLAT, hermitian=True)
    moved[:, others] -= (inverse @ slopes[:, others])[:, :, 0]
    return moved
