"""Norms of the weights of a run and of its updates, and how updates align with their inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss
from mutransfer_cli.train.norms.readouts import Readout
from mutransfer_cli.train.norms.tensor_norms import (
    READOUT,
    ROTATION,
    SPECTRAL,
    Norms,
    as_matrix,
    is_matrix,
    spectral_norms,
    update_norms,
)

MOST_STEPS = 200
ALIGNMENT = "alignment"


def trained_norms(
    trainee: Trainee, expected: dict[str, float], readouts: Sequence[Readout] = ()
) -> Norms:
    """Train to the end; norms of the weights there, and of the update in the middle.

    Args:
        trainee: What to train.
        expected: Receives the rotation in equilibrium of the tensors that have come to it.
        readouts: The model's readouts; of several, the largest norm counts.

    Raises:
        InputError: A loss is not finite.
    """
    steps = min(trainee.steps, MOST_STEPS)
    norms: Norms = {}
    for step in range(steps):
        before = _stacked(trainee.model) if step == steps // 2 else None
        finite_loss(trainee.step(step), step)
        if before is not None:
            after = _stacked(trainee.model)
            norms.update(update_norms(before, after)[0])
            norms.update(alignments(trainee, {n: (after[n] - before[n])[0] for n in after}))
            expected.update(_equilibrium(trainee, step))
    weights = {n: w for n, w in _stacked(trainee.model).items() if is_matrix(w)}
    for name, weight in weights.items():
        norms[f"{SPECTRAL} {name}"] = float(spectral_norms(as_matrix(weight))[0])
    for readout in readouts:
        if readout.name in weights:
            size = float(readout.norms(weights[readout.name])[0])
            size *= trainee.installed.get(readout.name, 1.0)
            norms[READOUT] = max(norms.get(READOUT, 0.0), size)
    return norms


def alignments(trainee: Trainee, updates: Mapping[str, Tensor]) -> Norms:
    """‖ΔW x‖/(‖ΔW‖₂‖x‖) of every linear layer, on a batch that was not trained on.

    Args:
        trainee: Gives the model, its loss and the batch.
        updates: The update of every parameter.
    """
    names = {id(p): name for name, p in trainee.model.named_parameters()}
    found: Norms = {}

    def keep(module: nn.Module, args: Any) -> None:
        weight = module.weight
        name = names.get(id(weight))
        if name is None or name not in updates or not args or not isinstance(args[0], Tensor):
            return
        x, update = args[0].detach(), updates[name]
        if not x.is_floating_point() or x.shape[-1] != update.shape[1]:
            return
        largest = float(spectral_norms(update[None])[0])
        scale = largest * float(x.norm())
        if scale > 0:
            found[f"{ALIGNMENT} {name}"] = float((x @ update.T).norm()) / scale

    handles = [
        module.register_forward_pre_hook(keep)
        for module in trainee.model.modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        with torch.no_grad():
            trainee.loss(trainee.model, trainee.unseen(1)[0])
    finally:
        for handle in handles:
            handle.remove()
    return found


def _stacked(model: nn.Module) -> dict[str, Tensor]:
    return {n: p.detach().clone()[None] for n, p in model.named_parameters() if p.requires_grad}


def _equilibrium(trainee: Trainee, step: int) -> dict[str, float]:
    """Rotation in equilibrium of the tensors whose decay has had time to balance their updates."""
    names = {id(p): name for name, p in trainee.model.named_parameters()}
    expected = {}
    for part in getattr(trainee.optimizer, "parts", [trainee.optimizer]):
        for group in part.param_groups:
            found = equilibrium_rotation(part, group)
            if found is not None and step > found[1]:
                for p in group["params"]:
                    expected[f"{ROTATION} {names.get(id(p))}"] = found[0]
    return expected


def equilibrium_rotation(part: Optimizer, group: Mapping[str, Any]) -> tuple[float, float] | None:
    """The angle of a step in equilibrium, and the steps to it, where only directions matter.

    For gradients of independent batches: √(2ηλ(1 - β₁)/(1 + β₁)) under AdamW and √(2ηλ/(1 + β))
    under heavy ball (derived; as in arXiv 2305.17212). Squared lengths are balanced where what
    decay takes, 2ηλ|w|², is what the updates of one batch add over time, η² times its squared
    length for AdamW, whose weights sum to 1; a step is shorter, since it averages over batches:
    of AdamW by (1 - β₁)/(1 + β₁). Heavy ball is the same with η/(1 - β).

    Args:
        part: The optimizer.
        group: One of its groups.

    Returns:
        None for another optimizer, or without decay.
    """
    decay = float(group["lr"]) * float(group.get("weight_decay") or 0.0)
    if decay <= 0:
        return None
    if isinstance(part, AdamW):
        beta1 = float(group["betas"][0])
        return (2 * decay * (1 - beta1) / (1 + beta1)) ** 0.5, 1 / decay
    if isinstance(part, SGD) and not group["nesterov"] and not group["dampening"]:
        beta = float(group["momentum"])
        return (2 * decay / (1 + beta)) ** 0.5, (1 - beta) / decay
    return None
