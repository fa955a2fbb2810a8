"""The loss at the optimum of every rung, with its uncertainty, in units of the loss."""

from __future__ import annotations

import numpy as np

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
