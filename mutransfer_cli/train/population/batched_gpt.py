"""The built-in gpt with an explicit trial dimension.

Attention treats trials as examples, since vmap has no rule for it on a CPU; each matrix product of
all trials is one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mutransfer_cli.models.builtin.gpt import GPT, Attention, Block
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.train.population.model_stack import ModelStack, Tensors, select_trials


class BatchedGPT(ModelStack):
    """Losses of K transformers; activations are (K, examples × tokens, width)."""

    @classmethod
    def supports(cls, subject: Subject) -> bool:
        """Whether the model is exactly the built-in gpt; a subclass may compute something else."""
        return type(subject.model) is GPT

    def backward(self, batch: Any, shared: bool, training: bool = True) -> Tensor:
        """Losses (K,) and gradients; see `ModelStack.backward`."""
        leaves = {n: t.detach().requires_grad_() for n, t in self.param_views.items()}
        losses = self._losses(leaves, self.scales, batch, shared)
        gradients = torch.autograd.grad(losses.sum(), [leaves[n] for n in self.layout.names])
        torch._foreach_copy_([self.grad_views[n] for n in self.layout.names], list(gradients))
        return losses.detach()

    def losses(self, batch: Any, trials: Sequence[int] | None = None) -> Tensor:
        """Losses in evaluation mode; see `ModelStack.losses`."""
        tensors, scales = self.param_views, self.scales
        if trials is not None:
            tensors, scales = select_trials(tensors, trials), select_trials(scales, trials)
        with torch.no_grad():
            return self._losses(tensors, scales, batch, True)

    def _losses(self, tensors: Tensors, scales: Tensors, batch: Any, shared: bool) -> Tensor:
        """The loss of each trial (K,)."""
        model, (tokens, targets) = self.model, batch
        assert isinstance(model, GPT)
        token, position = tensors["token.weight"], tensors["position.weight"]
        trials, vocabulary, width = token.shape
        length = tokens.shape[-1]
        if shared:
            tokens, targets = (t.expand(trials, *t.shape) for t in (tokens, targets))
        own = torch.arange(trials, device=tokens.device).view(-1, 1, 1) * vocabulary
        x = F.embedding(tokens + own, token.reshape(-1, width))  # (K, examples, tokens, width)
        x = x + position[:, None, :length]
        x = (x * scale(model, "embedding_scale", scales, 4)).flatten(1, 2)
        for i, block in enumerate(model.blocks):
            assert isinstance(block, Block)
            x = self._block(block, f"blocks.{i}", x, tensors, scales, length)
        x = norm(x, "norm", tensors) * scale(model, "logit_scale", scales, 3)
        readout = tensors.get("readout.weight", token)  # tied: one tensor, under its first name
        logits = torch.bmm(x, readout.transpose(1, 2))
        each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return each.view(trials, -1).mean(1)

    def _block(
        self, block: Block, name: str, x: Tensor, tensors: Tensors, scales: Tensors, length: int
    ) -> Tensor:
        residual = scale(block, "residual_scale", scales, 3)
        branch, skip = block.branch_scales, block.skip_scales
        mixed = norm(x, f"{name}.norm1", tensors)
        mixed = attention(block.attention, f"{name}.attention", mixed, tensors, length)
        x = times(x, skip[0]) + times(mixed, residual * branch[0])
        h = linear(norm(x, f"{name}.norm2", tensors), f"{name}.mlp.up", tensors)
        h = linear(F.gelu(h), f"{name}.mlp.down", tensors)
        return times(x, skip[1]) + times(h, residual * branch[1])


def scale(module: Any, name: str, scales: Tensors, dimensions: int) -> Tensor | float:
    """A multiplier: a tensor if it differs between trials, else the module's number.

    Args:
        module: Has the multiplier that all trials share.
        name: Name of the multiplier.
        scales: Multipliers that differ between trials, by name, (K,).
        dimensions: Dimensions of the tensor to be multiplied, the first of which is the trials.
    """
    if name in scales:
        return scales[name].view(-1, *[1] * (dimensions - 1))
    value: float = getattr(module, name)
    return value


def times(x: Tensor, by: Tensor | float) -> Tensor:
    """The product; x itself if the factor is one."""
    return x * by if isinstance(by, Tensor) or by != 1.0 else x


def norm(x: Tensor, name: str, tensors: Tensors) -> Tensor:
    """LayerNorm of (K, rows, width) with each trial's weight and bias."""
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    return torch.addcmul(bias[:, None], F.layer_norm(x, x.shape[-1:]), weight[:, None])


def linear(x: Tensor, name: str, tensors: Tensors) -> Tensor:
    """Apply each trial's linear layer: (K, rows, in) -> (K, rows, out)."""
    weight, bias = tensors[f"{name}.weight"].transpose(1, 2), tensors.get(f"{name}.bias")
    if bias is None:
        return torch.bmm(x, weight)
    return torch.baddbmm(bias[:, None], x, weight)


def attention(module: Attention, name: str, x: Tensor, tensors: Tensors, length: int) -> Tensor:
    """Causal self-attention, with trials and examples as its batch.

    Args:
        module: The attention module of any of the trials.
        name: The module's path.
        x: Activations (K, examples × tokens, width).
        tensors: Parameters by name, (K, …).
        length: Tokens per example.
    """
    trials, rows, width = x.shape
    heads = linear(x, f"{name}.qkv", tensors).view(
        -1, length, 3, module.n_head, width // module.n_head
    )
    q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=module.attention_scale)
    return linear(mixed.transpose(1, 2).reshape(trials, rows, width), f"{name}.out", tensors)
