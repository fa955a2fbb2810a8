"""Layers that multiply their weight, input or output by a power of the width themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WHERE = (
    "weight", "buffer", "vector on the weight", "vector", "input", "output",
    "output and bias", "in place", "alpha", "einsum", "convolution",
)  # fmt: skip


class Scaled(nn.Module):
    """A square layer of unit weights whose output is divided by the root of the width."""

    def __init__(self, width: int, where: str) -> None:
        super().__init__()
        shape = (width, width, 1) if where == "convolution" else (width, width)
        self.w = nn.Parameter(torch.randn(shape))
        self.b = nn.Parameter(torch.zeros(width))
        self.root = width**0.5
        self.register_buffer("inverse", torch.tensor([width**-0.5]))
        self.register_buffer("inverses", torch.full((width,), width**-0.5))
        self.where = where

    def forward(self, x: Tensor) -> Tensor:
        match self.where:
            case "vector on the weight":
                return F.linear(x, self.w * self.inverses, self.b)
            case "weight":
                return F.linear(x, self.w / self.root, self.b)
            case "buffer":
                return F.linear(x, self.w * self.inverse, self.b)
            case "input":
                return F.linear(x / self.root, self.w, self.b)
            case "output":
                return F.linear(x, self.w) / self.root + self.b
            case "vector":
                return F.linear(x, self.w) * self.inverses + self.b
            case "output and bias":
                return F.linear(x, self.w, self.b) / self.root
            case "in place":
                y = x @ self.w.t()
                y *= self.inverse
                return y + self.b
            case "alpha":
                return torch.addmm(self.b, x, self.w.t(), alpha=1 / self.root)
            case "einsum":
                return torch.einsum("bi,oi->bo", x, self.w).div(self.root) + self.b
            case "convolution":
                return F.conv1d(x[..., None], self.w * self.inverse, self.b)[..., 0]
        raise AssertionError(self.where)


class Heads(nn.Module):
    """A hidden layer, and a readout whose logits are divided in some manner."""

    def __init__(self, width: int, how: str) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.hidden = nn.Linear(width, width)
        self.last = nn.Linear(width, 3)
        self.m, self.how = width / 8, how

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.hidden(torch.relu(self.first(x))))
        match self.how:
            case "none":
                y = self.last(h)
            case "logits":
                y = self.last(h) / self.m
            case "root":
                y = self.last(h) * self.m**-0.5
            case "input":
                y = self.last(h / self.m)
            case "input and logits":
                y = self.last(h * self.m**-0.5) * self.m**-0.5
            case "constant":
                y = self.last(h) / 5.0
        return y


class Cosine(nn.Module):
    """Logits 4·cos(h, w), written in some manner."""

    def __init__(self, width: int, how: str) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.hidden = nn.Linear(width, width)
        self.classes = nn.Parameter(torch.randn(3, width))
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        h, w = torch.tanh(self.hidden(torch.relu(self.first(x)))), self.classes
        if self.how == "function":
            return 4 * F.cosine_similarity(h[:, None], w[None], dim=-1)
        if self.how == "norms":
            h, w = h / h.norm(dim=-1, keepdim=True), w / w.norm(dim=-1, keepdim=True)
        else:
            h, w = F.normalize(h, dim=-1), F.normalize(w, dim=-1)
        return 4 * F.linear(h, w)


class RootNorm(nn.Module):
    """RMS norm as many write it: unit vectors times the root of the width, and a gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.root, self.gain = width**0.5, nn.Parameter(torch.ones(width))
        self.weight = nn.Parameter(torch.randn(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.normalize(x, dim=-1) * self.root * self.gain, self.weight)


class Gated(nn.Module):
    """A hidden layer and a gate, a raw readout, that read the same input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.core = nn.Linear(width, width)
        self.gate = nn.Parameter(torch.randn(2, width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.core(x)
        return y * F.linear(x, self.gate).softmax(-1)[..., :1]


class Adapted(nn.Module):
    """A hidden layer with a low-rank adapter beside it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.base = nn.Linear(width, width)
        self.down = nn.Linear(width, 2, bias=False)
        self.up = nn.Linear(2, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.base(x) + self.up(self.down(x))
        return y
