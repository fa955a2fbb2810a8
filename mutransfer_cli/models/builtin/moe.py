"""The GPT with a mixture of experts instead of the MLP in every block."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builtin.gpt import GPT


class Experts(nn.Module):
    """A router, and two matrices for each expert with a GELU between them.

    Every expert sees every token, and the gates of those that the router leaves out are 0: a trial
    costs as much as with all experts active, and trains in a population.
    """

    def __init__(self, d_model: int, n_expert: int, n_active: int, d_expert: int) -> None:
        """Build the layer.

        Args:
            d_model: Width of the residual stream.
            n_expert: Number of experts.
            n_active: Experts that a token is sent to.
            d_expert: Hidden size of an expert.
        """
        super().__init__()
        self.n_active = n_active
        self.router = nn.Linear(d_model, n_expert, bias=False)
        self.up = nn.Parameter(torch.randn(n_expert, d_model, d_expert) / d_model**0.5)
        self.down = nn.Parameter(torch.randn(n_expert, d_expert, d_model) / d_expert**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) -> the same."""
        scores = self.router(x)
        chosen, indices = scores.topk(self.n_active, dim=-1)
        gates = torch.zeros_like(scores).scatter(-1, indices, F.softmax(chosen, dim=-1))
        given = x.unsqueeze(-3).expand(*x.shape[:-2], len(self.up), *x.shape[-2:])
        hidden = F.gelu(torch.einsum("betn,enm->betm", given, self.up))
        y = torch.einsum("betm,emn->betn", hidden, self.down)
        return (gates.transpose(-1, -2).unsqueeze(-1) * y).sum(-3)


class MoE(GPT):
    """Token ids (batch, length) -> logits (batch, length, vocab_size)."""

    def __init__(
        self,
        d_model: int,
        n_layer: int,
        vocab_size: int,
        seq_len: int,
        head_dim: int | None = None,
        n_head: int | None = None,
        n_expert: int = 8,
        n_active: int = 2,
        expert_ratio: float = 1.0,
        d_expert: int | None = None,
    ) -> None:
        """Build the model.

        Args:
            d_model: Width of the residual stream.
            n_layer: Number of blocks.
            vocab_size: Number of tokens.
            seq_len: Number of positions.
            head_dim: Size of a head; by default one head takes the width.
            n_head: Number of heads, instead of their size.
            n_expert: Number of experts.
            n_active: Experts that a token is sent to.
            expert_ratio: Hidden size of an expert over d_model.
            d_expert: Hidden size of an expert, instead of its ratio.

        Raises:
            InputError: There are fewer experts than a token is sent to.
        """
        super().__init__(d_model, n_layer, vocab_size, seq_len, head_dim, n_head, mlp_ratio=1)
        if n_active > n_expert:
            raise InputError(
                f"a token cannot be sent to {n_active} of {n_expert} experts", path=("model",)
            )
        hidden = d_expert if d_expert is not None else max(1, round(expert_ratio * d_model))
        for block in self.blocks:
            block.mlp = Experts(d_model, n_expert, n_active, hidden)
