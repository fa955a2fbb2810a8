"""A plain multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "tanh": F.tanh,
    "silu": F.silu,
}


class MLP(nn.Module):
    """Inputs (batch, d_in) -> logits (batch, d_out); n_layer matrices of d_hidden × d_hidden."""

    def __init__(
        self,
        d_hidden: int,
        n_layer: int,
        d_in: int,
        d_out: int,
        activation: str = "relu",
        bias: bool = True,
    ) -> None:
        """Build the model.

        Args:
            d_hidden: Width of the hidden layers.
            n_layer: Number of d_hidden × d_hidden matrices.
            d_in: Numbers per input.
            d_out: Number of classes.
            activation: Name of the nonlinearity.
            bias: Every layer has biases.
        """
        super().__init__()
        self.embedding_scale = 1.0
        self.logit_scale = 1.0
        self.act = ACTIVATIONS[activation]
        self.input = nn.Linear(d_in, d_hidden, bias=bias)
        self.hidden = nn.ModuleList(
            nn.Linear(d_hidden, d_hidden, bias=bias) for _ in range(n_layer)
        )
        self.readout = nn.Linear(d_hidden, d_out, bias=bias)
        if bias:  # a bias is an input weight with fan_in 1; it starts at 0 at every width
            for layer in (self.input, *self.hidden, self.readout):
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Inputs (batch, d_in), or (batch, …) with as many numbers -> logits."""
        x = self.act(self.embedding_scale * self.input(x.flatten(1)))
        for layer in self.hidden:
            x = self.act(layer(x))
        logits: Tensor = self.readout(self.logit_scale * x)
        return logits

    def step_flops(self, batch: int) -> float:
        """Per entry of a matrix and example, 2 in the forward pass and 4 in the backward pass.

        The first matrix has 2 in the backward pass: the gradient of the data is not needed.
        """
        first, *others = (m.weight.numel() for m in (self.input, *self.hidden, self.readout))
        return float(batch * (4 * first + 6 * sum(others)))
