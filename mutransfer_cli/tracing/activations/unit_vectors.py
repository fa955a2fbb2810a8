"""The size of the entries of vectors that a function normalized."""

from __future__ import annotations

import torch
from torch import Tensor

from mutransfer_cli.tracing.activations.flows import FollowedCall

SAME_NORM = 1e-3  # relative, between the norms of vectors that a function normalized


def unit_size(call: FollowedCall) -> float | None:
    """RMS of the unit vectors, or of others of one norm, that a call returns; None: of no such."""
    if call.name != "normalize":
        return size_of_unit_vectors(call.results[0])
    p, dim = (
        call.kwargs.get(key, call.args[i] if len(call.args) > i else default)
        for i, key, default in ((1, "p", 2.0), (2, "dim", 1))
    )
    return float(call.results[0].shape[dim] ** -0.5) if p == 2 and isinstance(dim, int) else None


def size_of_unit_vectors(tensor: Tensor) -> float | None:
    """RMS of a tensor whose vectors along one dimension all have the same norm; None: of others.

    Copies of one vector, such as a learned token for each example, tell nothing.
    """
    if not (tensor.is_floating_point() and tensor.dim() > 1 and tensor.numel()):
        return None
    for dim in {tensor.dim() - 1, 1, 0}:
        if tensor.shape[dim] > 1 and tensor.numel() >= 2 * tensor.shape[dim]:
            norms = torch.linalg.vector_norm(tensor.detach().float(), dim=dim)
            norms = norms[norms > 0]  # dead vectors have none
            if copies_of_one(tensor, dim):
                continue
            if norms.numel() > 1 and float(norms.max() - norms.min()) < SAME_NORM * norms.max():
                return float(norms.mean() * tensor.shape[dim] ** -0.5)
    return None


def copies_of_one(tensor: Tensor, dim: int) -> bool:
    """Whether all vectors along a dimension are the same."""
    vectors = tensor.detach().movedim(dim, -1).reshape(-1, tensor.shape[dim])
    return torch.equal(vectors, vectors[:1].expand_as(vectors))
