"""A model: a product of matrices, some of them applied several times."""

from __future__ import annotations

from torch import Tensor, nn


class Linear(nn.Module):
    """Inputs (batch, d_in) -> logits (batch, d_out)."""

    def __init__(
        self, d_hidden: int, n_matrix: int, d_in: int, d_out: int, n_repeat: int = 1
    ) -> None:
        super().__init__()
        self.n_repeat = n_repeat
        self.input = nn.Linear(d_in, d_hidden, bias=False)
        self.hidden = nn.Sequential(
            *(nn.Linear(d_hidden, d_hidden, bias=False) for _ in range(n_matrix))
        )
        self.readout = nn.Linear(d_hidden, d_out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        for _ in range(self.n_repeat):
            x = self.hidden(x)
        logits: Tensor = self.readout(x)
        return logits
