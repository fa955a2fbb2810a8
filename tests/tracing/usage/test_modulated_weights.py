"""Weights that activations multiply, against gains, which are multiplied into activations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.helpers.traced_models import Net, traced, vectors

IMAGE = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))


class Modulated(nn.Module):
    """A hidden layer whose weight is multiplied by a style of each example."""

    def __init__(self, width: int, how: str) -> None:
        super().__init__()
        self.style, self.how = nn.Linear(width, width), how
        self.w = nn.Parameter(torch.randn(width, width))

    def forward(self, x: Tensor) -> Tensor:
        w = self.w * self.style(x)[:, None]
        w = w * torch.rsqrt(w.pow(2).sum(-1, keepdim=True) + 1e-8)
        match self.how:
            case "einsum":
                return torch.einsum("boi,bi->bo", w, x)
            case "bmm":
                return torch.bmm(w, x[..., None])[..., 0]
            case _:
                return torch.stack([F.linear(row, own) for row, own in zip(x, w, strict=True)])


class Styled(nn.Module):
    """Convolutions with modulated weights, all examples as groups of one; a learned image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.image = nn.Parameter(torch.randn(1, width, 4, 4))
        self.style = nn.Linear(3, width)
        self.w = nn.Parameter(torch.randn(width, width, 3, 3))
        self.out = nn.Conv2d(width, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, n = len(x), self.w.shape[0]
        w = (self.w[None] * self.style(x.mean((2, 3)))[:, None, :, None, None]).view(b * n, n, 3, 3)
        stacked = self.image.expand(b, -1, -1, -1).reshape(1, b * n, 4, 4)
        y: Tensor = self.out(F.conv2d(stacked, w, padding=1, groups=b).view(b, n, 4, 4))
        return y


@pytest.mark.parametrize("how", ["einsum", "bmm", "linear"])
def test_a_modulated_weight_is_a_matrix(how: str) -> None:
    family = traced(lambda w: Net(w, Modulated(w, how)), vectors())
    tensor = family.tensor("hidden.w")
    assert (tensor.role, tensor.in_dims, tensor.out_dims) == ("hidden", (1,), (0,))


def test_a_modulated_convolution_and_the_image_it_reads() -> None:
    family = traced(Styled, IMAGE)
    roles = {t.name: t.role for t in family.tensors}
    assert (roles["w"], roles["image"]) == ("convolution", "vector")
    assert family.tensor("w").in_dims == (1, 2, 3)


class Merged(nn.Module):
    """A hidden layer whose weight is a mixture of several, other ones for each example."""

    def __init__(self, width: int, how: str) -> None:
        super().__init__()
        self.gate, self.how = nn.Linear(width, 3), how
        self.w = nn.Parameter(torch.randn(3, width, width))

    def forward(self, x: Tensor) -> Tensor:
        gates, n = self.gate(x).softmax(-1), x.shape[1]
        match self.how:
            case "einsum":
                w = torch.einsum("be,eio->bio", gates, self.w)
            case "ellipsis":
                w = torch.einsum("...e,eio->...io", gates, self.w)
            case "tensordot":
                w = torch.tensordot(gates, self.w, 1)
            case _:
                w = (gates @ self.w.view(3, -1)).view(-1, n, n)
        return torch.bmm(x[:, None], w)[:, 0]


@pytest.mark.parametrize("how", ["einsum", "ellipsis", "tensordot", "matmul"])
def test_a_mixture_of_matrices_acts_as_one(how: str) -> None:
    """Soft merging of experts (SMEAR, conditional convolutions): the sum over them is a weight."""
    tensor = traced(lambda w: Net(w, Merged(w, how)), vectors()).tensor("hidden.w")
    assert (tensor.role, tensor.in_dims, tensor.out_dims) == ("hidden", (1,), (2,))


class Heads(nn.Module):
    """Attention with projections of three dimensions, whose products are scores."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.q, self.k = (nn.Parameter(torch.randn(width, width // 4, 4)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        q, k = (torch.einsum("bd,dhe->bhe", h, w) for w in (self.q, self.k))
        return torch.einsum("bhe,che->bhc", q, k).flatten(1)


def test_queries_are_no_mixture() -> None:
    """Their product with keys has activations on both sides."""
    tensor = traced(Heads, vectors()).tensor("q")
    assert (tensor.role, tensor.in_dims, tensor.out_dims) == ("hidden", (0,), (1, 2))


def scores(q: Tensor, gain: Tensor) -> Tensor:
    heads = q.view(len(q), 2, -1) * gain
    return (heads @ heads.mT).flatten(1)


def numbers(x: Tensor, features: Tensor) -> Tensor:
    tokens = x[:, :6, None] * features  # a token for each of 6 numbers
    return (tokens @ tokens.mT).flatten(1)


@pytest.mark.parametrize(
    ("use", "shape"), [(scores, (2, -1)), (numbers, (6, -1))], ids=["a gain", "numbers as tokens"]
)
def test_what_has_one_growing_dimension_stays_a_vector(
    use: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, int]
) -> None:
    class Gained(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first = nn.Linear(6, width)
            self.gain = nn.Parameter(torch.ones(width if shape[0] == 6 else width // 2)
                                     .expand(*shape).clone())  # fmt: skip

        def forward(self, x: Tensor) -> Tensor:
            return use(self.first(x), self.gain)

    assert traced(Gained, vectors()).tensor("gain").role == "vector"
