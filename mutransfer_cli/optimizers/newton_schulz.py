"""Newton-Schulz iterations, which make the singular values of matrices nearly equal."""

from __future__ import annotations

import torch
from torch import Tensor

PRECISION = torch.bfloat16  # in which torch's class orthogonalizes, too
COEFFICIENTS = (3.4445, -4.775, 2.0315)  # Jordan et al. 2024
ITERATIONS = 5


def orthogonalized(
    matrices: Tensor, eps: Tensor, coefficients: tuple[float, float, float], iterations: int
) -> Tensor:
    """Nearly the nearest orthogonal matrices, by Newton-Schulz iterations in bfloat16.

    Args:
        matrices: Matrices (K, m, n).
        eps: Lower bounds (K,) of the norms that they are divided by.
        coefficients: Coefficients of x, x xᵀ x and (x xᵀ)² x in an iteration.
        iterations: Number of iterations.
    """
    a, b, c = coefficients
    x = matrices.to(PRECISION)
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    norm = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
    x = x / torch.maximum(norm, eps.view(-1, 1, 1))
    for _ in range(iterations):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x
