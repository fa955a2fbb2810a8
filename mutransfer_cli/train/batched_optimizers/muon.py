"""Muon for all trials at once, as torch's own steps one matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from mutransfer_cli.train.batched_optimizers.vectorized import (
    VectorizedOptimizer,
    towards,
    towards_,
)


class Muon(VectorizedOptimizer):
    """Nesterov's momentum, then five Newton-Schulz steps in bfloat16."""

    def _set(self, rows: Tensor, gradients: Tensor) -> None:
        self.defaults = torch.optim.Muon([torch.zeros(1, 1)]).defaults
        shapes = [self.layout.shapes[n] for n in self.names]
        ratios = torch.tensor([max(1.0, s[0] / s[1]) ** 0.5 for s in shapes], dtype=torch.float64)
        self.raw["stretched"] = self.raw["lr"] * ratios
        self.least = self.raw["eps"].to(rows.device, torch.bfloat16)
        super()._set(rows, gradients)

    @torch.no_grad()
    def move(self) -> None:
        coefficients, steps = self.defaults["ns_coefficients"], self.defaults["ns_steps"]
        (moving,) = self.moments
        towards_(moving, self.gradients, self.less["momentum"])
        ahead = towards(self.gradients, moving, self.of["momentum"])
        first, _ = self.layout.within(self.names)
        change = torch.zeros_like(ahead)
        for i, name in enumerate(self.names):
            low, high = (at - first for at in self.layout.span(name))
            matrices = ahead[:, low:high].view(-1, *self.layout.shapes[name])
            change[:, low:high] = orthogonal(
                matrices, self.least[:, i], coefficients, steps
            ).flatten(1)
        self.decay()
        self.values.sub_(change.mul_(self.of["stretched"] * self.share))


def orthogonal(
    matrices: Tensor, eps: Tensor, coefficients: tuple[float, float, float], steps: int
) -> Tensor:
    """The nearest orthogonal matrices of (K, m, n), nearly; eps (K,) below their norms."""
    a, b, c = coefficients
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    norm = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
    x = x / torch.maximum(norm, eps.view(-1, 1, 1))
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x
