"""Experts behind gates: what is summed over, and what is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError
from tests.helpers.traced_models import Net, traced, vectors


class Experts(nn.Module):
    """width/2 experts of 3 units, two of which see an input."""

    def __init__(self, width: int, gates: str, how: str = "in the einsum") -> None:
        super().__init__()
        self.router = nn.Linear(width, width // 2, bias=False)
        self.up = nn.Parameter(torch.randn(width // 2, width, 3) / width**0.5)
        self.down = nn.Parameter(torch.randn(width // 2, 3, width))
        self.gates, self.how = gates, how

    def forward(self, x: Tensor) -> Tensor:
        p = self.router(x).softmax(-1)
        v, i = p.topk(2, -1)
        if self.gates == "summing to one":
            v = v / v.sum(-1, keepdim=True)
        g = p if self.gates == "dense" else torch.zeros_like(p).scatter(-1, i, v)
        h = F.gelu(torch.einsum("bn,enf->bef", x, self.up))
        gated = h * g[..., None]
        match self.how:
            case "in the einsum":
                return torch.einsum("bef,efn,be->bn", h, self.down, g)
            case "before the einsum":
                return torch.einsum("bef,efn->bn", gated, self.down)
            case "before a flattened matmul":
                return gated.flatten(1) @ self.down.flatten(0, 1)
        return F.linear(gated.flatten(1), self.down.flatten(0, 1).t())


HOW = ["in the einsum", "before the einsum", "before a flattened matmul", "before a linear"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("gates", ["summing to one", "dense"])
def test_experts_are_no_terms_of_the_sum(gates: str, how: str) -> None:
    """The down-projection sums over the 3 units of the experts that count, at any width."""
    torch.manual_seed(0)
    inputs = torch.randn(64, 6)
    family = traced(lambda w: Net(w, Experts(w, gates, how)), inputs)
    down, up = family.tensor("hidden.down"), family.tensor("hidden.up")
    assert down.in_dims == (1,) and down.fans((64, 3, 128))[0] == 3
    assert down.role == "input"  # finite to growing: init and Adam's rate are constant
    assert up.in_dims == (1,) and up.role in {"hidden", "expert"}


def test_weights_of_experts_that_fade_are_refused() -> None:
    torch.manual_seed(0)
    with pytest.raises(InputError, match=r"hidden\.down: the number of experts grows .* fades"):
        traced(lambda w: Net(w, Experts(w, "fading")), vectors())


class Attention(nn.Module):
    """Heads whose number grows: they are summed over, as the negative control."""

    def __init__(self, width: int, flat: bool) -> None:
        super().__init__()
        self.flat = flat
        self.v = nn.Parameter(torch.randn(width, width // 4, 4))
        self.o = nn.Parameter(torch.randn(width // 4, 4, width))

    def forward(self, x: Tensor) -> Tensor:
        scores = torch.softmax(torch.ones(len(x), self.o.shape[0], 5, 5) * x[:, :1, None, None], -1)
        v = torch.einsum("bn,nhd->bhd", x, self.v)[:, None].expand(-1, 5, -1, -1)
        if self.flat:
            mixed = torch.einsum("bhqk,bkhd->bqhd", scores, v)
            return (mixed.flatten(2) @ self.o.flatten(0, 1)).mean(1)
        y = torch.einsum("bhqk,bkhd,hdo->bqo", scores, v, self.o)
        return y.mean(1)


@pytest.mark.parametrize("flat", [False, True])
def test_heads_are_terms_of_the_sum(flat: bool) -> None:
    torch.manual_seed(0)
    output = traced(lambda w: Net(w, Attention(w, flat)), vectors()).tensor("hidden.o")
    assert (output.role, output.in_dims) == ("hidden", (0, 1))
