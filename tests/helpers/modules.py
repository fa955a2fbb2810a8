"""Modules of torch.nn and uses of raw parameters between a fixed input and a fixed output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Make = Callable[[int], nn.Module]
Use = Callable[[nn.Module, Tensor], Any]


class Around(nn.Module):
    """A module between 6 inputs and 3 outputs; it sees and gives (batch, length, width)."""

    def __init__(self, width: int, module: nn.Module, use: Use | None) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.m = module
        self.last = nn.Linear(width, 3)
        self.use = use

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        found = self.use(self.m, h) if self.use else self.m(h)
        y: Tensor = self.last(found[0] if isinstance(found, tuple) else found)
        return y


def channels(more: int) -> Use:
    """Channels second, and so many further dimensions of size 1."""

    def use(module: nn.Module, h: Tensor) -> Tensor:
        found: Tensor = module(h.transpose(1, 2)[(..., *[None] * more)])
        return found[(..., *[0] * more)].transpose(1, 2)

    return use


def attend(*others: int) -> Use:
    """Attention of the stream to itself, or to keys and values of given sizes."""

    def use(module: nn.Module, h: Tensor) -> Any:
        given = [torch.ones(*h.shape[:2], n) for n in others] or [h, h]
        return module(h, *given, need_weights=False)

    return use


def crossed(width: int) -> nn.Module:
    """Cross-attention to keys and values of fixed sizes."""
    return nn.MultiheadAttention(width, 2, kdim=5, vdim=7, batch_first=True, bias=False)


def twice(module: nn.Module, h: Tensor) -> Any:
    """A module of two inputs, both of them the stream."""
    return module(h, h)


def narrowed(module: nn.Module, h: Tensor) -> Tensor:
    """Channels second; the first channels of a result that has more."""
    y: Tensor = channels(0)(module, h)
    return y[..., : h.shape[-1]]


def flat(module: nn.Module, h: Tensor) -> Any:
    """The first position only."""
    return module(h[:, 0])


def shortened(module: nn.Module, h: Tensor) -> Tensor:
    """The first entries of a result that has more."""
    result = module(h)
    y: Tensor = (result[0] if isinstance(result, tuple) else result)[..., : h.shape[-1]]
    return y


def first(count: int) -> Use:
    """A module that reads so many entries of the stream."""
    return lambda module, h: module(h[..., :count])


def bag(module: nn.Module, h: Tensor) -> Tensor:
    """An embedding bag that is added to the stream."""
    y: Tensor = h + module(torch.arange(4)[None])[:, None]
    return y


def transposed(into: int, out: int, groups: int) -> nn.Module:
    """A transposed convolution in groups."""
    return nn.ConvTranspose1d(into, out, 3, padding=1, groups=groups)


def others(width: int) -> nn.Module:
    """Attention whose keys are twice as wide as its queries."""
    return nn.MultiheadAttention(width, 2, kdim=2 * width, vdim=width, batch_first=True, bias=False)


class Started(nn.Module):
    """A recurrent layer whose first state is learned."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(1, 1, width))
        self.rnn = nn.RNN(width, width, bias=False, batch_first=True)

    def forward(self, h: Tensor) -> Any:
        return self.rnn(h, self.start.expand(-1, len(h), -1).contiguous())


class Queried(nn.Module):
    """Learned queries, some of which pass a layer of their own first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.plain = nn.Parameter(torch.randn(3, width))
        self.sent = nn.Parameter(torch.randn(3, width))
        self.send = nn.Linear(width, width, bias=False)
        self.attend = nn.MultiheadAttention(width, 2, bias=False, batch_first=True)

    def forward(self, h: Tensor) -> Any:
        many = (len(h), -1, -1)
        y, _ = self.attend(self.plain.expand(many), h, h)
        return y + self.attend(self.send(self.sent).expand(many), h, h)[0]


class Raw(nn.Module):
    """Raw parameters of given shapes, and what is done with them."""

    def __init__(self, use: Callable[..., Tensor], **shapes: tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))
        self.use = use

    def forward(self, h: Tensor) -> Tensor:
        return self.use(h, *self.parameters())


MODULES: dict[str, tuple[Make, Use | None]] = {
    "Bilinear": (lambda w: nn.Bilinear(w, w, w), twice),
    "PReLU": (lambda w: nn.PReLU(w), flat),
    "one slope": (lambda w: nn.PReLU(), None),
    "LayerNorm": (lambda w: nn.LayerNorm(w), None),
    "RMSNorm": (lambda w: nn.RMSNorm(w), None),
    "BatchNorm1d": (lambda w: nn.BatchNorm1d(w), flat),
    "GroupNorm": (lambda w: nn.GroupNorm(2, w), flat),
    "InstanceNorm1d": (lambda w: nn.InstanceNorm1d(w, affine=True), channels(0)),
    "Conv1d": (lambda w: nn.Conv1d(w, 2 * w, 3, padding=1), narrowed),
    "Conv2d": (lambda w: nn.Conv2d(w, w, 1), channels(1)),
    "Conv3d": (lambda w: nn.Conv3d(w, w, 1), channels(2)),
    "depthwise": (lambda w: nn.Conv1d(w, w, 3, padding=1, groups=w), channels(0)),
    "in 4 groups": (lambda w: nn.Conv1d(w, w, 3, padding=1, groups=4), channels(0)),
    "ConvTranspose1d": (lambda w: nn.ConvTranspose1d(w, 2 * w, 3, padding=1), narrowed),
    "ConvTranspose2d": (lambda w: nn.ConvTranspose2d(w, w, 1), channels(1)),
    "ConvTranspose3d": (lambda w: nn.ConvTranspose3d(w, w, 1), channels(2)),
    "attention": (lambda w: nn.MultiheadAttention(w, 2, batch_first=True), attend()),
    "cross-attention": (crossed, attend(5, 7)),
    "encoder": (lambda w: nn.TransformerEncoderLayer(w, 2, 2 * w, batch_first=True), None),
    "decoder": (lambda w: nn.TransformerDecoderLayer(w, 2, 2 * w, batch_first=True), twice),
    "RNN": (lambda w: nn.RNN(w, w, batch_first=True), None),
    "GRU": (lambda w: nn.GRU(w, w, batch_first=True), None),
    "LSTM": (lambda w: nn.LSTM(w, w, batch_first=True), None),
    "LSTM, projected": (lambda w: nn.LSTM(w, 2 * w, batch_first=True, proj_size=w), None),
    "GRUCell": (lambda w: nn.GRUCell(w, w), flat),
    "LSTMCell": (lambda w: nn.LSTMCell(w, w), flat),
    "Linear": (lambda w: nn.Linear(w, 4 * w), shortened),
    "Embedding": (lambda w: nn.Embedding(11, w), lambda m, h: h + m(torch.arange(4))),
    "EmbeddingBag": (lambda w: nn.EmbeddingBag(11, w), bag),
    "BatchNorm2d": (lambda w: nn.BatchNorm2d(w), channels(1)),
    "2d in 4 groups": (lambda w: nn.Conv2d(w, w, 1, groups=4), channels(1)),
    "3d depthwise": (lambda w: nn.Conv3d(w, w, 3, padding=1, groups=w), channels(2)),
    "groups of 4": (lambda w: nn.Conv1d(w, w, 3, padding=1, groups=w // 4), channels(0)),
    "transposed, 4 groups": (lambda w: transposed(w, w, 4), channels(0)),
    "transposed, groups of 4": (lambda w: transposed(w, w, w // 4), channels(0)),
    "transposed, depthwise": (lambda w: transposed(w, w, w), channels(0)),
    "transposed, 2 for each": (lambda w: transposed(w, 2 * w, w), narrowed),
    "other keys": (others, lambda m, h: m(h, torch.cat([h, h], -1), h, need_weights=False)),
    "attention, eval": (lambda w: nn.MultiheadAttention(w, 2, batch_first=True).eval(), attend()),
    "encoder, eval": (
        lambda w: nn.TransformerEncoderLayer(w, 2, 2 * w, batch_first=True).eval(), None
    ),
    "decoder, eval": (
        lambda w: nn.TransformerDecoderLayer(w, 2, 2 * w, batch_first=True).eval(), twice
    ),
    "RNNCell": (lambda w: nn.RNNCell(w, w), flat),
    "GRU, 5 inputs": (lambda w: nn.GRU(5, w, batch_first=True), first(5)),
    "LSTM, 1 input": (lambda w: nn.LSTM(1, w, batch_first=True), first(1)),
    "LSTM, projected, 5 inputs": (
        lambda w: nn.LSTM(5, 2 * w, batch_first=True, proj_size=w), first(5)
    ),
    "GRU, both ways": (lambda w: nn.GRU(w, w, bidirectional=True, batch_first=True), shortened),
    "learned state": (Started, None),
    "learned queries": (Queried, None),
}  # fmt: skip


class Odd(nn.Module):
    """A tensor that is sorted, and one that nothing uses."""

    def __init__(self, width: int, sort: bool) -> None:
        super().__init__()
        self.w = nn.Linear(6, width)
        if sort:
            self.odd = nn.Parameter(torch.randn(width, width))
        else:
            self.spare = nn.Parameter(torch.randn(width))
        self.sort = sort

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.w(x)
        return h @ torch.linalg.inv(self.odd) if self.sort else h
