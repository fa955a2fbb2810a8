"""Lion (Chen et al. 2023, arXiv 2302.06675, algorithm 2) for many trials."""

from __future__ import annotations

import torch

from mutransfer_cli.train.batched_optimizers.vectorized import (
    VectorizedOptimizer,
    interpolate_,
    interpolated,
)


class VectorizedLion(VectorizedOptimizer):
    """Steps along the sign of an interpolated momentum, with decoupled decay."""

    @torch.no_grad()
    def step(self) -> None:
        """θ ← θ - lr (sign(β1 m + (1-β1) g) + λ θ), then m ← β2 m + (1-β2) g."""
        (momentum,) = self.moments
        change = interpolated(momentum, self.grads, self.complements["beta1"]).sign_()
        self.decay_params()
        self.params.sub_(change.mul_(self.numbers["lr"] * self.lr_factor))
        interpolate_(momentum, self.grads, self.complements["beta2"])
