"""Scatter of sizes about a law, of which sizes that are equal along an axis share a part.

Models of one size have one shape (depth, heads, tuning): what it costs is in all their losses,
whatever the tokens. Independent errors would take such losses for as many facts as there are runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array

SAME_OCTAVES = 1e-3  # sizes closer than this are equal


@dataclass(frozen=True)
class Scatter:
    """Errors with the covariance C + τ²·M, of levels with measured errors C.

    M = (1 − Σ_j s_j)·1 + Σ_j s_j·[equal along axis j]. With M = K·Kᵀ and K⁻¹·C·K⁻ᵀ = R·diag(c)·Rᵀ,
    W = K⁻ᵀ·R makes both diagonal: Wᵀ·C·W = diag(c), Wᵀ·M·W = 1.

    Attributes:
        shared: s_j of each axis.
        whitening: W, shape (sizes, sizes).
        variances: c, shape (sizes,).
        log_determinant: ½·log det M.
    """

    shared: tuple[float, ...]
    whitening: Array
    variances: Array
    log_determinant: float

    @classmethod
    def of(cls, covariance: Array, sizes: Array, shared: Sequence[float] = ()) -> Scatter:
        """Scatter of levels.

        Args:
            covariance: C, shape (sizes, sizes).
            sizes: Octaves, shape (sizes, axes).
            shared: s_j of each axis; empty: none.
        """
        own = 1 - sum(shared)
        root = np.linalg.cholesky(own * np.eye(len(sizes)) + equal(sizes, sizes, shared))
        inner = np.linalg.solve(root, np.linalg.solve(root, covariance).T)
        variances, rotation = np.linalg.eigh(inner)
        return cls(
            tuple(shared),
            np.linalg.solve(root.T, rotation),
            np.maximum(variances, 0.0),
            float(np.log(np.diag(root)).sum()),
        )

    def errors(self, scatter: Array, normal: Array) -> Array:
        """Errors of the levels themselves, shape (draws, sizes).

        Args:
            scatter: τ, shape (draws,).
            normal: Standard normal numbers, shape (draws, sizes).
        """
        sd = np.sqrt(self.variances + scatter[:, None] ** 2)
        return np.asarray(np.linalg.solve(self.whitening.T, (sd * normal).T).T)

    def new(
        self, sizes: Array, octaves: Array, apart: Array, scatter: Array
    ) -> tuple[Array, Array]:
        """Mean and standard deviation of the error at new sizes, given those of the levels.

        Args:
            sizes: Of the levels, octaves, shape (sizes, axes).
            octaves: The new sizes, shape (new sizes, axes).
            apart: The levels' distances from the law, shape (draws, sizes).
            scatter: τ, shape (draws,).

        Returns:
            Two arrays of shape (draws, new sizes).
        """
        common = equal(octaves, sizes, self.shared) @ self.whitening
        gain = scatter[:, None] ** 2 / (self.variances + scatter[:, None] ** 2)
        mean = (gain * (apart @ self.whitening)) @ common.T
        left = np.maximum(1 - gain @ (common**2).T, 0.0)
        return mean, scatter[:, None] * np.sqrt(left)


def equal(first: Array, second: Array, shared: Sequence[float]) -> Array:
    """Σ_j s_j·[equal along axis j], shape (first sizes, second sizes)."""
    total = np.zeros((len(first), len(second)))
    for axis, part in enumerate(shared):
        total += part * (np.abs(first[:, None, axis] - second[None, :, axis]) < SAME_OCTAVES)
    return total
