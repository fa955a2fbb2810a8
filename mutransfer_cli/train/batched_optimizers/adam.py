"""Adam (Kingma and Ba 2015, arXiv 1412.6980) for many trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from mutransfer_cli.train.batched_optimizers.fused import FusedKernel, FusedOrVectorized, ParamGroup
from mutransfer_cli.train.batched_optimizers.vectorized import VectorizedOptimizer, interpolate_


class VectorizedAdam(VectorizedOptimizer):
    """Adam with the decay added to the gradient, as in torch's class."""

    moment_count = 2

    def varying_numbers(self, lr_factors: Sequence[float]) -> list[Tensor]:
        """Adds the lr factor over the first moment's bias, and 1/√ of the second's bias."""
        numbers = super().varying_numbers(lr_factors)
        beta1, beta2 = (self.hyperparameters[key][:, 0] for key in ("beta1", "beta2"))
        t = max(self.steps, 1)
        return [*numbers, numbers[0] / (1 - beta1**t), (1 - beta2**t) ** -0.5]

    @torch.no_grad()
    def step(self) -> None:
        """Algorithm 1 of the paper."""
        grads = self.decayed_grads()
        first, second = self.moments
        _, rate, unbiased = self.varying
        interpolate_(first, grads, self.complements["beta1"])
        interpolate_(second, grads * grads, self.complements["beta2"])
        denominator = second.sqrt().mul_(unbiased)
        denominator.add_(self.numbers["eps"])
        change = first / denominator
        change.mul_(self.numbers["lr"] * rate)
        self.params.sub_(change)

    def decayed_grads(self) -> Tensor:
        """The gradients that the moments see."""
        return self.grads_with_decay()


def bind_adam(kernel: Callable[..., None], group: ParamGroup, count: Tensor) -> Callable[..., None]:
    """Bind a fused kernel of Adam or AdamW to one group; the result takes `lr`."""
    options = group.options
    return partial(
        kernel,
        group.params,
        group.grads,
        *group.moments,
        [],
        [count] * len(group.params),
        beta1=options["betas"][0],
        beta2=options["betas"][1],
        weight_decay=options["weight_decay"],
        eps=options["eps"],
        amsgrad=False,
        maximize=False,
    )


BATCHED = FusedOrVectorized(FusedKernel(2, partial(bind_adam, torch._fused_adam_)), VectorizedAdam)
