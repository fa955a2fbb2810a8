"""Small models whose roles are known by construction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.tracing.family import Family, family_of


class Conv1D(nn.Module):
    """GPT-2's linear layer: the weight is (in, out)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight)


class Net(nn.Module):
    """An MLP on 6 inputs with 3 classes, around one hidden layer that is given."""

    def __init__(self, width: int, hidden: nn.Module) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.hidden = hidden
        self.last = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(torch.relu(self.hidden(torch.relu(self.first(x)))))
        return y


class Raw(nn.Module):
    """A raw (out, in) parameter used through a given function."""

    def __init__(self, width: int, how: str) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(width, width))
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        match self.how:
            case "transpose":
                return x @ self.w.t()
            case "einsum":
                return torch.einsum("bi,oi->bo", x, self.w)
            case "left":
                return (self.w @ x.t()).t()
            case "scaled":
                return F.linear(x, self.w * 0.5)
            case "inner":
                return torch.inner(x, self.w)
            case "tensordot":
                return torch.tensordot(x, self.w, dims=([1], [1]))
            case "tensordot, last by first":
                return torch.tensordot(x, self.w.t(), 1)
            case "slices":
                return torch.cat([F.linear(x, part) for part in self.w.chunk(2, 0)], -1)
        raise AssertionError(self.how)


class Language(nn.Module):
    """Embedding, readout tied by a shared module weight or used inside the forward pass."""

    def __init__(self, width: int, tied: str) -> None:
        super().__init__()
        self.wte = nn.Embedding(11, width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 11, bias=False) if tied != "functional" else None
        if tied == "module":
            self.head.weight = self.wte.weight

    def forward(self, tokens: Tensor) -> Tensor:
        h = self.norm(self.wte(tokens))
        if self.head is None:
            return F.linear(h, self.wte.weight)
        y: Tensor = self.head(h)
        return y


class Heads(nn.Module):
    """Attention with 2 heads whose size grows, scaled by 1/√d or 1/d; optionally with a knob."""

    def __init__(self, width: int, scale: str, knob: bool = False) -> None:
        super().__init__()
        self.wte = nn.Embedding(11, width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.head = nn.Linear(width, 11, bias=False)
        d = width // 2
        self.scale = 1 / d if scale == "1/d" else d**-0.5
        if knob:
            self.attention_scale = self.scale

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.wte(tokens)
        q, k, v = (t.unflatten(-1, (2, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        scale = getattr(self, "attention_scale", self.scale)
        y: Tensor = self.head(
            F.scaled_dot_product_attention(q, k, v, scale=scale).transpose(1, 2).flatten(2)
        )
        return y


def vectors() -> Tensor:
    """A batch of 4 inputs for `Net`."""
    return torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


def tokens() -> Tensor:
    """A batch of 2 sequences of 5 tokens."""
    return torch.randint(0, 11, (2, 5), generator=torch.Generator().manual_seed(0))


def traced(make: Callable[[int], nn.Module], example: Tensor, **options: Any) -> Family:
    """The family of a model, from widths 8 and 16."""

    def one(width: int) -> tuple[nn.Module, Callable[[], object]]:
        model = make(width)
        return model, lambda: model(example)

    return family_of(one(8), one(16), **options)
