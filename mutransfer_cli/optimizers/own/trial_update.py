"""Gradients that tell kinds of updates apart, and what an update makes of their singular values."""

from __future__ import annotations

import torch
from torch import Tensor

# Newton-Schulz sets singular values to 0.7 to 1.2; where the RMS is set, they grow as the root
# of the shorter side, or half that where bfloat16 lifts rounding errors beside them.
LARGEST_GROWTH = 2.5
PARALLEL_COSINE = 0.9  # see `is_orthogonalized`
LARGEST_SINGULAR_VALUE = 30.0  # largest one of a trial gradient; the smallest is 1


def trial_gradient(p: Tensor) -> Tensor:
    """A random gradient with entries of order 1; a matrix's singular values go from 30 to 1."""
    dtype = torch.promote_types(torch.get_default_dtype(), torch.float32)  # bfloat16 has no SVD
    noise = torch.randn(p.shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    if p.dim() == 2:
        u, _, v = torch.linalg.svd(noise, full_matrices=False)
        noise = (u * LARGEST_SINGULAR_VALUE ** torch.linspace(1, 0, min(p.shape), dtype=dtype)) @ v
    return noise.to(p)


def is_orthogonalized(update: Tensor, gradient: Tensor) -> bool:
    """Whether an update is the gradient U S Vᵀ with equal singular values, -U Vᵀ.

    The cosine between the two is at least 0.96 for Newton-Schulz, which leaves singular values of
    0.7 to 1.2, and at most about 0.8 for signs, for the gradient itself and for Adafactor's step.
    Equal singular values alone are not enough: those of a wide matrix of signs are nearly equal.
    """
    if (
        gradient.is_complex()
        or update.dim() != 2
        or min(update.shape) < 2
        or not bool(update.any())
    ):
        return False
    u, _, v = torch.linalg.svd(gradient.float(), full_matrices=False)
    cosine_bound = PARALLEL_COSINE * update.norm() * min(update.shape) ** 0.5
    return bool(-(update * (u @ v)).sum() > cosine_bound)


def mean_singular_value(update: Tensor, gradient: Tensor) -> float:
    """The mean singular value of an update along the singular vectors of the gradient."""
    u, _, v = torch.linalg.svd(gradient.float(), full_matrices=False)
    return float((update.float() * (u @ v)).sum()) / min(update.shape)


def of_rank_one(gradient: Tensor) -> Tensor:
    """The first singular vectors of a matrix alone, at the same RMS."""
    u, _, v = torch.linalg.svd(gradient.float(), full_matrices=False)
    single: Tensor = gradient.float().norm() * torch.outer(u[:, 0], v[0])
    return single.to(gradient)


def is_resized(update: Tensor, gradient: Tensor, update_of_one: Tensor) -> bool:
    """Whether an orthogonalized update is brought to an RMS, as AdaMuon's (arXiv 2507.11005).

    Its singular values then grow as the rank of the gradient falls: by the root of the shorter side
    at rank one (derived).

    Args:
        update: The update with a gradient of full rank.
        gradient: That gradient.
        update_of_one: The update with that gradient `of_rank_one`.
    """
    u, _, v = torch.linalg.svd(gradient.float(), full_matrices=False)
    largest = float(u[:, 0] @ update_of_one.float() @ v[0])
    return largest / mean_singular_value(update, gradient) > LARGEST_GROWTH
