"""A model that mutransfer has never seen: a small gated language model, plain torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Mixer(nn.Module):
    """Mixes along the sequence with a causal running mean, and along the channels with a gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.value = nn.Linear(width, 2 * width, bias=False)
        self.gate = nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        past = h.cumsum(1) / torch.arange(1, h.shape[1] + 1, device=h.device)[:, None]
        mixed: Tensor = self.out(torch.sigmoid(self.gate(h)) * self.value(past))
        return x + mixed


class Model(nn.Module):
    """Token ids (batch, length) -> logits (batch, length, 256)."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, width)
        self.blocks = nn.ModuleList(Mixer(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 256, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x))
        return logits


def build(width: int, depth: int = 2) -> nn.Module:
    """What the recipe's `model.build: own_model:build` calls."""
    return Model(width, depth)
