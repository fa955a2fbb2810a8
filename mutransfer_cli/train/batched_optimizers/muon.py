"""Muon, as in torch's class, for many trials; equal tensors of all trials are one batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.optimizers import newton_schulz
from mutransfer_cli.optimizers.muon import lr_shape_factor
from mutransfer_cli.optimizers.shape_factors import lr_adjustment
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.train.batched_optimizers.vectorized import (
    VectorizedOptimizer,
    interpolate_,
    interpolated,
)


class VectorizedMuon(VectorizedOptimizer):
    """Nesterov's momentum, then five Newton-Schulz steps in bfloat16."""

    tolerance = 1e-2  # it orthogonalizes in bfloat16

    def options_of(self, plan: Plan, tensor: TensorPlan) -> dict[str, Any]:
        """The options of torch's class, and the factor that it applies to the learning rate."""
        options = super().options_of(plan, tensor)
        name = options.pop("adjust_lr_fn", None)
        adjustment = lr_adjustment(name) if name is not None else None
        return {**options, "shape_factor": lr_shape_factor(tensor.shape, adjustment)}

    def _set(self, params: Tensor, grads: Tensor) -> None:
        self.defaults = torch.optim.Muon([torch.zeros(1, 1)]).defaults
        table = self.hyperparameters
        table["adjusted_lr"] = table["lr"] * table["shape_factor"]
        self.eps = table["eps"].to(params.device, newton_schulz.PRECISION)
        super()._set(params, grads)

    @torch.no_grad()
    def step(self) -> None:
        """θ ← (1 - lr λ) θ - lr · adjustment · orthogonalized(g + μ (m - g))."""
        coefficients, iterations = self.defaults["ns_coefficients"], self.defaults["ns_steps"]
        (momentum,) = self.moments
        interpolate_(momentum, self.grads, self.complements["momentum"])
        update = interpolated(self.grads, momentum, self.numbers["momentum"])
        first, _ = self.layout.within(self.names)
        change = torch.zeros_like(update)
        for i, name in enumerate(self.names):
            low, high = (column - first for column in self.layout.span(name))
            matrices = update[:, low:high].view(-1, *self.layout.shapes[name])
            change[:, low:high] = newton_schulz.orthogonalized(
                matrices, self.eps[:, i], coefficients, iterations
            ).flatten(1)
        self.decay_params()
        self.params.sub_(change.mul_(self.numbers["adjusted_lr"] * self.lr_factor))
