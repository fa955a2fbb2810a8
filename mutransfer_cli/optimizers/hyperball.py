"""Hyperball (Wen et al., arXiv 2606.16899): weights and updates of a fixed Frobenius norm.

W ← R Norm(W - lr R Norm(u)), where R is the norm of W at init and u the update of another
optimizer. The step turns W by an angle of about lr. To first order, a weight decay changes
nothing (Ren et al., arXiv 2603.28743).
"""

from __future__ import annotations

import torch
from torch import Tensor

from mutransfer_cli.tracing.roles import Shape

NO_DECAY = "it keeps the norm of every matrix that it trains, so a decay has no effect"


def trains(role: str, shape: Shape) -> bool:
    """Whether the tensor is a hidden matrix; the authors advise Adam for everything else."""
    return role == "hidden" and len(shape) == 2


def turn(weights: Tensor, update: Tensor, rate: float | Tensor, norms: Tensor) -> None:
    """Take a step on the sphere, in place; a matrix whose update is zero stays as it is.

    Args:
        weights: Matrices (…, m, n).
        update: Their updates (…, m, n).
        rate: Learning rate, a number or (…, 1, 1).
        norms: Their norms at init (…, 1, 1).
    """
    tiny = torch.finfo(update.dtype).tiny
    weights.sub_(update / norm_of(update).clamp(min=tiny) * norms * rate)
    weights.mul_(norms / norm_of(weights).clamp(min=tiny))


def norm_of(matrices: Tensor) -> Tensor:
    """Frobenius norms (…, 1, 1) of matrices (…, m, n)."""
    norms: Tensor = torch.linalg.vector_norm(matrices, dim=(-2, -1), keepdim=True)
    return norms
