"""Gradient descent with momentum, as torch's SGD, for many trials."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from mutransfer_cli.train.batched_optimizers.fused import FusedKernel, FusedOrVectorized, ParamGroup
from mutransfer_cli.train.batched_optimizers.vectorized import VectorizedOptimizer


class VectorizedSGD(VectorizedOptimizer):
    """SGD with optional (Nesterov) momentum; decay is added to the gradient."""

    def _set(self, params: Tensor, grads: Tensor) -> None:
        super()._set(params, grads)
        self.has_momentum = bool((self.hyperparameters["momentum"] != 0).any())

    @torch.no_grad()
    def step(self) -> None:
        """Update v ← μ v + g; θ ← θ - lr v, or with Nesterov's momentum θ - lr (g + μ v)."""
        change = self.grads_with_decay()
        if self.has_momentum:
            momentum, (velocity,) = self.numbers["momentum"], self.moments
            velocity.mul_(momentum).add_(change)
            change = velocity * momentum + change if self.nesterov else velocity
        self.params.sub_(change * (self.numbers["lr"] * self.lr_factor))


def bind_sgd(group: ParamGroup, count: Tensor) -> Callable[..., None]:
    """Bind the fused kernel to one group; the result takes `lr` and `is_first_step`."""
    options = group.options
    return partial(
        torch._fused_sgd_,
        group.params,
        group.grads,
        group.moments[0] if options["momentum"] != 0 else [],
        weight_decay=options["weight_decay"],
        momentum=options["momentum"],
        dampening=0.0,
        nesterov=options["nesterov"],
        maximize=False,
    )


BATCHED = FusedOrVectorized(FusedKernel(1, bind_sgd, takes_first_step=True), VectorizedSGD)
