"""A frozen network with low-rank adapters, as PEFT makes them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Adapted(nn.Module):
    """A frozen layer, plus 1 / rank^power · B (A x); one of A and B starts at zero."""

    def __init__(self, width: int, rank: int, power: float, zero: str) -> None:
        super().__init__()
        self.base_layer = nn.Linear(width, width)
        self.lora_A = nn.Linear(width, rank, bias=False)
        self.lora_B = nn.Linear(rank, width, bias=False)
        self.scaling = 8.0 / rank**power
        for name, part, fan_in in (("A", self.lora_A, width), ("B", self.lora_B, rank)):
            nn.init.normal_(part.weight, std=0.0 if name == zero else fan_in**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width) -> the same."""
        y: Tensor = self.base_layer(x) + self.scaling * self.lora_B(self.lora_A(x))
        return y


class Network(nn.Module):
    """A frozen multilayer perceptron whose square layers are adapted."""

    def __init__(self, width: int, rank: int, depth: int, power: float, zero: str) -> None:
        super().__init__()
        self.input = nn.Linear(16, width)
        self.layers = nn.ModuleList(Adapted(width, rank, power, zero) for _ in range(depth))
        self.readout = nn.Linear(width, 10)
        nn.init.normal_(self.readout.weight, std=1 / width)
        for name, p in self.named_parameters():
            p.requires_grad_("lora_" in name)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 16) -> logits."""
        h = torch.relu(self.input(x))
        for layer in self.layers:
            h = torch.relu(layer(h))
        logits: Tensor = self.readout(h)
        return logits


def build(width: int, rank: int, depth: int = 2, power: float = 1.0, zero: str = "B") -> nn.Module:
    """The network.

    Args:
        width: Its width.
        rank: The rank of the adapters.
        depth: Number of adapted layers.
        power: How the factor on the adapters' results falls with the rank.
        zero: The matrix that starts at zero, A or B.
    """
    return Network(width, rank, depth, power, zero)
