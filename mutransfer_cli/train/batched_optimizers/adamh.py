"""AdamH for many trials, as in `optimizers.adamh`."""

from __future__ import annotations

import torch

from mutransfer_cli.train.batched_optimizers.adam import VectorizedAdam
from mutransfer_cli.train.batched_optimizers.sphere import OnSphere
from mutransfer_cli.train.batched_optimizers.vectorized import interpolate_


class VectorizedAdamH(OnSphere, VectorizedAdam):
    """Adam's update at a fixed norm; there is no decay."""

    @torch.no_grad()
    def step(self) -> None:
        """W ← R Norm(W - lr R Norm(m / (√v̂ + ε)))."""
        first, second = self.moments
        _, _, unbiased = self.varying
        interpolate_(first, self.grads, self.complements["beta1"])
        interpolate_(second, self.grads * self.grads, self.complements["beta2"])
        self.turn_all(first / second.sqrt().mul_(unbiased).add_(self.numbers["eps"]))
