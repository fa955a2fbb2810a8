"""MuonH for many trials, as in `optimizers.muonh`."""

from __future__ import annotations

import torch
from torch import Tensor

from mutransfer_cli.optimizers import newton_schulz
from mutransfer_cli.train.batched_optimizers.sphere import OnSphere
from mutransfer_cli.train.batched_optimizers.vectorized import interpolate_, interpolated


class VectorizedMuonH(OnSphere):
    """Nesterov's momentum with equal singular values, at a fixed norm; there is no decay."""

    tolerance = 1e-2  # it orthogonalizes in bfloat16

    def _set(self, params: Tensor, grads: Tensor) -> None:
        super()._set(params, grads)
        self.eps = self.hyperparameters["eps"].to(params.device, newton_schulz.PRECISION)

    @torch.no_grad()
    def step(self) -> None:
        """W ← R Norm(W - lr R Norm(orthogonalized(g + μ (m - g))))."""
        (momentum,) = self.moments
        interpolate_(momentum, self.grads, self.complements["momentum"])
        update = interpolated(self.grads, momentum, self.numbers["momentum"])
        for i, name in enumerate(self.names):
            matrices = self.matrices(update, name)
            matrices.copy_(
                newton_schulz.orthogonalized(
                    matrices,
                    self.eps[:, i],
                    newton_schulz.COEFFICIENTS,
                    newton_schulz.ITERATIONS,
                )
            )
        self.turn_all(update)
