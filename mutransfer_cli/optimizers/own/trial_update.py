"""Gradients that tell kinds of updates apart, and what an update makes of their singular values."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

# Newton-Schulz sets singular values to 0.7 to 1.2; where the RMS is set, they grow as the root
# of the shorter side, or half that where bfloat16 lifts rounding errors beside them.
LARGEST_GROWTH = 2.5
PARALLEL_COSINE = 0.9  # see `is_orthogonalized`
LARGEST_SINGULAR_VALUE = 30.0  # largest one of a trial gradient; the smallest is 1


def matrix_shape(shape: Sequence[int]) -> tuple[int, int]:
    """The sides of the matrix, or of each matrix, that an optimizer makes of a tensor.

    Kernels, of four dimensions or more, are (out, in × positions); a tensor of three is a stack of
    matrices, as experts are (KellerJordan/Muon, `muon_update`).

    Args:
        shape: Of two dimensions or more.
    """
    return (shape[0], prod(shape[1:])) if len(shape) > 3 else (shape[-2], shape[-1])


def as_matrices(t: Tensor) -> Tensor:
    """A tensor of two dimensions or more as a matrix, or a stack of them: see `matrix_shape`."""
    return t.flatten(1) if t.dim() > 3 else t


def trial_gradient(p: Tensor) -> Tensor:
    """A random gradient with entries of order 1; a matrix's singular values go from 30 to 1."""
    dtype = torch.promote_types(torch.get_default_dtype(), torch.float32)  # bfloat16 has no SVD
    noise = torch.randn(p.shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    if p.dim() > 1 and p.numel():
        u, s, v = torch.linalg.svd(as_matrices(noise), full_matrices=False)
        values = LARGEST_SINGULAR_VALUE ** torch.linspace(1, 0, s.shape[-1], dtype=dtype)
        noise = ((u * values) @ v).reshape(p.shape)
    return noise.to(p)


def is_orthogonalized(update: Tensor, gradient: Tensor) -> bool:
    """Whether an update is the gradient U S Vᵀ with equal singular values, -U Vᵀ.

    The cosine between the two is at least 0.96 for Newton-Schulz, which leaves singular values of
    0.7 to 1.2, and at most about 0.8 for signs, for the gradient itself and for Adafactor's step.
    Equal singular values alone are not enough: those of a wide matrix of signs are nearly equal.
    """
    if gradient.is_complex() or update.dim() < 2 or not bool(update.any()):
        return False
    if min(matrix_shape(update.shape)) < 2:
        return False
    u, s, v = torch.linalg.svd(as_matrices(gradient.float()), full_matrices=False)
    cosine_bound = PARALLEL_COSINE * update.norm() * s.numel() ** 0.5
    return bool(-(as_matrices(update) * (u @ v)).sum() > cosine_bound)


def mean_singular_value(update: Tensor, gradient: Tensor) -> float:
    """The mean singular value of an update along the singular vectors of the gradient."""
    u, s, v = torch.linalg.svd(as_matrices(gradient.float()), full_matrices=False)
    return float((as_matrices(update.float()) * (u @ v)).sum() / s.numel())


def of_rank_one(gradient: Tensor) -> Tensor:
    """The first singular vectors of a matrix alone, at the same RMS."""
    matrices = as_matrices(gradient.float())
    u, s, v = torch.linalg.svd(matrices, full_matrices=False)
    single: Tensor = s.norm(dim=-1)[..., None, None] * u[..., :, :1] @ v[..., :1, :]
    return single.reshape(gradient.shape).to(gradient)


def is_resized(update: Tensor, gradient: Tensor, update_of_one: Tensor) -> bool:
    """Whether an orthogonalized update is brought to an RMS, as AdaMuon's (arXiv 2507.11005).

    Its singular values then grow as the rank of the gradient falls: by the root of the shorter side
    at rank one (derived).

    Args:
        update: The update with a gradient of full rank.
        gradient: That gradient.
        update_of_one: The update with that gradient `of_rank_one`.
    """
    u, _, v = torch.linalg.svd(as_matrices(gradient.float()), full_matrices=False)
    along = u[..., :, :1].mT @ as_matrices(update_of_one.float()) @ v[..., :1, :].mT
    largest = float(along.mean())
    return largest / mean_singular_value(update, gradient) > LARGEST_GROWTH
