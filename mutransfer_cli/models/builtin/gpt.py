"""A pre-norm GPT: learned positions, GELU MLP, fused query-key-value, tied or untied readout."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self, d_model: int, n_head: int, bias: bool) -> None:
        super().__init__()
        self.n_head = n_head
        self.attention_scale = (d_model // n_head) ** -0.5
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=bias)
        self.out = nn.Linear(d_model, d_model, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) -> the same."""
        batch, length, width = x.shape
        heads = self.qkv(x).view(batch, length, 3, self.n_head, -1).permute(2, 0, 3, 1, 4)
        q, k, v = heads.unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.attention_scale)
        y: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return y


class MLP(nn.Module):
    """Two matrices with a GELU between them."""

    def __init__(self, d_model: int, ratio: float, bias: bool) -> None:
        super().__init__()
        hidden = round(ratio * d_model)
        self.up = nn.Linear(d_model, hidden, bias=bias)
        self.down = nn.Linear(hidden, d_model, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) -> the same."""
        y: Tensor = self.down(F.gelu(self.up(x)))
        return y


class Block(nn.Module):
    """Attention and MLP, each a residual branch after a norm."""

    def __init__(self, d_model: int, n_head: int, ratio: float, bias: bool) -> None:
        super().__init__()
        self.residual_scale = 1.0
        self.skip_scales = (1.0, 1.0)  # of attention and MLP, as u-muP weighs them
        self.branch_scales = (1.0, 1.0)
        self.norm1 = nn.LayerNorm(d_model)
        self.attention = Attention(d_model, n_head, bias)
        self.norm2 = nn.LayerNorm(d_model)
        self.mlp = MLP(d_model, ratio, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) -> the same."""
        branch, skip = self.branch_scales, self.skip_scales
        x = skip[0] * x + self.residual_scale * branch[0] * self.attention(self.norm1(x))
        y: Tensor = skip[1] * x + self.residual_scale * branch[1] * self.mlp(self.norm2(x))
        return y


class GPT(nn.Module):
    """Token ids (batch, length) -> logits (batch, length, vocab_size)."""

    def __init__(
        self,
        d_model: int,
        n_layer: int,
        vocab_size: int,
        seq_len: int,
        head_dim: int | None = None,
        n_head: int | None = None,
        tied: bool = False,
        bias: bool = False,
        mlp_ratio: float = 4.0,
    ) -> None:
        """Build the model.

        Args:
            d_model: Width of the residual stream.
            n_layer: Number of blocks.
            vocab_size: Number of tokens.
            seq_len: Number of positions.
            head_dim: Size of a head; by default one head takes the width.
            n_head: Number of heads, instead of their size.
            tied: Readout and token embedding share one matrix.
            bias: Linear layers have biases.
            mlp_ratio: Hidden size of the MLP over d_model.
        """
        super().__init__()
        heads = n_head if n_head is not None else d_model // (head_dim or d_model)
        self.embedding_scale = 1.0
        self.logit_scale = 1.0
        self.token = nn.Embedding(vocab_size, d_model)
        self.position = nn.Embedding(seq_len, d_model)
        self.blocks = nn.ModuleList(Block(d_model, heads, mlp_ratio, bias) for _ in range(n_layer))
        self.norm = nn.LayerNorm(d_model)
        self.readout = nn.Linear(d_model, vocab_size, bias=False)
        if tied:
            self.readout.weight = self.token.weight
        if bias:  # a bias is an input weight with fan_in 1; it starts at 0 at every width
            for module in self.modules():
                if isinstance(module, nn.Linear) and module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids -> logits."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.embedding_scale * (self.token(tokens) + self.position(positions))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.readout(self.logit_scale * self.norm(x))
        return logits

    def set_unit_scales(self, forward: Mapping[str, float]) -> None:
        """Put u-muP's multipliers into the forward pass, by name; two branches per block."""
        self.embedding_scale = forward["embedding_scale"]
        self.logit_scale = forward["logit_scale"]
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            block.attention.attention_scale = forward["attention_scale"]
            block.skip_scales = (forward[f"skip.{2 * i}"], forward[f"skip.{2 * i + 1}"])
            block.branch_scales = (forward[f"branch.{2 * i}"], forward[f"branch.{2 * i + 1}"])
