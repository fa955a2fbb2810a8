"""Whether the losses of a rung change with a hyperparameter by more than their noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

Array = NDArray[np.float64]

SIGNIFICANCE = 0.01
FEWEST_LEFT = 3  # degrees of freedom of the residuals; with fewer the runs cannot tell


def visible_trend(settings: Array, losses: Array, seeds: NDArray[np.int64]) -> bool:
    """Whether a slope or a curvature shows; true where there are too few runs to tell.

    An F-test of a parabola beside one constant for each seed against these constants alone.

    Args:
        settings: Coordinates of the runs that finished, shape (runs,).
        losses: Their losses, shape (runs,).
        seeds: Their seeds, shape (runs,).
    """
    constants = (seeds[:, None] == np.unique(seeds)[None, :]).astype(float)
    centered = settings - settings.mean()
    parabola = np.column_stack([constants, centered, centered**2])
    rank = int(np.linalg.matrix_rank(parabola))
    added, left = rank - constants.shape[1], len(losses) - rank
    if left < FEWEST_LEFT or added < 1:
        return True
    without, beside = (_residual_squares(design, losses) for design in (constants, parabola))
    if beside <= 1e-12 * without:
        return True
    ratio = (without - beside) / added / (beside / left)
    return bool(fdtrc(added, left, ratio) < SIGNIFICANCE)


def _residual_squares(design: Array, losses: Array) -> float:
    """The sum of the squared residuals of a least-squares fit."""
    solution = np.linalg.lstsq(design, losses, rcond=None)[0]
    return float(np.sum((losses - design @ solution) ** 2))
