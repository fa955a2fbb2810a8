"""The built-in mlp with the trial dimension written out: half the overhead of vmap at small widths.

Activations are kept with the examples last, so that every gradient comes out contiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mutransfer_cli.models.loss import cross_entropy, single
from mutransfer_cli.models.mlp import MLP
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.rules.plan import Plan
from mutransfer_cli.train.stack import Stack, Tensors


def written(subject: Subject, plans: Sequence[Plan], states: Sequence[Tensors]) -> Stack:
    """The stack of these trials: written out where there is such a form, else under vmap."""
    plain = isinstance(subject.model, MLP) and subject.loss is cross_entropy
    return (WrittenMLP if plain else Stack)(subject, plans, states)


class WrittenMLP(Stack):
    """Losses of K perceptrons as batched matrix products."""

    def gradients(self, batch: Any, shared: bool, training: bool = True) -> tuple[Tensor, Tensors]:
        names = list(self.parameters)
        for tensor in self.parameters.values():
            tensor.requires_grad_(True)
        losses = self._forward(batch, shared)
        found = torch.autograd.grad(losses.sum(), [self.parameters[n] for n in names])
        for tensor in self.parameters.values():
            tensor.requires_grad_(False)
        return losses.detach(), {n: g.contiguous() for n, g in zip(names, found, strict=True)}

    def _forward(self, batch: tuple[Tensor, Tensor], shared: bool) -> Tensor:
        """Losses (K,)."""
        inputs, targets = batch
        model = self.model
        assert isinstance(model, MLP)
        trials = len(self)
        x = inputs.flatten(1 if shared else 2).transpose(-1, -2)  # (K?, features, examples)
        x = x.expand(trials, *x.shape[-2:])
        h = model.act(self._layer("input", x) * self._scale("embedding_scale"))
        for i in range(len(model.hidden)):
            h = model.act(self._layer(f"hidden.{i}", h))
        logits = self._layer("readout", h * self._scale("logit_scale")).transpose(1, 2)
        targets = targets.expand(trials, *targets.shape[-1:])
        each = F.cross_entropy(single(logits.flatten(0, 1)), targets.flatten(), reduction="none")
        return each.view(trials, -1).mean(1)

    def _layer(self, name: str, x: Tensor) -> Tensor:
        weight = self.parameters[f"{name}.weight"]
        bias = self.parameters.get(f"{name}.bias")
        if bias is None:
            return torch.bmm(weight, x)
        return torch.baddbmm(bias.unsqueeze(2), weight, x)

    def _scale(self, name: str) -> Tensor | float:
        if name in self.scales:
            return self.scales[name].view(-1, 1, 1)
        value: float = getattr(self.model, name)
        return value
