"""What the shape cannot follow: a Gaussian process that is zero at the optimum, with zero slope.

Its covariance between two runs is

    rho^2 T T' R(u, u') exp(-|z - z'|^2 / 2 Z^2)
    R = .65 C_2 + .35 C_.8,   C_L(u, u') = exp(-|v - v'|^2/2) - exp(-(|v|^2 + |v'|^2)/2) (1 + v.v')

with v = u/L in octaves. C_L is the squared-exponential covariance conditioned on a value and a
gradient of zero at u = 0 (derived: subtract k(u, 0) K^-1 k(0, u'), where K is the identity for the
value and the scaled gradient).
"""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.response.runs import Array

SCALES = ((0.65, 2.0), (0.35, 0.8))  # weight and length scale in octaves
SIZE_SCALE = 5.0  # octaves of size over which the misfit stays alike


def conditioned(u: Array, other: Array, length: float) -> Array:
    """C_L between two sets of offsets, shape (runs, others).

    Args:
        u: Offsets from the optimum in octaves, shape (runs, hyperparameters).
        other: Further offsets, shape (others, hyperparameters).
        length: The length scale L in octaves.
    """
    v, w = u / length, other / length
    inner = v @ w.T
    own, others = (v * v).sum(1)[:, None] / 2, (w * w).sum(1) / 2
    alike = np.exp(inner - own - others)
    inner += 1  # in place from here: the matrix is large, and this the innermost loop of a fit
    inner *= np.exp(-own)
    inner *= np.exp(-others)
    alike -= inner
    return np.asarray(alike)


def size_decay(z: Array, z_other: Array) -> Array:
    """How far the misfit of one size is that of another, shape (runs, others).

    Args:
        z: Sizes in octaves, shape (runs, axes).
        z_other: Further sizes, shape (others, axes).
    """
    distance = ((z[:, None, :] - z_other[None, :, :]) ** 2).sum(2)
    return np.asarray(np.exp(-distance / (2 * SIZE_SCALE**2)))


def offset_correlation(u: Array, other: Array) -> Array:
    """R between two sets of runs of one size, shape (runs, others).

    Args:
        u: Offsets from the optimum in octaves, shape (runs, hyperparameters).
        other: Further offsets, shape (others, hyperparameters).
    """
    total = np.zeros((len(u), len(other)))
    for weight, scale in SCALES:
        part = conditioned(u, other, scale)
        part *= weight
        total += part
    return total


def misfit_correlation(u: Array, other: Array, z: Array, z_other: Array) -> Array:
    """R between two sets of runs, with its decay over sizes, shape (runs, others).

    Args:
        u: Offsets from the optimum in octaves, shape (runs, hyperparameters).
        other: Further offsets, shape (others, hyperparameters).
        z: Sizes in octaves, shape (runs, axes).
        z_other: Further sizes, shape (others, axes).
    """
    return size_decay(z, z_other) * offset_correlation(u, other)
