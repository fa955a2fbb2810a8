"""A transformer in the manner of nGPT (arXiv 2410.01131): everything on the sphere.

Hidden states are divided by their RMS after every branch, queries and keys too, and a branch moves
the state by a learned share of the way to its own normalized output. The optimizers `adamh` and
`muonh` keep the norms of the matrices. nGPT divides rows by their norm where these keep that of the
whole matrix; states of RMS 1 in place of norm 1 change nothing but the scale of the rates.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEP = 0.05  # nGPT's alpha at init


def unit(x: Tensor) -> Tensor:
    """Divide by the RMS over the last dimension."""
    return F.rms_norm(x, x.shape[-1:])


class Attention(nn.Module):
    """Causal attention between queries and keys of RMS 1."""

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(unit(q), unit(k), v, is_causal=True)
        y: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return y


class MLP(nn.Module):
    """A gated MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, 2 * width, bias=False)
        self.up = nn.Linear(width, 2 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return y


class Block(nn.Module):
    """Two branches, each of which turns the state towards its output."""

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.attention = Attention(width, head_dim)
        self.mlp = MLP(width)
        self.attention_share = nn.Parameter(torch.full((width,), STEP))
        self.mlp_share = nn.Parameter(torch.full((width,), STEP))

    def forward(self, x: Tensor) -> Tensor:
        x = unit(x + self.attention_share * (unit(self.attention(x)) - x))
        return unit(x + self.mlp_share * (unit(self.mlp(x)) - x))


class NormalizedGPT(nn.Module):
    """Token ids (batch, length) -> logits (batch, length, vocab_size)."""

    def __init__(self, width: int, depth: int, head_dim: int = 16, vocab_size: int = 256) -> None:
        super().__init__()
        self.token = nn.Embedding(vocab_size, width)
        self.blocks = nn.ModuleList(Block(width, head_dim) for _ in range(depth))
        self.readout = nn.Linear(width, vocab_size, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = unit(self.token(tokens))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.readout(x)
        return logits


def build(width: int, depth: int) -> NormalizedGPT:
    return NormalizedGPT(width, depth)
