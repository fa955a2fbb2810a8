"""Movement and alignment of a tangent kernel, and the neural feature ansatz of a layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def kernel_movement(before: Array, after: Array) -> float:
    """Frobenius norm of a kernel's change over that of the kernel: 0 in the lazy regime.

    Args:
        before: Kernel (points, points), not 0.
        after: The same later.
    """
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


def kernel_alignment(kernel: Array, target: Array) -> float | None:
    """Centred yᵀΘy/(‖Θ‖‖y‖²), between 0 and 1; None where kernel or target is constant.

    Args:
        kernel: Kernel (points, points).
        target: One number a point (points,).
    """
    rows = kernel - kernel.mean(0)
    centred = rows - rows.mean(1, keepdims=True)
    y = target - target.mean()
    size = float(np.linalg.norm(centred) * (y @ y))
    least = 1e-12 * float(np.linalg.norm(kernel) * (target @ target))
    return float(y @ centred @ y) / size if size > least else None


def feature_ansatz(weight: Array, gradients: Array) -> float | None:
    """Cosine of WᵀW with the average gradient outer product (arXiv 2212.13881); None: one is 0.

    It is ‖WGᵀ‖²/(‖WᵀW‖‖GᵀG‖), so that no matrix of inputs by inputs is formed.

    Args:
        weight: W (outputs, inputs).
        gradients: G, gradients of the model's output by the layer's input (points, inputs).
    """
    size = _square(weight) * _square(gradients)
    return float(np.sum((weight @ gradients.T) ** 2)) / size if size > 0 else None


def _square(matrix: Array) -> float:
    """Frobenius norm of MᵀM, by the smaller of MᵀM and MMᵀ."""
    m = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    return float(np.linalg.norm(m @ m.T))
