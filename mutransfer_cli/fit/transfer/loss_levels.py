"""The loss at the optimum of every rung, with its uncertainty, and how it may fall."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.catalog.axes import AXES, LOSS_EXPONENT
from mutransfer_cli.fit.study.study_runs import StudyRuns
from mutransfer_cli.fit.study.study_surface import Array, StudySurface
from mutransfer_cli.surface.forecast.level_noise import level_moments


def loss_moments(fitted: StudySurface) -> tuple[Array, Array]:
    """The loss at the optimum of each rung, and its covariance, in units of the loss."""
    scale = fitted.study.scale
    level, covariance = level_moments(fitted.surface)
    if not scale.logarithmic:
        return level * scale.unit, covariance * scale.unit**2
    loss = np.exp(level)
    return loss, covariance * np.outer(loss, loss)


def loss_exponents(study: StudyRuns) -> Array:
    """The prior median of the exponent of the loss along every axis, shape (axes,)."""
    known = {row.size: row.loss_exponent for row in AXES}
    return np.array([known.get(axis.name, LOSS_EXPONENT) for axis in study.axes])
