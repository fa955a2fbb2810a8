"""How far hyperparameters have to be tuned at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.response.draws import Draws
from mutransfer_cli.surface.response.response_surface import interval


def hessians(draws: Draws) -> NDArray[np.float64]:
    """Draws of H = L Lᵀ at the optimum, shape (draws, hyperparameters, hyperparameters)."""
    rows = np.exp(draws.scale)[:, :, None] * draws.mixing
    return np.asarray(np.einsum("dji,djk->dik", rows, rows))


def entanglement(draws: Draws, confidence: float) -> tuple[tuple[Interval, ...], ...]:
    """Correlations of the curvature at the optimum between hyperparameters.

    The entry (i, j) is H_ij / sqrt(H_ii H_jj) of the Hessian H in coordinates: 0 where two
    hyperparameters can be tuned one after the other.
    """
    hessian = hessians(draws)
    root = np.sqrt(np.einsum("dii->di", hessian))
    correlation = hessian / (root[:, :, None] * root[:, None, :])
    p = hessian.shape[1]
    return tuple(
        tuple(
            Interval(value=1.0, low=1.0, high=1.0)
            if i == j
            else interval(correlation[:, i, j], confidence)
            for j in range(p)
        )
        for i in range(p)
    )


def displacement(draws: Draws, hyperparameter: int, octaves: float) -> NDArray[np.float64]:
    """How far the best value of one hyperparameter moves while the others are off, shape (draws,).

    Of a quadratic loss with Hessian H it moves by -Σ H_jk d_k / H_jj where the others are off by
    d_k (derived); the largest such move is returned, of signs that add up.

    Args:
        draws: Draws of the surface.
        hyperparameter: Index j of the one that is tuned.
        octaves: How far each of the others is off.
    """
    rows = np.abs(hessians(draws)[:, hyperparameter])
    own = rows[:, hyperparameter]
    return np.asarray(octaves * (rows.sum(1) - own) / own)
