"""Norms of the weights and of one update of trials, in the time of a step or two.

A matrix is measured by its spectral norm, the readout also by its RMS→∞ norm, the largest entry of
W x over inputs x of RMS 1, which is the largest row norm times √fan_in (Filatov et al., arXiv
2510.03871). Of the update in the middle of a run: its spectral norm, its Frobenius norm relative to
that of the weights, and the angle by which it turns them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from mutransfer_cli.models.loss import in_single_precision
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.norms.readouts import Readout, installed_factor

Norms: TypeAlias = dict[str, float]
Stacked: TypeAlias = Mapping[str, Tensor]  # by name, each with a leading trial dimension

READOUT = "readout norm"
SPECTRAL, UPDATE, RATIO, ROTATION = "spectral norm", "update norm", "update ratio", "rotation"
PER_TENSOR = (SPECTRAL, UPDATE, RATIO, ROTATION)
ITERATIONS = 12  # of the power method: 1 % for most matrices of a model


def is_matrix(tensor: Tensor) -> bool:
    """Whether a stacked tensor has a matrix for each trial; kernels count as one.

    So does the one row of a readout with one output.
    """
    if tensor.dim() == 3:
        return tensor[0].numel() > 1
    return tensor.dim() > 3 and tensor.shape[1] > 1 and tensor[0, 0].numel() > 1


def as_matrix(tensor: Tensor) -> Tensor:
    """A stacked tensor (K, out, …) as matrices (K, out, in), in single precision at least."""
    matrices = tensor.detach().reshape(tensor.shape[0], tensor.shape[1], -1)
    return in_single_precision(matrices)


def spectral_norms(matrices: Tensor) -> Tensor:
    """The largest singular value of each matrix, by the power method from a fixed vector.

    Args:
        matrices: The matrices (K, out, in).
    """
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(1, matrices.shape[2], generator=generator).to(matrices)
    vector = start.expand(len(matrices), 1, -1)  # rows: on a CPU 13 times as fast as columns
    for _ in range(ITERATIONS):
        vector = (vector @ matrices.mT) @ matrices
        vector = vector / vector.norm(dim=2, keepdim=True).clamp_min(1e-30)
    norms: Tensor = (vector @ matrices.mT).norm(dim=2).squeeze(1)
    return norms


def weight_norms(
    weights: Stacked, plans: Sequence[Plan], readouts: Sequence[Readout]
) -> list[Norms]:
    """Norms of the weights of each trial; of several readouts the largest norm.

    Args:
        weights: The parameters, stacked.
        plans: The plan of each trial, in the same order.
        readouts: The model's readouts.
    """
    found: list[Norms] = [{} for _ in plans]
    matrices = {name: as_matrix(w) for name, w in weights.items() if is_matrix(w)}
    for name, matrix in matrices.items():
        _note(found, f"{SPECTRAL} {name}", spectral_norms(matrix))
    for readout in readouts:
        if readout.name in matrices:
            values = readout.norms(weights[readout.name]).tolist()
            for plan, norms, value in zip(plans, found, values, strict=True):
                size = value * installed_factor(plan, readout.name)
                norms[READOUT] = max(norms.get(READOUT, 0.0), size)
    return found


def update_norms(before: Stacked, after: Stacked) -> list[Norms]:
    """Norms of one update of each trial.

    Args:
        before: The parameters before it, stacked.
        after: The parameters after it.
    """
    count = len(next(iter(before.values())))
    found: list[Norms] = [{} for _ in range(count)]
    for name, old in before.items():
        if not is_matrix(old):
            continue
        first, second = as_matrix(old), as_matrix(after[name])
        update = second - first
        size = first.flatten(1).norm(dim=1).clamp_min(1e-30)
        length = second.flatten(1).norm(dim=1).clamp_min(1e-30)
        # the chord of the two directions: exact where the cosine would lose its digits
        chord = (
            (first / size.view(-1, 1, 1) - second / length.view(-1, 1, 1)).flatten(1).norm(dim=1)
        )
        _note(found, f"{UPDATE} {name}", spectral_norms(update))
        _note(found, f"{RATIO} {name}", update.flatten(1).norm(dim=1) / size)
        _note(found, f"{ROTATION} {name}", 2 * torch.asin((chord / 2).clamp(max=1.0)))
    return found


def _note(found: list[Norms], name: str, values: Tensor) -> None:
    for norms, value in zip(found, values.tolist(), strict=True):
        norms[name] = value
