"""Batch sharpness: the curvature of a batch's loss along its own gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Optimizer

from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.repeatable import Loss
from mutransfer_cli.probes.curvature.stability import scales


@dataclass(frozen=True)
class BatchSharpness:
    """Learning rate times batch sharpness, and where training settles.

    Attributes:
        value: Mean over batches of gᵀDHDg/gᵀDg, g and H being those of the batch and D the
            learning rates.
        small: Where it settles with small batches, 2(1 - β).
        large: Where it settles with large ones, 2(1 + β); both are 2 without momentum.
    """

    value: float
    small: float
    large: float


def _groups(optimizer: Optimizer) -> list[dict[str, Any]]:
    return [g for part in getattr(optimizer, "parts", [optimizer]) for g in part.param_groups]


def is_plain(optimizer: Optimizer) -> bool:
    """Whether an optimizer is SGD with one momentum, of the kind that theory is about."""
    groups = _groups(optimizer)
    return (
        all(type(part) is SGD for part in getattr(optimizer, "parts", [optimizer]))
        and len({float(g["momentum"]) for g in groups}) == 1
        and not any(g["nesterov"] or float(g["dampening"]) for g in groups)
    )


def batch_sharpness(
    model: nn.Module, loss: Loss, batches: Sequence[Any], optimizer: Optimizer
) -> BatchSharpness | None:
    """Measure batch sharpness (arXiv 2604.14108) at the current weights.

    Args:
        model: The model.
        loss: `loss(model, batch)` returns a scalar tensor, a mean over the batch.
        batches: Batches of the size that is trained on.
        optimizer: SGD, with one momentum.

    Returns:
        None for other optimizers, and where every gradient is 0.
    """
    if not is_plain(optimizer):
        return None
    beta = float(_groups(optimizer)[0]["momentum"])
    found = []
    for batch in batches:
        hessian = Hessian(model, loss, [batch])
        rates = scales(hessian, optimizer)[0]
        gradient = hessian.gradient().detach()
        step = rates * gradient
        slope = float(gradient @ step)
        if slope > 0:
            found.append(float(step @ hessian.product(step)) / slope)
    if not found:
        return None
    mean = float(torch.tensor(found).mean())
    return BatchSharpness(mean, 2 * (1 - beta), 2 * (1 + beta))
