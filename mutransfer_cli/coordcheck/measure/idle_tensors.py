"""Finds tensors that do not train because the loss does not depend on them."""

from __future__ import annotations

from collections.abc import Container
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.recorder import rms, seed_dropout
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import run_user_code

SMALLEST_MOVE = 0.1  # of a tensor that is zero
UNCHANGED = 1e-6  # relative change of a loss that is rounding


def idle_tensors(
    subject: Subject, batch: Any, trained: Container[str], called: Container[str] = ()
) -> set[str]:
    """The tensors that nothing moves and whose value does not matter, though that of others does.

    Where a loss takes only the model's derivative, as for a Hamiltonian, it does not depend on the
    last bias; and where the last block computes what only a further block would read, as a
    WaveNet's residual output, it does not depend on that layer. Where a norm takes off what a bias
    adds to all entries alike, as behind MLP-Mixer's last tokens, the gradient is rounding, too
    small to move it. Nothing may be missing: a tensor beside it in its module is trained or the
    layer is called, and the loss stays the same for another value.

    Args:
        subject: The subject.
        batch: The batch for the loss.
        trained: Names of the tensors that a gradient moved.
        called: Names of the modules that the forward pass calls.
    """
    named = dict(subject.model.named_parameters())
    modules = {name.rpartition(".")[0] for name in named if name in trained}
    modules |= {n for n, m in subject.model.named_modules() if n in called and is_layer(m)}
    candidates = [
        name
        for name, p in named.items()
        if p.requires_grad and name not in trained and name.rpartition(".")[0] in modules
    ]
    if not candidates:
        return set()
    loss = loss_value(subject, batch)
    return {name for name in candidates if abs(moved_loss(subject, batch, name) - loss)
            <= UNCHANGED * abs(loss)}  # fmt: skip


def is_layer(module: nn.Module) -> bool:
    """Whether a module has no others in it, so that its call uses its tensors."""
    return next(module.children(), None) is None


def moved_loss(subject: Subject, batch: Any, name: str) -> float:
    """The loss with other values of one tensor, which is put back."""
    p = subject.model.get_parameter(name)
    before = p.detach().clone()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(p.shape, generator=generator).to(p) * max(rms(before), SMALLEST_MOVE)
    with torch.no_grad():
        p.add_(noise)
    try:
        return loss_value(subject, batch)
    finally:
        with torch.no_grad():
            p.copy_(before)


def loss_value(subject: Subject, batch: Any) -> float:
    """The loss, with the dropout masks of every other pass."""
    assert subject.loss is not None
    seed_dropout()
    loss: Tensor = run_user_code(partial(subject.loss, subject.model, batch), "loss")
    return float(loss.detach())
