"""A model: a product of matrices."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class Linear(nn.Module):
    """Inputs (batch, d_in) -> logits (batch, d_out)."""

    def __init__(self, d_hidden: int, n_matrix: int, d_in: int, d_out: int) -> None:
        super().__init__()
        sizes = [d_in, *([d_hidden] * (n_matrix + 1)), d_out]
        self.layers = nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits
