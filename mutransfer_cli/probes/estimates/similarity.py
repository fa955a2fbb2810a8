"""How similar two sets of representations of the same examples are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def debiased_cka(x: Array, y: Array) -> float:
    """Linear CKA with the unbiased estimator of HSIC: 0 on average for independent features.

    Kornblith et al., arXiv 1905.00414; the estimator is that of Song et al. (2012), equation 5.

    Args:
        x: Representations (examples, features), four examples or more.
        y: Others of the same examples (examples, other features).
    """
    k, m = (_without_diagonal((z - z.mean(0)) @ (z - z.mean(0)).T) for z in (x, y))
    scale = _unbiased(k, k) * _unbiased(m, m)
    return _unbiased(k, m) / float(np.sqrt(scale)) if scale > 0 else float("nan")


def shared_neighbors(x: Array, y: Array, count: int = 10) -> float:
    """Share of each example's nearest neighbours by cosine that both representations have.

    Huh et al., arXiv 2405.07987; k/(n - 1) on average for unrelated ones.

    Args:
        x: Representations (examples, features).
        y: Others of the same examples (examples, other features).
        count: Number k of neighbours.
    """
    nearest = []
    for z in (x, y):
        centered = z - z.mean(0)
        unit = centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-30)
        similarity = unit @ unit.T
        np.fill_diagonal(similarity, -np.inf)
        nearest.append(np.argsort(-similarity, axis=1)[:, :count])
    shared = [len(set(a) & set(b)) for a, b in zip(*nearest, strict=True)]
    return float(np.mean(shared)) / count


def _without_diagonal(matrix: Array) -> Array:
    return matrix - np.diag(np.diag(matrix))


def _unbiased(k: Array, m: Array) -> float:
    """Unbiased HSIC of two Gram matrices without diagonals (n, n)."""
    n = len(k)
    trace = float((k * m).sum())
    sums = float(k.sum() * m.sum()) / ((n - 1) * (n - 2))
    cross = 2 * float(k.sum(0) @ m.sum(0)) / (n - 2)
    return (trace + sums - cross) / (n * (n - 3))
