"""The cost of a setting at a size that differs along axes of which the rungs say nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.target.support import extents, unknown_drift
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.response.response_surface import excess_at, interval

Array = NDArray[np.float64]

SEED = 3


def cost_of(fitted: StudySurface, setting: Array, sizes: Sizes) -> Interval:
    """The relative extra loss of a setting at a size.

    Along axes that no two rungs differ in, the optimum may move by as much as published exponents
    differ (`fit/target/support.py`).

    Args:
        fitted: The surface.
        setting: In coordinates, shape (hyperparameters,), or one for each draw.
        sizes: Where it is used.
    """
    study, surface = fitted.study, fitted.surface
    drift = unknown_drift(extents(study.rungs, study.axes, study.full(sizes)))
    at = surface.at(study.size(sizes))
    rng = np.random.default_rng(SEED)
    moved = at.optimum + drift * rng.standard_normal(at.optimum.shape)
    there = replace(at, optimum=moved)
    excess = excess_at(surface.draws, there, setting)
    if fitted.held:
        best = excess_at(surface.draws, there, fitted.beside_zero(moved))
        excess = np.maximum(excess - best, 0.0)
    return interval(study.scale.relative(excess), fitted.confidence)
